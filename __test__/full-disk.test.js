"use strict";

// Disks that are full, broken, read-only or gone. No file under a final name that is not complete, no `.part` that is not
// named, and a program that does not notice.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { brokenDisk, readOnlyDisk, smallDisk } = require("./support/disks");
const { temporaryDirectory } = require("./support/program");
const { readSummary, snapshotsIn } = require("./support/snapshot");
const { printed, runWatched } = require("./support/watched");

const processes = `require(${JSON.stringify(path.join(__dirname, "support", "processes.js"))})`;

/**
 * A program with 30 MB in its heap takes a dump into this directory, while `meanwhile` runs; then it works on. What it was
 * told (the path, or why there is none), and what people were.
 */
async function takeDump(directory, { meanwhile = "", options = {}, ...rest } = {}) {
  const script = `
    const kept = Array.from({ length: 300_000 }, (_, number) => ({ number, text: "text " + number }))
    const instance = watch(${JSON.stringify({ method: "native", threshold: false, ...options })});
    const directory = ${JSON.stringify(directory)};
    (async () => {
      const dump = instance.createHeapSnapshot(directory + "/mine").catch((error) => error.message)
      ${meanwhile}
      const told = await dump
      // The program works on: it allocates, collects and still has what it had.
      for (let round = 0; round < 20; round++) Array.from({ length: 10_000 }, (_, n) => ({ n }))
      return { told, kept: kept.length }
    })().then((result) => { console.log(JSON.stringify(result)); process.exit() })`;
  const finished = await runWatched(script, rest);
  const { told, kept } = printed(finished);
  assert.equal(kept, 300_000);
  return { told, stderr: finished.stderr };
}

/** Stops the helper as soon as the temporary file is there, does something, and lets it go on. */
const whileWriting = (what) => `
  const fs = require("node:fs")
  const { helpersOf } = ${processes}
  const isWriting = () => { try { return fs.statSync(directory + "/mine.heapsnapshot.part").size > 0 } catch { return false } }
  while (!isWriting()) await new Promise((resolve) => setTimeout(resolve, 1))
  for (const { id } of helpersOf(process.pid)) process.kill(id, "SIGSTOP")
  ${what}
  for (const { id } of helpersOf(process.pid)) process.kill(id, "SIGCONT")`;

test("a disk with too little room is told with figures beforehand, and the summary alone is written", async (context) => {
  const disk = smallDisk(context, 10 << 20);
  const { told } = await takeDump(disk);
  assert.match(told, /takes \d+\.\d MB more and the heap snapshot needs about \d+\.\d MB/);
  assert.match(told, /the summary is in .*mine\.summary\.json/);
  assert.deepEqual(fs.readdirSync(disk), ["mine.summary.json"]);
  const { heap, snapshot } = readSummary(disk, "mine");
  assert.equal(snapshot.state, "failed");
  assert.ok(heap.constructors.length > 0);
});

test("a disk that takes the compressed snapshot only is enough for that", async (context) => {
  const disk = smallDisk(context, 32 << 20);
  const { told } = await takeDump(disk, { options: { compress: "gzip" } });
  assert.equal(told, path.join(disk, "mine.heapsnapshot.gz"));
});

test("a disk that gets full meanwhile keeps the summary, and no other file", async (context) => {
  const disk = smallDisk(context, 200 << 20);
  const fill = `
    const file = fs.openSync(directory + "/filler", "w")
    try { for (;;) fs.writeSync(file, Buffer.alloc(1 << 20)) } catch {}
    try { for (;;) fs.writeSync(file, Buffer.alloc(4096)) } catch {}`;
  const { told } = await takeDump(disk, { meanwhile: whileWriting(fill) });
  assert.match(told, /mine\.heapsnapshot\.part: No space left.*free space/);
  assert.deepEqual(snapshotsIn(disk), ["filler"]);
  assert.ok(readSummary(disk, "mine").heap.nodes > 300_000);
});

test("a disk that fails only when it is written back makes no final file", async (context) => {
  const disk = brokenDisk(context);
  const { told, stderr } = await takeDump(disk);
  assert.match(told, /cannot write .*mine\.heapsnapshot\.part/);
  // Such a disk may refuse to remove a file as well.
  for (const file of snapshotsIn(disk)) {
    assert.ok(file === "lost+found" || (file.endsWith(".part") && stderr.includes(path.join(disk, file))), file);
  }
});

test("a directory that takes no new files is named with what to do", async (context) => {
  const disk = readOnlyDisk(context);
  const { told } = await takeDump(disk);
  assert.ok(told.includes(`${disk}/mine.heapsnapshot.part`), told);
  assert.match(told, /choose a folder that this user may write to/);
});

test("a directory that is removed meanwhile is named, and no file comes to be elsewhere", async (context) => {
  const parent = temporaryDirectory(context);
  const directory = path.join(parent, "dumps");
  fs.mkdirSync(directory);
  const { told } = await takeDump(directory, { meanwhile: whileWriting("fs.rmSync(directory, { recursive: true })") });
  assert.ok(told.includes(directory), told);
  assert.match(told, /create it/);
  assert.deepEqual(fs.readdirSync(parent), []);
});

test("a link that takes the directory's place meanwhile leads no file elsewhere", async (context) => {
  const parent = temporaryDirectory(context);
  const [directory, elsewhere] = ["dumps", "elsewhere"].map((name) => path.join(parent, name));
  fs.mkdirSync(directory);
  fs.mkdirSync(elsewhere);
  const swap = `fs.renameSync(directory, directory + ".moved"); fs.symlinkSync(${JSON.stringify(elsewhere)}, directory)`;
  await takeDump(directory, { meanwhile: whileWriting(swap) });
  assert.deepEqual(fs.readdirSync(elsewhere), []);
  assert.deepEqual(fs.readdirSync(`${directory}.moved`).sort(), ["mine.heapsnapshot", "mine.summary.json"]);
});
