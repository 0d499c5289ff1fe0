"use strict";

// The native method: dumps without the inspector, of a program that runs on and does not notice.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { before, test } = require("node:test");
const { majors, node } = require("./support/node-versions");
const { ending, run, temporaryDirectory } = require("./support/program");
const { buildReader, readWithHeapParser, snapshotsIn } = require("./support/snapshot");
const { dieWatched, ourLines, printed, root, runWatched } = require("./support/watched");

before(buildReader);

const support = (name) => `require(${JSON.stringify(path.join(__dirname, "support", name))})`;

/** Runs the body of an async function that has `instance`, a watch by the native method; its result is `result`. */
async function runNative(body, { options = {}, ...rest } = {}) {
  const script = `
    const instance = watch(${JSON.stringify({ method: "native", threshold: false, ...options })});
    (async () => { ${body} })().then((result) => { console.log(JSON.stringify({ result })); process.exit() })`;
  const finished = await runWatched(script, rest);
  return { ...finished, result: printed(finished).result };
}

for (const major of majors) {
  test(`on Node ${major} createHeapSnapshot resolves to the path of a whole snapshot`, async (context) => {
    const directory = temporaryDirectory(context);
    const { result, stderr } = await runNative("return [await instance.createHeapSnapshot(), instance.status()]", {
      node: node(major).path,
      cwd: directory,
      options: { name: "mine" },
    });
    const file = path.join(directory, "mine.heapsnapshot");
    const [resolved, status] = result;
    assert.equal(resolved, file);
    assert.equal(status.method, "native");
    assert.deepEqual(status.dumps, [file]);
    assert.deepEqual(snapshotsIn(directory), ["mine.heapsnapshot"]);
    assert.ok((await readWithHeapParser(file)).nodes > 10_000);
    assert.equal(stderr.split("\n").length, 2, stderr);
  });

  test(`on Node ${major} a snapshot of a worker holds the worker's heap, and one of the main thread its own`, async (context) => {
    const directory = temporaryDirectory(context);
    const leak = (count) => `
      const { Ledger } = ${support("leaking-class.js")}
      const ledger = new Ledger()
      for (let made = 0; made < ${count}; made++) ledger.leak({ made })`;
    const inWorker = `${leak(77)}
      const instance = require(${JSON.stringify(root)})({ method: 'native', threshold: false })
      instance.createHeapSnapshot('worker').then(() => require('node:worker_threads').parentPort.postMessage('made'))`;
    await runNative(
      `${leak(1000)}
      const { Worker } = require('node:worker_threads')
      const worker = new Worker(${JSON.stringify(inWorker)}, { eval: true })
      await require('node:events').once(worker, 'message')
      return instance.createHeapSnapshot('main')`,
      { node: node(major).path, cwd: directory },
    );
    const seen = async (name) => (await readWithHeapParser(path.join(directory, `${name}.heapsnapshot`))).instances;
    assert.deepEqual({ main: await seen("main"), worker: await seen("worker") }, { main: 1000, worker: 77 });
  });

  test(`on Node ${major} dumps leave memory flags, processes, descriptors and signals as they were`, async (context) => {
    const inWorker = `
      const { execFileSync } = require('node:child_process')
      const instance = require(${JSON.stringify(root)})({ method: 'native', threshold: false })
      require('node:worker_threads').parentPort.on('message', async (name) => {
        await instance.createHeapSnapshot(name)
        this.postMessage(execFileSync('echo', ['worker'], { encoding: 'utf8' }))
      })`.replace("this.", "require('node:worker_threads').parentPort.");
    const { result } = await runNative(
      `
      const { once } = require('node:events')
      const { execFileSync, spawn } = require('node:child_process')
      const { Worker } = require('node:worker_threads')
      const { childrenOf, descriptorsOf, memoryFlagsOf } = ${support("processes.js")}
      const worker = new Worker(${JSON.stringify(inWorker)}, { eval: true })
      const dumpInWorker = async (name) => { worker.postMessage(name); return (await once(worker, 'message'))[0].trim() }
      let signals = 0
      process.on('SIGCHLD', () => signals++)
      await instance.createHeapSnapshot('warm-up')
      await dumpInWorker('warm-up in a worker')
      await new Promise((resolve) => setTimeout(resolve, 50))
      const before = { flags: memoryFlagsOf(process.pid), descriptors: descriptorsOf(process.pid) }
      signals = 0
      for (let dump = 0; dump < 5; dump++) await instance.createHeapSnapshot('main')
      await new Promise((resolve) => setTimeout(resolve, 50))
      const signalsOfDumps = signals
      const after = { flags: memoryFlagsOf(process.pid), descriptors: descriptorsOf(process.pid) }
      const same = Object.keys(before.flags).filter((range) => range in after.flags)
      const spawned = spawn('echo', ['main'])
      return {
        signalsOfDumps,
        descriptors: after.descriptors - before.descriptors,
        children: childrenOf(process.pid).filter(({ id }) => id !== spawned.pid),
        markedMappings: same.filter((range) => / dc( |$)/.test(before.flags[range])).length,
        changed: same.filter((range) => before.flags[range] !== after.flags[range]),
        mainSpawns: String(await once(spawned.stdout, 'data')).trim(),
        workerSpawns: await dumpInWorker('worker'),
      }`,
      { node: node(major).path, cwd: temporaryDirectory(context) },
    );
    const { markedMappings, ...rest } = result;
    assert.ok(markedMappings > 10, `V8 marks its heap: ${markedMappings} mappings`);
    assert.deepEqual(rest, {
      // The helper is an ordinary child, one a dump. Nothing is seen of the frozen child.
      signalsOfDumps: 5,
      descriptors: 0,
      children: [],
      changed: [],
      mainSpawns: "main",
      workerSpawns: "worker",
    });
  });

  test(`on Node ${major} a process without a threshold leaves its snapshot at the limit`, async (context) => {
    const directory = temporaryDirectory(context);
    const options = { method: "native", threshold: false, name: "mine" };
    const finished = await dieWatched(options, { node: node(major).path, cwd: directory, flags: [] });
    assert.equal(finished.signal, "SIGABRT", `${ending(finished)}\n${finished.stderr}`);
    assert.equal(ourLines(finished).length, 2, finished.stderr);
    assert.deepEqual(snapshotsIn(directory), ["mine.heapsnapshot"]);
    assert.ok((await readWithHeapParser(path.join(directory, "mine.heapsnapshot"))).selfSize > 25e6);
  });

  test(`on Node ${major} a frozen child that is killed costs the dump, one line, and nothing else`, async (context) => {
    const directory = temporaryDirectory(context);
    const { result, stderr } = await runNative(
      `
      const { frozenChildrenOf } = ${support("processes.js")}
      // Enough that the child is still at work when it is found.
      globalThis.kept = Array.from({ length: 1e6 }, (_, index) => ({ index }))
      const dump = instance.createHeapSnapshot('mine')
      while (frozenChildrenOf(process.pid).length === 0);
      for (const { id } of frozenChildrenOf(process.pid)) process.kill(id, 'SIGKILL')
      return dump.catch((error) => error.message)`,
      { node: node(major).path, cwd: directory },
    );
    assert.match(result, /^no heap snapshot of process \d+: .*was killed by signal 9/);
    assert.deepEqual(ourLines({ stderr }), [`node-oom-heapdump: ${result}`]);
    assert.deepEqual(snapshotsIn(directory), []);
  });

  test(`on Node ${major} a helper that is killed costs the dump, and nothing else`, async (context) => {
    const directory = temporaryDirectory(context);
    const { result } = await runNative(
      `
      const { childrenOf, helpersOf } = ${support("processes.js")}
      const dump = instance.createHeapSnapshot('mine')
      for (const helper of helpersOf(process.pid)) process.kill(helper.id, 'SIGKILL')
      return [await dump.catch((error) => error.message), childrenOf(process.pid)]`,
      { node: node(major).path, cwd: directory },
    );
    const [reason, children] = result;
    assert.match(reason, /^no heap snapshot: the helper \(process \d+\) ended before the snapshot was complete/);
    assert.deepEqual(children, []);
    assert.ok(!fs.existsSync(path.join(directory, "mine.heapsnapshot")));
  });

  for (const killed of ["frozenChildrenOf", "helpersOf"]) {
    const reader = killed === "helpersOf" ? "the helper" : "the frozen child";
    test(`on Node ${major} the inspector serves where ${reader} is killed, if it is known`, async (context) => {
      const directory = temporaryDirectory(context);
      const { result, stderr } = await runNative(
        `
        const { childrenOf, ${killed} } = ${support("processes.js")}
        gc()
        while (${killed}(process.pid).length === 0);
        for (const { id } of ${killed}(process.pid)) process.kill(id, 'SIGKILL')
        while (instance.status().dumps.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
        return childrenOf(process.pid)`,
        {
          node: node(major).path,
          cwd: directory,
          flags: ["--max-old-space-size=60", "--inspect=0", "--expose-gc"],
          options: { method: "auto", threshold: 1, name: "mine", suspects: false },
        },
      );
      assert.deepEqual(result, []);
      const lines = ourLines({ stderr });
      assert.equal(lines.length, 4, stderr);
      assert.match(lines[1], /no heap snapshot.*(killed by signal 9|SIGKILL)/);
      assert.match(lines[2], /the inspector is asked/);
      assert.match(lines[3], /is complete/);
      const [file] = snapshotsIn(directory);
      await readWithHeapParser(path.join(directory, file));
    });
  }

  test(`on Node ${major} a worker that is ended during its dump harms nobody`, async (context) => {
    const directory = temporaryDirectory(context);
    const inWorker = `
      const instance = require(${JSON.stringify(root)})({ method: 'native', threshold: false })
      instance.createHeapSnapshot('worker')
      require('node:worker_threads').parentPort.postMessage('begun')`;
    const { result } = await runNative(
      `
      const { once } = require('node:events')
      const { Worker } = require('node:worker_threads')
      for (let round = 0; round < 5; round++) {
        const worker = new Worker(${JSON.stringify(inWorker)}, { eval: true })
        await once(worker, 'message')
        await worker.terminate()
        // Whatever became of the worker's dump, the next one finds its place free before long.
        for (;;) {
          try { await instance.createHeapSnapshot('main'); break } catch (error) { if (!/still being made/.test(error)) throw error }
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
      }
      return ${support("processes.js")}.childrenOf(process.pid)`,
      { node: node(major).path, cwd: directory },
    );
    assert.deepEqual(result, []);
    for (const file of snapshotsIn(directory)) await readWithHeapParser(path.join(directory, file));
  });

  test(`on Node ${major} process.exit during a dump ends the process with its own code, and the file is whole`, async (context) => {
    const directory = temporaryDirectory(context);
    const script = `
      const instance = watch({ method: 'native', threshold: false })
      instance.createHeapSnapshot('mine')
      process.exit(7)`;
    const finished = await runWatched(script, { node: node(major).path, cwd: directory });
    assert.equal(finished.code, 7, `${ending(finished)}\n${finished.stderr}`);
    // Standard error is the helper's too, so the process counts as finished only when both have ended.
    assert.deepEqual(snapshotsIn(directory), ["mine.heapsnapshot"]);
    await readWithHeapParser(path.join(directory, "mine.heapsnapshot"));
  });

  test(`on Node ${major} a V8 that is not known is an environment warning and never an exception`, async (context) => {
    const report = (options) => `
      const warnings = []
      process.on('warning', ({ name, message }) => { if (name === 'OomHeapdumpWarning') warnings.push(message) })
      Object.defineProperty(process, 'versions', { value: { ...process.versions, v8: '99.9.1' } })
      const { armed, method } = watch(${JSON.stringify(options)}).status()
      setTimeout(() => { console.log(JSON.stringify({ warnings, armed, method })); process.exit() }, 50)`;
    const seen = async (method, flags) =>
      printed(
        await runWatched(report({ method }), { node: node(major).path, cwd: temporaryDirectory(context), flags }),
      );
    for (const [method, flags, expected] of [
      ["native", [], { armed: false, method: null }],
      ["auto", [], { armed: false, method: "inspector" }],
      ["auto", ["--inspect=0"], { armed: true, method: "inspector" }],
    ]) {
      const { warnings, ...rest } = await seen(method, flags);
      assert.deepEqual(rest, expected);
      assert.equal(warnings.length, 1, JSON.stringify(warnings));
      assert.match(warnings[0], /V8 99\.9\.1 is not known/);
    }
  });

  test(`on Node ${major} a V8 that is not laid out as its version says is not read, and the warning names a number that differs`, async (context) => {
    const [first, second] = majors;
    const { v8 } = printed(
      await run(node(major === first ? second : first).path, ["-p", "JSON.stringify(process.versions)"]),
    );
    const script = `
      const warnings = []
      process.on('warning', ({ name, message }) => { if (name === 'OomHeapdumpWarning') warnings.push(message) })
      Object.defineProperty(process, 'versions', { value: { ...process.versions, v8: '${v8}' } })
      const { armed } = watch({ method: 'native' }).status()
      setTimeout(() => { console.log(JSON.stringify({ warnings, armed })); process.exit() }, 50)`;
    const seen = printed(await runWatched(script, { node: node(major).path, cwd: temporaryDirectory(context) }));
    assert.equal(seen.armed, false);
    assert.equal(seen.warnings.length, 1, JSON.stringify(seen.warnings));
    assert.match(seen.warnings[0], /is not laid out as .*: this V8 states v8dbg_\w+ = \d+, .* known to have \d+/);
  });
}

