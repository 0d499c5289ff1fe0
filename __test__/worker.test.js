"use strict";

// Worker threads: each isolate has a watch of its own, and a worker's death is not the process's.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const { test } = require("node:test");
const { node } = require("./support/node-versions");
const { ending, temporaryDirectory } = require("./support/program");
const { leakForever, ourLines, printed, root, runWatched } = require("./support/watched");

/** Source text of a worker that watches and leaks, started by a main thread that reports how the worker ended. */
const leakingWorker = (mainWatches) => `
  ${mainWatches ? 'watch({ name: "main" })' : ""}
  const { Worker } = require('node:worker_threads')
  const source = ${JSON.stringify(`require(${JSON.stringify(root)})(); ${leakForever}`)}
  const worker = new Worker(source, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 20 } })
  worker.on('error', ({ code }) => {
    // Turns of the event loop after the worker's death: the main thread lives on.
    setTimeout(() => { console.log(JSON.stringify({ code, pid: process.pid, threadId: worker.threadId })); process.exit(3) }, 200)
  })`;

for (const major of [20, 22, 24, 26]) {
  for (const mainWatches of [false, true]) {
    test(`on Node ${major} a worker that runs out of memory ${mainWatches ? "beside a main thread that watches " : ""}leaves a snapshot or a line that says why not, and the main thread lives on`, async (context) => {
      const directory = temporaryDirectory(context);
      const finished = await runWatched(leakingWorker(mainWatches), {
        node: node(major).path,
        cwd: directory,
        flags: ["--inspect=0"],
        timeout: 120_000,
      });
      assert.equal(finished.code, 3, `${ending(finished)}\n${finished.stderr}`);
      assert.equal(printed(finished).code, "ERR_WORKER_OUT_OF_MEMORY");

      const files = fs.readdirSync(directory);
      if (files.length > 0) {
        assert.equal(files.length, 1, files.join());
        assert.match(files[0], new RegExp(`^OoM-${printed(finished).pid}-1-.+\\.heapsnapshot$`));
        assert.equal(ourLines(finished).filter((line) => line.includes("is complete")).length, 1, finished.stderr);
      } else {
        const telling = finished.stderr
          .split("\n")
          .filter((line) => /(node-oom-heapdump|OomHeapdumpWarning).*worker/i.test(line));
        assert.equal(telling.length, 1, finished.stderr);
      }
    });
  }
}

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
