"use strict";

// What an instance tells while its program runs, and how it ceases to watch.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { majors, node } = require("./support/node-versions");
const { temporaryDirectory } = require("./support/program");
const { dieWatched, leakForever, ourLines, printed, root, runWatched } = require("./support/watched");

const dangerous = { flags: ["--max-old-space-size=60", "--expose-gc"], timeout: 30_000 };
const printFirst = (event) => `
  instance.once("${event}", (value) => { console.log(JSON.stringify(value, ["message", ...Object.keys(value)])); process.exit() })
  setInterval(() => {}, 1000)`;

for (const major of majors) {
  test(`on Node ${major} a dump at the threshold is told with its path, reason, method, sizes and times`, async (context) => {
    const directory = temporaryDirectory(context);
    const script = `const instance = watch({ threshold: 1, name: "mine" }); ${printFirst("dump")}; gc()`;
    const dump = printed(await runWatched(script, { ...dangerous, cwd: directory, node: node(major).path }));
    const { bytes, pauseMs, durationMs, ...rest } = dump;
    assert.deepEqual(rest, {
      path: path.join(directory, "mine.heapsnapshot"),
      reason: "threshold",
      method: "native",
      summaryPath: path.join(directory, "mine.summary.json"),
    });
    assert.equal(bytes, fs.statSync(dump.path).size);
    assert.ok(pauseMs > 0 && durationMs >= pauseMs, `${pauseMs} of ${durationMs} ms`);
  });
}

test("a snapshot that was asked for is told too", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `const instance = watch(); ${printFirst("dump")}; instance.createHeapSnapshot("mine")`;
  const dump = printed(await runWatched(script, { cwd: directory }));
  assert.equal(dump.reason, "request");
  assert.equal(dump.path, path.join(directory, "mine.heapsnapshot"));
});

test("of the inspector nobody knows how long the thread stood still", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `const instance = watch({ method: "inspector", name: "mine" }); ${printFirst("dump")}; instance.createHeapSnapshot()`;
  const dump = printed(await runWatched(script, { cwd: directory, flags: ["--inspect=0"] }));
  assert.equal(dump.method, "inspector");
  assert.equal(dump.pauseMs, null);
});

test("a dump that fails is an error event", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `
    require("fs").mkdirSync("gone")
    const instance = watch({ threshold: 1, name: "gone/mine" }); ${printFirst("error")}
    require("fs").rmdirSync("gone"); gc()`;
  const { message } = printed(await runWatched(script, { ...dangerous, cwd: directory }));
  assert.ok(message.includes(path.join(directory, "gone")), message);
});

test("an error event that nobody listens to ends no program", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `
    require("fs").mkdirSync("gone")
    const instance = watch({ threshold: 1, name: "gone/mine" })
    require("fs").rmdirSync("gone"); gc()
    setInterval(() => { if (instance.status().reason) setTimeout(() => { console.log("lives"); process.exit() }, 200) }, 20)`;
  const finished = await runWatched(script, { ...dangerous, cwd: directory });
  assert.match(finished.stdout, /^lives/);
  assert.equal(finished.code, 0, finished.stderr);
});

test("the first warning is an event too, for whoever listens at once", async () => {
  const script = `const instance = watch({ name: "missing/mine" }); instance.on("warning", (text) => console.log(JSON.stringify(text)))`;
  const text = printed(await runWatched(script));
  assert.match(text, /^No heap snapshot will be made: the folder .*missing cannot be written to/);
});

test("listeners keep no program alive", async () => {
  const script = `const instance = watch(); for (const event of ["dump", "warning", "error"]) instance.on(event, () => {})`;
  const finished = await runWatched(script, { timeout: 20_000 });
  assert.equal(finished.code, 0, finished.stderr);
});

