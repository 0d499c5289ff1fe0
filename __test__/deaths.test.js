"use strict";

// A dump under any death, and nobody is held, slowed or ended by a dump who would have lived.
const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { before, test } = require("node:test");
const { majors, node } = require("./support/node-versions");
const { helpersOf } = require("./support/processes");
const { ending, run, temporaryDirectory } = require("./support/program");
const { buildReader, readWithHeapParser } = require("./support/snapshot");
const { leakForever, ourLines, printed, root, runWatched } = require("./support/watched");

before(buildReader);

/** Our snapshots. Those that Node's own near-heap-limit callback writes are called `Heap.…`. */
const snapshots = (directory) =>
  fs.readdirSync(directory).filter((name) => name.endsWith(".heapsnapshot") && !name.startsWith("Heap."));

/** A class that the readers count. */
const keepMarked = (count) =>
  `class LeakingClass {} globalThis.kept = Array.from({ length: ${count} }, () => new LeakingClass());`;

/** Asserts that one snapshot lies in the directory and holds so many instances of LeakingClass. */
async function assertHolds(directory, instances) {
  const files = snapshots(directory);
  assert.equal(files.length, 1, `${files}`);
  assert.equal((await readWithHeapParser(path.join(directory, files[0]))).instances, instances);
}

const fatalErrors = {
  "invalid table size": {
    flags: ["--max-old-space-size=1000"],
    script: "const table = new Array(30e6).fill(0); Object.defineProperty(table, 0, { get: () => 1 })",
  },
  "invalid array length": {
    flags: ["--allow-natives-syntax"],
    script: "%FatalProcessOutOfMemoryInvalidArrayLength()",
  },
};

for (const major of majors) {
  test(`on Node ${major} one array far above the limit does not end the process before the inspector's dump`, async (context) => {
    const directory = temporaryDirectory(context);
    const pastTheLimit = "globalThis.arrays = []; setInterval(() => arrays.push(new Array(20e6).fill(0.5)), 20)";
    const died = await runWatched(`watch({ method: "inspector" }); ${keepMarked(1234)} ${pastTheLimit}`, {
      node: node(major).path,
      flags: ["--max-old-space-size=64", "--inspect=0"],
      cwd: directory,
    });
    assert.equal(died.signal, "SIGABRT", ending(died));
    await assertHolds(directory, 1234);
  });
}

