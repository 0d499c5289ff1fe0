"use strict";

// What becomes of a dump whose frozen child crashes: another one, or the inspector, makes it.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { before, test } = require("node:test");
const { majors, node } = require("./support/node-versions");
const { ending, temporaryDirectory } = require("./support/program");
const { buildReader, readSummary, readWithHeapParser } = require("./support/snapshot");
const { ourLines, printed, runWatched } = require("./support/watched");

before(buildReader);

// At V8's fatal error, with no call near the limit before it, the heap is read in shared memory at once.
const dieAtOnce = `
  globalThis.chain = null;
  for (let link = 0; link < 80_000; link++) globalThis.chain = { next: globalThis.chain, numbers: new Array(64).fill(1) };
  %FatalProcessOutOfMemoryInvalidArrayLength();`;

const processes = `require(${JSON.stringify(path.join(__dirname, "support", "processes.js"))})`;

/** The code of a worker that sends `signal` to the first frozen child of its process, also while the main thread is held. */
const killer = (signal) => `
  const { frozenChildrenOf } = ${processes}
  require('node:worker_threads').parentPort.postMessage('ready')
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (;;) {
    const [child] = frozenChildrenOf(process.pid)
    if (child) {
      process.kill(child.id, '${signal}')
      break
    }
    Atomics.wait(pause, 0, 0, 1)
  }`;

for (const major of majors) {
  test(`on Node ${major} a reader that crashes in a dying process is followed by one that has a copy, and the file is whole`, async (context) => {
    const directory = temporaryDirectory(context);
    const script = `
      const { Worker } = require('node:worker_threads')
      watch({ method: 'native', threshold: false, name: 'mine' })
      new Worker(${JSON.stringify(killer("SIGSEGV"))}, { eval: true }).once('message', () => { ${dieAtOnce} })`;
    const finished = await runWatched(script, {
      node: node(major).path,
      cwd: directory,
      flags: ["--allow-natives-syntax"],
    });
    assert.equal(finished.signal, "SIGABRT", `${ending(finished)}\n${finished.stderr}`);
    const lines = ourLines(finished);
    assert.equal(lines.length, 3, finished.stderr);
    assert.match(lines[1], /crashed with signal 11.*; the heap is read once more, from a copy of the memory$/);
    assert.match(lines[2], /is complete/);
    assert.deepEqual(fs.readdirSync(directory).sort(), [
      "mine.heapsnapshot",
      "mine.summary.json",
      "mine.suspects.json",
    ]);
    assert.ok((await readWithHeapParser(path.join(directory, "mine.heapsnapshot"))).selfSize > 40e6);
  });

  test(`on Node ${major} createHeapSnapshot takes the inspector where the reader fails, and the file has the name that was wanted`, async (context) => {
    const directory = temporaryDirectory(context);
    const script = `
      const { frozenChildrenOf } = ${processes}
      const instance = watch({ method: 'auto', threshold: false })
      const dump = instance.createHeapSnapshot('mine')
      while (frozenChildrenOf(process.pid).length === 0);
      for (const { id } of frozenChildrenOf(process.pid)) process.kill(id, 'SIGSEGV')
      dump.then((file) => { console.log(JSON.stringify({ file })); process.exit() })`;
    const finished = await runWatched(script, { node: node(major).path, cwd: directory, flags: ["--inspect=0"] });
    const file = path.join(directory, "mine.heapsnapshot");
    assert.deepEqual(printed(finished), { file });
    assert.deepEqual(fs.readdirSync(directory).sort(), ["mine.heapsnapshot", "mine.summary.json"]);
    assert.equal(readSummary(directory, "mine").snapshot.state, "complete");
    const lines = ourLines(finished);
    assert.equal(lines.length, 3, finished.stderr);
    assert.match(lines[0], /crashed with signal 11/);
    assert.match(lines[1], /the inspector is asked/);
    assert.match(lines[2], /is complete/);
    await readWithHeapParser(file);
  });
}
