"use strict";

// Worker threads: each isolate has a watch of its own, and a worker's death is not the process's.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { majors, node } = require("./support/node-versions");
const { ending, temporaryDirectory } = require("./support/program");
const { buildReader, readWithHeapParser, snapshotsIn } = require("./support/snapshot");
const { assertFailureIsTold, ourLines, printed, root, runWatched } = require("./support/watched");

const leakInWorker =
  "class LeakingClass { constructor(previous) { this.previous = previous; this.numbers = new Array(64).fill(0) } } " +
  "let last; setInterval(() => { for (let i = 0; i < 200; i++) last = new LeakingClass(last) }, 1)";

/** Source text of a worker that watches and leaks, started by a main thread that reports how the worker ended. */
const leakingWorker = (method, mainWatches) => `
  ${mainWatches ? `watch({ method: '${method}', name: 'main' })` : ""}
  const { Worker } = require('node:worker_threads')
  const source = ${JSON.stringify(`require(${JSON.stringify(root)})({ method: '${method}' }); ${leakInWorker}`)}
  const worker = new Worker(source, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 20 } })
  worker.on('error', ({ code }) => {
    // Turns of the event loop after the worker's death: the main thread lives on.
    setTimeout(() => { console.log(JSON.stringify({ code })); process.exit(3) }, 200)
  })`;

/** Runs out of memory in a worker; the main thread must outlive it. Adds `result`, what the main thread printed. */
async function killWorker(directory, method, major, mainWatches) {
  const flags = method === "inspector" ? ["--inspect=0"] : [];
  const options = { node: node(major).path, cwd: directory, flags, timeout: 120_000 };
  const finished = await runWatched(leakingWorker(method, mainWatches), options);
  assert.equal(finished.code, 3, `${ending(finished)}\n${finished.stderr}`);
  assert.equal(printed(finished).code, "ERR_WORKER_OUT_OF_MEMORY");
  return finished;
}

const methods = ["native", "inspector"];
for (const [method, major] of methods.flatMap((method) => majors.map((major) => [method, major]))) {
  test(`by the method ${method} on Node ${major} a worker that runs out of memory leaves its snapshot, and the main thread lives on`, async (context) => {
    buildReader();
    const directory = temporaryDirectory(context);
    const finished = await killWorker(directory, method, major, true);
    const files = snapshotsIn(directory);
    assert.equal(files.length, 1, `${files}\n${finished.stderr}`);
    assert.match(files[0], new RegExp(`^OoM-${finished.pid}-1-\\d+\\.heapsnapshot$`));
    assert.equal(ourLines(finished).filter((line) => line.includes("is complete")).length, 1, finished.stderr);
    const { instances } = await readWithHeapParser(path.join(directory, files[0]));
    assert.ok(instances > 10_000, `the snapshot holds ${instances} of the worker's leaked objects`);
  });
}

test("a worker whose main thread does not watch says that it does not know the inspector", async (context) => {
  const directory = temporaryDirectory(context);
  const finished = await killWorker(directory, "inspector", 24, false);
  assert.deepEqual(snapshotsIn(directory), []);
  assert.equal(finished.stderr.match(/OomHeapdumpWarning: .*main thread/g)?.length, 1, finished.stderr);
  assertFailureIsTold(finished, `worker 1 of process ${finished.pid}`, /127\.0\.0\.1:9229/);
});

test("a worker's limit is that of its resourceLimits, unless the command line sets one", async () => {
  const limit = async (flags) => {
    const source = `require('node:worker_threads').parentPort.postMessage(require(${JSON.stringify(root)})().status().limitBytes)`;
    const script = `
      const { Worker } = require('node:worker_threads')
      new Worker(${JSON.stringify(source)}, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 30 } })
        .on('message', (bytes) => { console.log(bytes / 1048576); process.exit() })`;
    return printed(await runWatched(script, { flags: ["--inspect=0", "--no-warnings", ...flags] }));
  };
  assert.equal(await limit([]), 30);
  assert.equal(await limit(["--max-old-space-size=50"]), 50);
});