for (const major of majors) {
  for (const [location, { flags, script }] of Object.entries(fatalErrors)) {
    test(`on Node ${major} a death by "${location}" leaves a snapshot, and Node's own message and abort`, async (context) => {
      const directory = temporaryDirectory(context);
      const options = { node: node(major).path, flags, cwd: directory };
      const watched = await runWatched(
        `watch({ threshold: false, method: "native" }); ${keepMarked(1234)} ${script}`,
        options,
      );
      const alone = await runWatched(script, { ...options, watch: "node:path" });
      const message = ({ stderr }) => stderr.match(/^.*FATAL ERROR.*$/m)?.[0];
      assert.equal(watched.signal, alone.signal, ending(watched));
      assert.equal(message(watched), message(alone));
      assert.ok(message(watched).includes(location), message(watched));
      assert.equal(ourLines(watched).length, 2, watched.stderr);
      assert.ok(ourLines(watched)[0].includes(`V8 has given up (${location})`), watched.stderr);
      await assertHolds(directory, 1234);
    });
  }

  test(`on Node ${major} a report on the fatal error is written as without the module`, async (context) => {
    const directory = temporaryDirectory(context);
    await runWatched(`watch({ threshold: false, method: "native" }); ${fatalErrors["invalid array length"].script}`, {
      node: node(major).path,
      flags: ["--allow-natives-syntax", "--report-on-fatalerror", "--report-filename=report.json"],
      cwd: directory,
    });
    assert.deepEqual(snapshots(directory).length, 1);
    const { header } = JSON.parse(fs.readFileSync(path.join(directory, "report.json"), "utf8"));
    assert.equal(header.trigger, "OOMError");
  });

  for (const [activity, wait] of [
    ["idle", "setInterval(() => {}, 1e6)"],
    ["in a loop that never yields", "for (let i = 0; ; i++) globalThis.turn = { i }"],
  ]) {
    test(`on Node ${major} a process that is ${activity} is dumped when its buffers pass rss`, async (context) => {
      const directory = temporaryDirectory(context);
      const script = `
        watch({ threshold: false, method: "native", rss: ${200 << 20} }); ${keepMarked(321)}
        globalThis.buffers = Buffer.alloc(${250 << 20}, 1); ${wait}`;
      const finished = await runUntilDumped(context, script, { node: node(major).path, cwd: directory });
      assert.match(ourLines(finished)[0], /holds \d+\.\d MB of memory, above rss: 200\.0 MB: taking a heap snapshot$/);
      await assertHolds(directory, 321);
    });

    test(`on Node ${major} a process that is ${activity} is dumped on the signal`, async (context) => {
      const directory = temporaryDirectory(context);
      const script = `
        watch({ threshold: false, method: "native", signal: "SIGUSR2" }); ${keepMarked(321)}
        console.log("ready"); setTimeout(() => { ${wait} }, 50)`;
      const finished = await runUntilDumped(context, script, {
        node: node(major).path,
        cwd: directory,
        onOutput: (child) => setTimeout(() => child.kill("SIGUSR2"), 500),
      });
      assert.match(ourLines(finished)[0], /was asked by a signal: taking a heap snapshot$/);
      await assertHolds(directory, 321);
    });
  }

  test(`on Node ${major} register covers all workers, and one that runs out of memory is not the process' end`, async (context) => {
    const directory = temporaryDirectory(context);
    const leak =
      "class LeakingClass { constructor(last) { this.last = last; this.numbers = new Array(64).fill(0) } } let last; setInterval(() => { for (let i = 0; i < 200; i++) last = new LeakingClass(last) }, 1)";
    const script = `
      const { Worker } = require("node:worker_threads")
      new Worker(${JSON.stringify(leak)}, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 20 } })
        .on("error", ({ code }) => setTimeout(() => { console.log(JSON.stringify({ code })); process.exit(3) }, 100))`;
    const finished = await run(node(major).path, ["-r", path.join(root, "register.js"), "-e", script], {
      cwd: directory,
      timeout: 120_000,
    });
    assert.equal(finished.code, 3, `${ending(finished)}\n${finished.stderr}`);
    assert.equal(printed(finished).code, "ERR_WORKER_OUT_OF_MEMORY");
    const files = snapshots(directory);
    assert.equal(files.length, 1, finished.stderr);
    assert.match(files[0], new RegExp(`^OoM-${finished.pid}-1-`));
    assert.ok((await readWithHeapParser(path.join(directory, files[0]))).instances > 10_000);
  });

  test(`on Node ${major} a process that comes near its limit and lives on is not held by its dump`, async (context) => {
    const { child, helper, directory } = await startWithStoppedHelper(
      context,
      recovering({ threshold: false, method: "native", name: "near" }),
      {
        node: node(major).path,
        flags: [...RAISED_LIMIT, "--max-old-space-size=60", "--max-semi-space-size=1"],
      },
    );
    await child.says("recovered");
    assert.deepEqual(snapshots(directory), []);
    process.kill(helper, "SIGCONT");
    const finished = await child.ends();
    assert.equal(finished.code, 0, `${ending(finished)}\n${finished.stderr}`);
    assert.deepEqual(snapshots(directory), ["near.heapsnapshot"]);
    assert.equal(ourLines(finished).length, 2, finished.stderr);
  });
}

/** Node's own callback waits behind ours, so that the limit is raised for it. Else V8 ends the process by the limit it has. */
const RAISED_LIMIT = ["--heapsnapshot-near-heap-limit=1"];

/** A program that fills its heap until V8 raises the limit, which it does near its end only, then lets go of all it holds. */
const recovering = (options, rounds = 1) => `
  const instance = watch(${JSON.stringify(options)})
  const { getHeapStatistics } = require("node:v8")
  const limit = () => getHeapStatistics().heap_size_limit
  const fill = () => {
    const before = limit()
    let chain
    while (limit() <= before) for (let i = 0; i < 50; i++) chain = { chain, numbers: new Array(64).fill(i) }
  }
  const complete = async (count) => {
    while (instance.status().dumps.length < count) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  ;(async () => {
    for (let round = 1; round <= ${rounds}; round++) {
      fill()
      console.log("recovered")
      await complete(round)
      if (round < ${rounds}) for (let i = 0; i < 3e6; i++) globalThis.garbage = { i, numbers: [i, i] }
    }
  })()`;

