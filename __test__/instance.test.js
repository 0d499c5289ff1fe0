"use strict";

// The instance that a call gives, and what it tells of itself.
const assert = require("node:assert/strict");
const path = require("node:path");
const { test } = require("node:test");
const { temporaryDirectory } = require("./support/program");
const {
  copyPackage,
  dieWatched,
  dumpWatched,
  leakForever,
  ourLines,
  printed,
  root,
  runWatched,
} = require("./support/watched");

const flags = ["--max-old-space-size=60", "--inspect=0"];

test("a second call returns the same instance", async () => {
  const finished = await runWatched(
    "console.log(typeof watch({ threshold: 80 }).status, watch() === watch()); process.exit()",
    { flags },
  );
  assert.equal(finished.stdout, "function true\n");
});

test("status() tells of a watch that is armed", async () => {
  const status = printed(
    await runWatched("console.log(JSON.stringify(watch({ threshold: 80 }).status())); process.exit()", { flags }),
  );
  const { usedBytes, ...rest } = status;
  assert.deepEqual(rest, {
    armed: true,
    method: "native",
    reason: null,
    threshold: 80,
    limitBytes: 60 * 1024 * 1024,
    dumps: [],
  });
  assert.ok(usedBytes > 1e6 && usedBytes < 60e6, `usedBytes is ${usedBytes}`);
});

test("the threshold is 75 when none is given, and false when there shall be none", async () => {
  const threshold = async (options) =>
    printed(
      await runWatched(`console.log(JSON.stringify(watch(${options}).status().threshold)); process.exit()`, { flags }),
    );
  assert.equal(await threshold(""), 75);
  assert.equal(await threshold('{ threshold: "60" }'), 60);
  assert.equal(await threshold("{ threshold: false }"), false);
});

test("usedBytes follows the old generation", async () => {
  const script = `
    const instance = watch(), before = instance.status().usedBytes
    const kept = Array.from({ length: 100 }, () => new Array(20_000).fill(0))
    console.log(JSON.stringify(instance.status().usedBytes - before))
    process.exit(kept.length - 100)`;
  const grown = printed(await runWatched(script, { flags }));
  assert.ok(grown > 10e6 && grown < 17e6, `16 MB more are seen as ${grown} bytes`);
});

test("status() lists the path of a finished dump", async (context) => {
  const directory = temporaryDirectory(context);
  assert.deepEqual(await dumpWatched({ name: "mine" }, { cwd: directory }), [
    path.join(directory, "mine.heapsnapshot"),
  ]);
});

test("without a threshold the dump is made when V8 says that the limit is near", async (context) => {
  const directory = temporaryDirectory(context);
  const finished = await dieWatched({ threshold: false, name: "near-limit" }, { cwd: directory });
  assert.match(finished.stderr, /is complete: .*near-limit\.heapsnapshot/);
});

test("two installed copies of the package in one process make one dump", async (context) => {
  const directory = temporaryDirectory(context);
  const second = copyPackage(path.join(directory, "second"));
  const script = `watch({ name: 'first' }); require(${JSON.stringify(second)})({ name: 'second' }); ${leakForever}`;
  const finished = await runWatched(script, { cwd: directory, flags: ["--max-old-space-size=30", "--inspect=0"] });
  assert.equal(ourLines(finished).filter((line) => line.includes("is complete")).length, 1, finished.stderr);
});

test("the package can be required again after it was removed from the cache of modules", async () => {
  const script = `
    watch()
    for (const module of Object.keys(require.cache)) delete require.cache[module]
    console.log(require(${JSON.stringify(root)})() !== undefined)
    process.exit()`;
  assert.equal((await runWatched(script, { flags })).stdout, "true\n");
});

test("a program that watches ends by itself when it has nothing more to do", async () => {
  const finished = await runWatched("console.log(watch().status().armed)", { flags, timeout: 20_000 });
  assert.equal(finished.stdout, "true\n");
  assert.equal(finished.code, 0, finished.stderr);
});