for (const [what, given, expected] of [
  ["an absolute path", (directory) => path.join(directory, "a.heapsnapshot"), "a.heapsnapshot"],
  ["a path relative to the working directory", () => "folder/b.heapsnapshot", "folder/b.heapsnapshot"],
  ["a path without the extension", () => "c", "c.heapsnapshot"],
]) {
  test(`createHeapSnapshot takes ${what}`, async (context) => {
    const directory = temporaryDirectory(context);
    fs.mkdirSync(path.join(directory, "folder"));
    const given_ = JSON.stringify(given(directory));
    const { result } = await runNative(`return instance.createHeapSnapshot(${given_})`, { cwd: directory });
    assert.equal(result, path.join(directory, expected));
    assert.ok(fs.existsSync(result));
  });
}

test("createHeapSnapshot keeps an existing file and takes the next free name", async (context) => {
  const directory = temporaryDirectory(context);
  fs.writeFileSync(path.join(directory, "mine.heapsnapshot"), "kept");
  const { result } = await runNative("return instance.createHeapSnapshot('mine')", { cwd: directory });
  assert.notEqual(result, path.join(directory, "mine.heapsnapshot"));
  assert.deepEqual(snapshotsIn(directory).sort(), ["mine.heapsnapshot", path.basename(result)].sort());
  assert.equal(fs.readFileSync(path.join(directory, "mine.heapsnapshot"), "utf8"), "kept");
});

