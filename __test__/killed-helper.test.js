"use strict";

// What a helper leaves that is killed: a complete snapshot or nothing, and never a word that is not true.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { before, test } = require("node:test");
const { temporaryDirectory } = require("./support/program");
const { buildReader, readSummary, readWithHeapParser, snapshotsIn } = require("./support/snapshot");
const { ourLines, printed, runWatched } = require("./support/watched");

before(buildReader);

/**
 * Asks for a dump whose helper is killed as soon as there is a file of that name; gives what becomes of the promise. The file
 * may be there too shortly to be seen: then the dump is complete, and nobody is killed.
 */
const killedWhenThereIs = (name) => `
  const fs = require("node:fs")
  globalThis.kept = Array.from({ length: 2e5 }, (_, index) => ({ index }))
  const dump = watch({ method: "native", threshold: false, keep: 1 }).createHeapSnapshot("mine")
  const children = () => fs.readFileSync("/proc/self/task/" + process.pid + "/children", "utf8").trim().split(" ")
  const isHelper = (id) => {
    try {
      return fs.readFileSync("/proc/" + id + "/comm", "utf8") === "node-oom-heapdu\\n"
    } catch {
      return false // There is no child, or it has ended meanwhile.
    }
  }
  let helper
  while (!(helper = children().find(isHelper)) && !fs.existsSync("mine.heapsnapshot"));
  while (!fs.existsSync(${JSON.stringify(name)}) && !fs.existsSync("mine.heapsnapshot"));
  if (helper && fs.existsSync(${JSON.stringify(name)})) process.kill(Number(helper), "SIGKILL")
  dump.then((file) => ({ file }), ({ message }) => ({ message }))
    .then((result) => console.log(JSON.stringify(result)))`;

/**
 * Runs such a script until the helper was killed in time: `{ directory, finished, result }`. `prepare` is called with the
 * directory of each try, `flags` are Node's, `others` the files that may be there too.
 */
async function untilKilled(context, script, wasInTime, { prepare = () => {}, flags = [], others = [] } = {}) {
  for (let tries = 0; tries < 30; tries++) {
    const directory = temporaryDirectory(context);
    prepare(directory);
    const finished = await runWatched(script, { cwd: directory, flags });
    const result = printed(finished);
    if (wasInTime({ finished, result })) return { directory, finished, result };
    const file = path.join(directory, "mine.heapsnapshot");
    assert.deepEqual(result, { file });
    const left = snapshotsIn(directory).filter((name) => !others.includes(name));
    assert.deepEqual(left, ["mine.heapsnapshot"]);
  }
  throw new Error("the helper was never killed in time");
}

const hasFailed = ({ result }) => result.message !== undefined;

for (const name of ["mine.heapsnapshot.part", "mine.summary.json.part"]) {
  test(`a helper that is killed beside ${name} leaves no temporary file, and the error says so`, async (context) => {
    const { directory, finished, result } = await untilKilled(context, killedWhenThereIs(name), hasFailed);
    assert.match(result.message, /^no heap snapshot: the helper .*its temporary files are removed$/);
    assert.deepEqual(ourLines(finished), []);
    assert.deepEqual(snapshotsIn(directory), []);
  });
}

test("a temporary file that cannot be removed is named", async (context) => {
  const script = killedWhenThereIs("mine.heapsnapshot.part").replace(
    "process.kill(",
    'fs.renameSync("mine.heapsnapshot.part", "moved"), fs.mkdirSync("mine.heapsnapshot.part"), $&',
  );
  const { directory, result } = await untilKilled(context, script, hasFailed);
  const part = path.join(directory, "mine.heapsnapshot.part");
  assert.ok(result.message.includes(`remove by hand what it has left: ${part} (`), result.message);
});

/** Files that the option `keep` has the helper read, between the name of its own and its word of it. */
function delayKeep(directory) {
  for (let number = 0; number < 5000; number++) fs.writeFileSync(path.join(directory, `${number}.summary.json`), "{}");
}

test("a snapshot that had its name when the helper was killed is a snapshot", async (context) => {
  const saysSo = /is complete: .*mine\.heapsnapshot; the helper .* ended .* before it could say so/;
  const { directory, result } = await untilKilled(
    context,
    killedWhenThereIs("mine.heapsnapshot"),
    ({ finished }) => saysSo.test(finished.stderr),
    { prepare: delayKeep },
  );
  const file = path.join(directory, "mine.heapsnapshot");
  assert.deepEqual(result, { file });
  assert.deepEqual(snapshotsIn(directory), ["mine.heapsnapshot"]);
  assert.equal(readSummary(directory, "mine").snapshot.file, "mine.heapsnapshot");
  assert.ok((await readWithHeapParser(file)).nodes > 2e5);
});

for (const [what, name, options] of [
  ["it looks for what leaked", "mine.suspects.json.part", {}],
  ["the program of the option exec runs", "begun", { suspects: false, exec: ["sh", "-c", "touch begun; sleep 1"] }],
]) {
  test(`a helper that is killed while ${what} is told of, and leaves the snapshot and no temporary file`, async (context) => {
    const all = { method: "native", threshold: 1, name: "mine", ...options };
    const script = `
      const fs = require("node:fs")
      const { helpersOf } = require(${JSON.stringify(path.join(__dirname, "support", "processes.js"))})
      globalThis.kept = Array.from({ length: 2e5 }, (_, index) => ({ index }))
      const instance = watch(${JSON.stringify(all)})
      gc()
      while (!fs.existsSync(${JSON.stringify(name)}) && !fs.existsSync("mine.suspects.json"));
      if (fs.existsSync(${JSON.stringify(name)})) for (const { id } of helpersOf(process.pid)) process.kill(id, "SIGKILL")
      instance.on("dump", ({ path }) => setTimeout(() => console.log(JSON.stringify({ file: path })), 300))
      setTimeout(() => process.exit(), 2000)`;
    const flags = ["--expose-gc", "--max-old-space-size=100"];
    const isTold = ({ finished }) =>
      /ended .* when the heap snapshot was complete, so what follows/.test(finished.stderr);
    const others = ["mine.suspects.json", "begun"];
    const { directory } = await untilKilled(context, script, isTold, { flags, others });
    const left = snapshotsIn(directory).filter((file) => !others.includes(file));
    assert.deepEqual(left, ["mine.heapsnapshot"]);
  });
}
