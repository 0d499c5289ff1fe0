"use strict";

// What a helper leaves that is killed: a complete snapshot or nothing, and never a word that is not true.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { before, test } = require("node:test");
const { temporaryDirectory } = require("./support/program");
const { buildReader, readWithHeapParser, snapshotsIn } = require("./support/snapshot");
const { ourLines, printed, runWatched } = require("./support/watched");

before(buildReader);

const processes = `require(${JSON.stringify(path.join(__dirname, "support", "processes.js"))})`;

/** Asks for a dump whose helper is killed as soon as there is a file of that name; gives what becomes of the promise. */
const killedWhenThereIs = (name) => `
  const fs = require("node:fs")
  const { helpersOf } = ${processes}
  globalThis.kept = Array.from({ length: 5e5 }, (_, index) => ({ index }))
  const dump = watch({ method: "native", threshold: false }).createHeapSnapshot("mine")
  let helper
  while (!helper) [helper] = helpersOf(process.pid)
  while (!fs.existsSync(${JSON.stringify(name)}));
  process.kill(helper.id, "SIGKILL")
  dump.then((file) => ({ file }), ({ message }) => ({ message }))
    .then((result) => console.log(JSON.stringify(result)))`;

for (const name of ["mine.heapsnapshot.part", "mine.summary.json.part"]) {
  test(`a helper that is killed beside ${name} leaves no temporary file, and the error says so`, async (context) => {
    const directory = temporaryDirectory(context);
    const finished = await runWatched(killedWhenThereIs(name), { cwd: directory });
    const { message } = printed(finished);
    assert.match(message, /^no heap snapshot: the helper .*what it had written of it was removed$/);
    assert.deepEqual(ourLines(finished), []);
    assert.deepEqual(snapshotsIn(directory), []);
  });
}

test("a temporary file that cannot be removed is named", async (context) => {
  const directory = temporaryDirectory(context);
  const script = killedWhenThereIs("mine.heapsnapshot.part").replace(
    'process.kill(helper.id, "SIGKILL")',
    'fs.renameSync("mine.heapsnapshot.part", "moved"); fs.mkdirSync("mine.heapsnapshot.part"); $&',
  );
  const { message } = printed(await runWatched(script, { cwd: directory }));
  const part = path.join(directory, "mine.heapsnapshot.part");
  assert.ok(message.includes(`remove by hand what it has left: ${part} (`), message);
});

test("a snapshot that had its name when the helper was killed is a snapshot", async (context) => {
  // Between the file's name and the helper's word of it lie the folder's and the summary's way to the disk.
  for (let tries = 0, isHit = false; !isHit; tries++) {
    assert.ok(tries < 10, "the helper was never killed in time");
    const directory = temporaryDirectory(context);
    const finished = await runWatched(killedWhenThereIs("mine.heapsnapshot"), { cwd: directory });
    const file = path.join(directory, "mine.heapsnapshot");
    assert.deepEqual(printed(finished), { file });
    assert.deepEqual(snapshotsIn(directory), ["mine.heapsnapshot"]);
    assert.ok((await readWithHeapParser(file)).nodes > 5e5);
    isHit = /is complete: .*mine\.heapsnapshot; the helper .* ended .* before it could say so/.test(finished.stderr);
  }
});