/** Starts a script that has `watch` as \`runWatched\` does, to look at it while it runs. It does not outlive the test. */
function start(context, script, { node = process.execPath, flags = [], ...options }) {
  const process_ = spawn(node, [...flags, "-e", `const watch = require(${JSON.stringify(root)}); ${script}`], {
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
  context.after(() => {
    for (const { id } of helpersOf(process_.pid)) signalIfAlive(id, "SIGKILL");
    process_.kill("SIGKILL");
  });
  let [stdout, stderr] = ["", ""];
  process_.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  process_.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const closed = new Promise((resolve) =>
    process_.on("close", (code, signal) => resolve({ pid: process_.pid, code, signal, stdout, stderr })),
  );
  return {
    process: process_,
    ends: () => closed,
    says: (word) => until(() => stdout.includes(word), `it says ${word}; it said ${stdout} ${stderr}`),
    complains: (word) => until(() => stderr.includes(word), `it complains of ${word}; it said ${stdout} ${stderr}`),
  };
}

async function until(condition, what, timeout = 60_000) {
  const deadline = Date.now() + timeout;
  for (let value = condition(); ; value = condition()) {
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function signalIfAlive(id, signal) {
  try {
    process.kill(id, signal);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/**
 * Starts a script and stops its helper before the snapshot is complete: a disk that takes nothing. On a busy machine the
 * helper may be the faster one; then it is tried again.
 */
async function startWithStoppedHelper(context, script, options) {
  for (let attempt = 1; attempt <= 10; attempt++) {
    const directory = temporaryDirectory(context);
    const child = start(context, script, { ...options, cwd: directory });
    const isComplete = () => snapshots(directory).length > 0;
    await until(() => isComplete() || helpersOf(child.process.pid).length > 0, "there is a helper or its file");
    const [helper] = helpersOf(child.process.pid);
    if (helper) signalIfAlive(helper.id, "SIGSTOP");
    if (helper && !isComplete()) return { child, helper: helper.id, directory };
    child.process.kill("SIGKILL");
  }
  throw new Error("the helper was faster than the test, ten times");
}

/** Runs a script until its snapshot is complete, then ends it. */
async function runUntilDumped(context, script, { onOutput, ...options }) {
  const child = start(context, script, options);
  if (onOutput) child.process.stdout.once("data", () => onOutput(child.process));
  try {
    await child.complains("is complete");
  } finally {
    child.process.kill("SIGKILL");
  }
  return child.ends();
}

test("a process that recovered from its limit is dumped when it comes near it again", async (context) => {
  const directory = temporaryDirectory(context);
  const options = { threshold: false, method: "native", name: "near", cooldown: 0 };
  const finished = await runWatched(recovering(options, 2), {
    flags: [...RAISED_LIMIT, "--max-old-space-size=60"],
    cwd: directory,
  });
  assert.equal(finished.code, 0, `${ending(finished)}\n${finished.stderr}`);
  assert.deepEqual(snapshots(directory), ["near-1.heapsnapshot", "near.heapsnapshot"]);
});

test("a dump that hangs holds a dying process no longer than the timeout", async (context) => {
  const { child, helper } = await startWithStoppedHelper(
    context,
    `watch({ threshold: false, method: "native", timeout: 1500 }); ${leakForever}`,
    { flags: ["--max-old-space-size=30"] },
  );
  const [code, signal] = await new Promise((resolve) => child.process.on("exit", (...end) => resolve(end)));
  process.kill(helper, "SIGCONT");
  assert.equal(signal, "SIGABRT", `exit code ${code}`);
  assert.match((await child.ends()).stderr, /FATAL ERROR/);
});

/** An idle process beside so many has some hundredths of a CPU at most. */
const LOOPS_ON_A_CPU = 3;

/** Keeps all CPUs busy until the test is over. */
function keepCpusBusy(context) {
  const count = LOOPS_ON_A_CPU * os.cpus().length;
  const loops = Array.from({ length: count }, () => spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }));
  context.after(() => loops.forEach((loop) => loop.kill("SIGKILL")));
}

test("a dying process does not wait for a dump at idle priority that gets no CPU, but makes its own", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `
    watch({ threshold: false, method: "native", name: "left", signal: "SIGUSR2" })
    ${keepMarked(2_500_000)}
    process.on("SIGUSR2", () => { for (let chain; ; ) chain = { chain, numbers: new Array(64).fill(1) } })
    setInterval(() => {}, 1e6)
    console.log("holds")`;
  const child = start(context, script, {
    node: "setpriv",
    // Who may raise priorities, as root may, has the idle dump finished.
    flags: ["--bounding-set=-sys_nice", process.execPath, "--max-old-space-size=110"],
    cwd: directory,
  });
  await child.says("holds");
  keepCpusBusy(context);
  child.process.kill("SIGUSR2");
  const finished = await child.ends();
  assert.equal(finished.signal, "SIGABRT", `${ending(finished)}\n${finished.stderr}`);
  const [, first, , second] = ourLines(finished);
  assert.match(first, /no heap snapshot of process \d+: .* got no CPU: /, finished.stderr);
  assert.match(second, /is complete: /, finished.stderr);
  await assertHolds(directory, 2_500_000);
});

/** Makes garbage and long-lived objects, so that full collections find the heap above one percent. */
const collect = "globalThis.kept = Array.from({ length: 50000 }, (_, i) => ({ i })); gc();";

/** Runs collections one after another, and asserts that so many of them are dumped, each complete before the next collection. */
async function assertDumped(expected, options, times, context) {
  const directory = temporaryDirectory(context);
  const script = `
    const instance = watch(${JSON.stringify({ threshold: 1, method: "native", suspects: false, ...options })});
    (async () => {
      for (let time = 0; time < ${times}; time++) {
        const before = instance.status().dumps.length
        ${collect}
        const patience = before < ${expected} ? 20_000 : 500
        for (let waited = 0; waited < patience && instance.status().dumps.length === before; waited += 10)
          await new Promise((resolve) => setTimeout(resolve, 10))
      }
    })()`;
  const flags = ["--max-old-space-size=60", "--expose-gc"];
  const finished = await runWatched(script, { flags, cwd: directory });
  assert.equal(finished.code, 0, finished.stderr);
  assert.equal(snapshots(directory).length, expected, finished.stderr);
}

test("a living process is dumped once, however often it is above the threshold", async (context) => {
  await assertDumped(1, { cooldown: 0 }, 4, context);
});

test("a living process is dumped up to maxDumps times", async (context) => {
  await assertDumped(3, { maxDumps: 3, cooldown: 0 }, 5, context);
});

test("between two dumps of a living process lies the cooldown", async (context) => {
  await assertDumped(1, { maxDumps: 3, cooldown: 60_000 }, 3, context);
});

test("with maxDumps: 0 only a death is dumped", async (context) => {
  await assertDumped(0, { maxDumps: 0, cooldown: 0 }, 3, context);
});

/** A process that was dumped at its threshold early on, and dies: how many dumps it leaves. */
async function spikeAndDie(cooldown, context) {
  const directory = temporaryDirectory(context);
  const script = `
    const instance = watch({ threshold: 1, method: "native", cooldown: ${cooldown} }); ${collect}
    const wait = setInterval(() => {
      if (instance.status().dumps.length === 0) return
      clearInterval(wait)
      setTimeout(() => { ${leakForever} }, 400)
    }, 10)`;
  const finished = await runWatched(script, { flags: ["--max-old-space-size=40", "--expose-gc"], cwd: directory });
  assert.equal(finished.signal, "SIGABRT", `${ending(finished)}\n${finished.stderr}`);
  return snapshots(directory).length;
}

test("a spike at the start does not cost the dump of a later death", async (context) => {
  assert.equal(await spikeAndDie(300, context), 2);
});

test("a death soon after a complete dump leaves no second one", async (context) => {
  assert.equal(await spikeAndDie(600_000, context), 1);
});

test("processes that die at once with one name each leave their own whole file", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `watch({ threshold: false, method: "native", name: "same" }); ${keepMarked(55)} %FatalProcessOutOfMemoryInvalidArrayLength()`;
  const flags = ["--allow-natives-syntax"];
  await Promise.all(Array.from({ length: 6 }, () => runWatched(script, { flags, cwd: directory })));
  assert.equal(snapshots(directory).length, 6);
  for (const file of snapshots(directory)) {
    assert.equal((await readWithHeapParser(path.join(directory, file))).instances, 55);
  }
});