test("a worker is told of its own dump", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `
    const { Worker } = require("worker_threads")
    new Worker(\`
      const { parentPort, threadId } = require("worker_threads")
      const instance = require(${JSON.stringify(root)})({ name: "of-worker" })
      instance.on("dump", (dump) => parentPort.postMessage(dump.path))
      instance.createHeapSnapshot()
      parentPort.on("message", () => {})\`, { eval: true }).once("message", (path) => { console.log(JSON.stringify(path)); process.exit() })`;
  assert.equal(printed(await runWatched(script, { cwd: directory })), path.join(directory, "of-worker.heapsnapshot"));
});

test("after stop() nothing is watched, and the program dies as without the package", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `
    const instance = watch({ name: "mine" }); instance.stop(); instance.stop()
    console.log(JSON.stringify(instance.status())); ${leakForever}`;
  const finished = await runWatched(script, { cwd: directory, flags: ["--max-old-space-size=30"] });
  const { armed, method, reason } = printed(finished);
  assert.deepEqual({ armed, method, reason }, { armed: false, method: null, reason: "the watch was stopped" });
  assert.deepEqual(ourLines(finished), []);
  assert.deepEqual(fs.readdirSync(directory), []);
});

test("after stop() a snapshot that is asked for is refused", async () => {
  const script = `
    const instance = watch(); instance.stop()
    instance.createHeapSnapshot("x").catch(({ message }) => console.log(JSON.stringify(message)))`;
  assert.match(printed(await runWatched(script)), /the watch was stopped/);
});

test("the next call after stop() watches anew, with its own options", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `
    const first = watch({ threshold: 80 }); first.stop()
    const second = watch({ threshold: 70, name: "second" })
    second.createHeapSnapshot().then((path) => { console.log(JSON.stringify([first === second, second.status().threshold, path])); process.exit() })`;
  assert.deepEqual(printed(await runWatched(script, { cwd: directory })), [
    false,
    70,
    path.join(directory, "second.heapsnapshot"),
  ]);
});

// The first thousands fill the pools of the allocators, at about 100 MB on every version. What is resident then rises and falls
// by some MB with V8's young generation, so that the least of three looks is compared.
test("a thousand starts and stops take no threads, descriptors or memory", async () => {
  const script = `
    const fs = require("fs")
    const level = () => ({
      threads: fs.readdirSync("/proc/self/task").length,
      descriptors: fs.readdirSync("/proc/self/fd").length,
      resident: process.memoryUsage.rss(),
    })
    const { setImmediate } = require("timers/promises")
    const cycle = async (times) => {
      for (let i = 0; i < times; i++) { watch({ rss: 10e12, signal: "SIGUSR2" }).stop(); await setImmediate() }
      gc()
    }
    const run = async () => {
      const levels = []
      await cycle(3500)
      for (let look = 0; look < 6; look++) { await cycle(500); levels.push(level()) }
      console.log(JSON.stringify(levels)); process.exit()
    }
    run()`;
  const levels = printed(await runWatched(script, { flags: ["--expose-gc", "--no-warnings"], timeout: 180_000 }));
  for (const kind of ["threads", "descriptors"]) assert.equal(levels.at(-1)[kind], levels[0][kind], kind);
  const least = (looks) => Math.min(...looks.map(({ resident }) => resident));
  const [before, after] = [least(levels.slice(0, 3)), least(levels.slice(3))];
  assert.ok(after - before < 8e6, `${before} bytes became ${after}`);
});

test("with heapdumpOnOOM: false only createHeapSnapshot makes a snapshot", async (context) => {
  const directory = temporaryDirectory(context);
  const finished = await dieWatched({ heapdumpOnOOM: false, name: "mine" }, { cwd: directory });
  assert.deepEqual(ourLines(finished), []);
  assert.deepEqual(fs.readdirSync(directory), []);
  const script = `watch({ heapdumpOnOOM: false }).createHeapSnapshot("asked").then((path) => { console.log(JSON.stringify(path)); process.exit() })`;
  assert.equal(printed(await runWatched(script, { cwd: directory })), path.join(directory, "asked.heapsnapshot"));
});
