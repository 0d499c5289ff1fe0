"use strict";

// The summary: evidence that is there whatever becomes of the snapshot.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { majors, node } = require("./support/node-versions");
const { ending, temporaryDirectory } = require("./support/program");
const { readSummary, snapshotsIn } = require("./support/snapshot");
const { dieWatched, dumpWatched, runWatched, summaryLines } = require("./support/watched");

const native = { method: "native", threshold: false, name: "mine" };

for (const major of majors) {
  test(`on Node ${major} a process that dies leaves a summary beside its snapshot`, async (context) => {
    const directory = temporaryDirectory(context);
    const finished = await dieWatched(native, { node: node(major).path, cwd: directory, flags: [] });
    assert.equal(finished.signal, "SIGABRT", `${ending(finished)}\n${finished.stderr}`);
    const { program, dump, heap, snapshot } = readSummary(directory, "mine");
    assert.equal(program, directory);
    assert.equal(dump.process, finished.pid);
    assert.equal(dump.oldGenerationLimit, 30 * 1024 * 1024);
    assert.ok(dump.collections.length > 0);
    assert.ok(heap.nodes > 10_000 && heap.bytes > 25e6, JSON.stringify(heap));
    assert.ok(heap.constructors.length > 10 && heap.constructors[0].bytes > 10e6, JSON.stringify(heap));
    assert.equal(snapshot.state, "complete");
    assert.equal(snapshot.file, "mine.heapsnapshot");
    assert.equal(snapshot.bytes, fs.statSync(path.join(directory, "mine.heapsnapshot")).size);
  });
}

const functions = (stack) => stack.map((call) => call.replace(/ \(.*/, ""));

for (const major of majors) {
  test(`on Node ${major} the summary has the JavaScript stack, also where native code lies between its frames`, async (context) => {
    const directory = temporaryDirectory(context);
    const script = `const instance = watch({ method: "native", threshold: false });
      function ask() { return instance.createHeapSnapshot("mine") }
      class Service { constructor() { this.dump = ask() } }
      function inSort() { return new Service() }
      [2, 1].sort(() => (inSort(), 0))`;
    await runWatched(script, { node: node(major).path, cwd: directory });
    const { jsStack } = readSummary(directory, "mine").heap;
    const calls = functions(jsStack);
    const from = calls.indexOf("ask");
    const expected = ["ask", "Service", "inSort", "<anonymous>", "sort"];
    assert.deepEqual(calls.slice(from, from + expected.length), expected, jsStack.join("\n"));
    assert.equal(jsStack[from], "ask ([eval]:2:19)");
    assert.equal(jsStack[from + 4], "sort (native)");
    assert.ok(
      jsStack.slice(from).every((call) => !call.includes("heap-watch.js")),
      jsStack.join("\n"),
    );
  });

  for (const [death, flags, leak] of [
    ["near the limit", ["--max-old-space-size=30"], "for (;;) chain = { chain, numbers: new Array(64).fill(1) }"],
    ["at once", ["--allow-natives-syntax"], "%FatalProcessOutOfMemoryInvalidArrayLength()"],
  ]) {
    test(`on Node ${major} a death ${death} tells whose call it was, in the file and on standard error`, async (context) => {
      const directory = temporaryDirectory(context);
      const script = `watch(${JSON.stringify(native)}); let chain
        function leak() { ${leak} }
        function onTimer() { leak() }
        setTimeout(onTimer)`;
      const finished = await runWatched(script, { node: node(major).path, cwd: directory, flags });
      const { jsStack } = readSummary(directory, "mine").heap;
      assert.deepEqual(functions(jsStack).slice(0, 3), ["leak", "onTimer", "listOnTimeout"], jsStack.join("\n"));
      assert.equal(jsStack[0], "leak ([eval]:2:22)");
      assert.ok(
        summaryLines(finished).some((line) => line.includes("JavaScript was in leak ([eval]:2:22), called by onTimer")),
        finished.stderr,
      );
    });
  }
}

test("a summary that no JavaScript asked for has no stack", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `
    const instance = watch({ threshold: false, method: "native", signal: "SIGUSR2", name: "mine" })
    instance.on("dump", () => process.exit())
    setInterval(() => {}, 1000)
    const later = "(sleep 0.5; kill -USR2 " + process.pid + ") &"
    require("node:child_process").spawn("sh", ["-c", later], { stdio: "ignore" })`;
  await runWatched(script, { cwd: directory });
  assert.deepEqual(readSummary(directory, "mine").heap.jsStack, []);
});

test("the summary has the memory of array buffers", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `globalThis.buffers = Array.from({ length: 5 }, () => new ArrayBuffer(1 << 20));
    watch({ method: "native", threshold: false }).createHeapSnapshot("mine")`;
  await runWatched(script, { cwd: directory });
  const { dump, heap } = readSummary(directory, "mine");
  assert.ok(heap.arrayBuffers >= 5 << 20 && heap.arrayBuffers <= dump.external, JSON.stringify({ dump, heap }));
});