test("createHeapSnapshot to a folder that does not exist rejects and names it", async (context) => {
  const directory = temporaryDirectory(context);
  const body = "return instance.createHeapSnapshot('missing/mine').catch((error) => error.message)";
  const { result } = await runNative(body, { cwd: directory });
  assert.ok(result.includes(path.join(directory, "missing")), result);
});

test("the program runs on while its snapshot is made", async (context) => {
  const { result } = await runNative(
    `
    const kept = Array.from({ length: 200_000 }, (_, number) => ({ number }))
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await instance.createHeapSnapshot('mine')
    clearInterval(timer)
    return turns + kept.length`,
    { cwd: temporaryDirectory(context) },
  );
  assert.ok(result > 200_005, `${result - 200_000} turns of the event loop during the dump`);
});

test("a second dump at the same time is refused in one sentence, and the first is made", async (context) => {
  const directory = temporaryDirectory(context);
  const { result, stderr } = await runNative(
    `
    const first = instance.createHeapSnapshot('first')
    const second = await instance.createHeapSnapshot('second').catch((error) => error.message)
    await first
    return second`,
    { cwd: directory },
  );
  assert.match(result, /another dump of this process is still being made; try again when it has ended$/);
  assert.deepEqual(snapshotsIn(directory), ["first.heapsnapshot"]);
  assert.equal(ourLines({ stderr }).length, 1, stderr);
});

test("as soon as one dump is made the next may begin", async (context) => {
  const body = "for (let dump = 0; dump < 10; dump++) await instance.createHeapSnapshot('mine')";
  const directory = temporaryDirectory(context);
  await runNative(body, { cwd: directory });
  assert.equal(snapshotsIn(directory).length, 10);
});

test("a danger that meets another dump is met by the next collection", async (context) => {
  const directory = temporaryDirectory(context);
  const { result } = await runNative(
    `
    const asked = instance.createHeapSnapshot('asked')
    gc()
    await asked
    gc()
    while (instance.status().dumps.length < 2) await new Promise((resolve) => setTimeout(resolve, 10))
    return instance.status().dumps`,
    { cwd: directory, flags: ["--max-old-space-size=60", "--expose-gc"], options: { threshold: 1, name: "danger" } },
  );
  assert.deepEqual(
    result.map((file) => path.basename(file)),
    ["asked.heapsnapshot", "danger.heapsnapshot"],
  );
});
