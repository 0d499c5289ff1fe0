"use strict";

// Processes and environments end at any time; neither may the watch keep them nor may it crash when they go.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { majors, node } = require("./support/node-versions");
const { ending, temporaryDirectory } = require("./support/program");
const { buildReader, readWithHeapParser, snapshotsIn } = require("./support/snapshot");
const { root, runWatched } = require("./support/watched");

/** Waits until nothing in the directory changes its name or size any more: the helper has ended as well. */
async function settled(directory) {
  const look = () =>
    JSON.stringify(snapshotsIn(directory).map((file) => [file, fs.statSync(path.join(directory, file)).size]));
  for (let before = null, now = look(); before !== now; now = look()) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

for (const milliseconds of [0, 5, 20, 50, 100, 200, 500, 1000]) {
  test(`process.exit ${milliseconds} ms after a dump was asked for ends the process with its own code and leaves no broken file`, async (context) => {
    buildReader();
    const directory = temporaryDirectory(context);
    const script = `
      watch({ threshold: 1, name: 'mine' })
      const kept = Array.from({ length: 50_000 }, (_, i) => ({ i }))
      gc()
      setTimeout(() => process.exit(kept.length === 50_000 ? 7 : 8), ${milliseconds})`;
    const finished = await runWatched(script, {
      cwd: directory,
      flags: ["--max-old-space-size=60", "--inspect=0", "--expose-gc"],
    });
    assert.equal(finished.code, 7, `${ending(finished)}\n${finished.stderr}`);
    await settled(directory);
    const files = snapshotsIn(directory);
    assert.deepEqual(
      files.filter((file) => file !== "mine.heapsnapshot"),
      [],
    );
    if (files.length > 0) await readWithHeapParser(path.join(directory, "mine.heapsnapshot"));
  });
}

for (const major of majors) {
  test(`on Node ${major} the package can be loaded only in workers that end, again and again`, async () => {
    const script = `
      const { Worker } = require('node:worker_threads')
      const source = ${JSON.stringify(`const instance = require(${JSON.stringify(root)})({ threshold: 90 }); if (!instance.status().limitBytes) throw new Error('not watching')`)}
      let left = 12
      const start = () => new Worker(source, { eval: true }).on('exit', (code) => {
        if (code !== 0) process.exit(1)
        if (--left > 0) return start()
        setTimeout(() => process.exit(7), 300)
      })
      start()`;
    const finished = await runWatched(script, { node: node(major).path, flags: ["--inspect=0", "--no-warnings"] });
    assert.equal(finished.code, 7, `${ending(finished)}\n${finished.stderr}`);
  });
}

test("workers that are terminated at any moment do not harm the process", async () => {
  const script = `
    watch()
    const { Worker } = require('node:worker_threads')
    const source = ${JSON.stringify(`require(${JSON.stringify(root)})({ threshold: 90 }); let chain; setInterval(() => { for (let i = 0; i < 1000; i++) chain = { chain } }, 1)`)}
    let left = 20
    const start = () => {
      const worker = new Worker(source, { eval: true })
      setTimeout(() => worker.terminate(), left * 10)
      worker.on('exit', () => { --left > 0 ? start() : process.exit(7) })
    }
    start()`;
  const finished = await runWatched(script, { flags: ["--inspect=0", "--no-warnings"] });
  assert.equal(finished.code, 7, `${ending(finished)}\n${finished.stderr}`);
});

test("the watch adds no listener, no timer and no handle that an application could meet", async () => {
  const script = `
    const listeners = () => process.eventNames().map((name) => [String(name), process.listenerCount(name)])
    const before = JSON.stringify([listeners(), process.getActiveResourcesInfo()])
    watch()
    console.log(before === JSON.stringify([listeners(), process.getActiveResourcesInfo()]))
    process.exit()`;
  assert.equal((await runWatched(script, { flags: ["--inspect=0"] })).stdout, "true\n");
});

test("the application reaps its own children and meets none of ours", async (context) => {
  const script = `
    const { spawnSync } = require('node:child_process')
    const instance = watch({ threshold: 1, name: 'mine' })
    gc()
    const codes = []
    const timer = setInterval(() => {
      codes.push(spawnSync('sh', ['-c', 'exit 5']).status)
      if (instance.status().dumps.length === 0) return
      clearInterval(timer)
      const children = require('node:fs').readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').trim()
      console.log(JSON.stringify({ right: codes.every((code) => code === 5), children }))
      process.exit()
    }, 10)`;
  const finished = await runWatched(script, {
    cwd: temporaryDirectory(context),
    flags: ["--max-old-space-size=60", "--inspect=0", "--expose-gc"],
  });
  assert.equal(finished.stdout, '{"right":true,"children":""}\n', finished.stderr);
});