const unusualHeaps = {
  "an array that is not visited in one go": "kept = Array.from({ length: 300_000 }, () => new Kept())",
  "a class for each object": "kept = Array.from({ length: 40_000 }, () => new (class Kept {})())",
  "many objects that have become dictionaries": `kept = Array.from({ length: 40_000 }, () => new Kept(1))
    for (const object of kept) delete object.value`,
  "objects that tell their own names": `kept = Array.from({ length: 1000 }, (_, index) => (
      { [Symbol.toStringTag]: index % 4 ? "Kept" : "Other" }))`,
};

/** Asserts that a dump of `heap` has as many instances of Kept in its summary as in its file. */
async function assertCountedRight(context, heap, binary) {
  const directory = temporaryDirectory(context);
  const script = `class Kept { constructor(value) { this.value = value } }
    globalThis.kept = null
    ${heap}
    watch(${JSON.stringify(native)}).createHeapSnapshot("mine").then(() => process.exit())`;
  await runWatched(script, { node: binary, cwd: directory });
  const { nodes, strings, snapshot } = JSON.parse(fs.readFileSync(path.join(directory, "mine.heapsnapshot"), "utf8"));
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const inFile = { name: "Kept", count: 0, bytes: 0 };
  for (let node = 0; node < nodes.length; node += fields.length) {
    if (types[0][nodes[node]] !== "object" || strings[nodes[node + fields.indexOf("name")]] !== "Kept") continue;
    inFile.count++;
    inFile.bytes += nodes[node + fields.indexOf("self_size")];
  }
  assert.ok(inFile.count > 500);
  const { constructors } = readSummary(directory, "mine").heap;
  assert.deepEqual(
    constructors.find(({ name }) => name === "Kept"),
    inFile,
  );
}

for (const major of majors) {
  test(`on Node ${major} the summary counts as the file does more objects than can wait to be visited`, (context) => {
    // Each array leads to the next one before most of its own objects are visited.
    const list = `for (let count = 0; count < 10_000; count++)
      kept = [...Array.from({ length: 40 }, () => new Kept()), kept]`;
    return assertCountedRight(context, list, node(major).path);
  });
}

for (const [what, heap] of Object.entries(unusualHeaps)) {
  test(`the summary counts as the file does ${what}`, (context) => assertCountedRight(context, heap));
}

test("ten lines on standard error tell the summary where disks do not last", async (context) => {
  const finished = await dieWatched(native, { cwd: temporaryDirectory(context), flags: [] });
  const lines = summaryLines(finished);
  assert.equal(lines.length, 10, finished.stderr);
  assert.match(lines[0], new RegExp(`process ${finished.pid}`));
  assert.ok(finished.stderr.indexOf(lines[9]) < finished.stderr.indexOf("is complete"), finished.stderr);
});

test("a dump that the program asks for tells no summary on standard error, and writes one", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `watch({ method: "native", threshold: false }).createHeapSnapshot("mine").then(() => process.exit())`;
  const finished = await runWatched(script, { cwd: directory });
  assert.deepEqual(summaryLines(finished), []);
  assert.equal(readSummary(directory, "mine").dump.reason, "request");
});

test("the summary is there before the first byte of the snapshot", async (context) => {
  const directory = temporaryDirectory(context);
  // The file of the snapshot can never grow: what is there when the dump fails was there before it.
  const script = `
    const { execFileSync } = require("node:child_process")
    execFileSync("prlimit", ["--pid", process.pid, "--fsize=65536"])
    const instance = watch({ method: "native", threshold: false })
    instance.createHeapSnapshot("mine").catch((error) => { console.log(error.message); process.exit() })`;
  const finished = await runWatched(script, { cwd: directory });
  assert.match(finished.stdout, /mine\.heapsnapshot\.part.*the summary is in .*mine\.summary\.json/);
  assert.deepEqual(snapshotsIn(directory), []);
  const { heap, snapshot } = readSummary(directory, "mine");
  assert.ok(heap.nodes > 10_000);
  assert.equal(snapshot.state, "failed");
  assert.match(snapshot.reason, /ulimit -f/);
});

test("a summary that exists is kept, and the new dump takes the next number", async (context) => {
  const directory = temporaryDirectory(context);
  fs.writeFileSync(path.join(directory, "mine.summary.json"), "precious");
  const [file] = await dumpWatched({ name: "mine" }, { cwd: directory });
  assert.equal(file, path.join(directory, "mine-1.heapsnapshot"));
  assert.equal(fs.readFileSync(path.join(directory, "mine.summary.json"), "utf8"), "precious");
  assert.equal(readSummary(directory, "mine-1").snapshot.file, "mine-1.heapsnapshot");
});

test("a link planted under the name of the summary is not followed", async (context) => {
  const directory = temporaryDirectory(context);
  fs.symlinkSync(path.join(directory, "elsewhere"), path.join(directory, "mine.summary.json"));
  await dumpWatched({ name: "mine" }, { cwd: directory });
  assert.ok(!fs.existsSync(path.join(directory, "elsewhere")));
  assert.equal(readSummary(directory, "mine-1").snapshot.state, "complete");
});
