"use strict";

// What happens to the files of a dump: compressed, a few kept, handed to a program.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { before, test } = require("node:test");
const zlib = require("node:zlib");
const { temporaryDirectory } = require("./support/program");
const { buildReader, readSummary, readWithDevTools, readWithHeapParser, snapshotsIn } = require("./support/snapshot");
const { dieWatched, dumpWatched, leakForever, printed, runWatched } = require("./support/watched");

before(buildReader);

/** Takes dumps of these names, one after the other; the paths in the order they were made. */
async function takeDumps(options, names, { cwd, ...rest }) {
  const script = `
    const instance = watch(${JSON.stringify({ method: "native", threshold: false, ...options })});
    (async () => {
      const files = []
      for (const name of ${JSON.stringify(names)}) files.push(await instance.createHeapSnapshot(name))
      return files
    })().then((files) => { console.log(JSON.stringify(files)); process.exit() })`;
  return printed(await runWatched(script, { cwd, ...rest }));
}

test("a compressed snapshot opens in DevTools after gunzip, and the summary has both sizes", async (context) => {
  const directory = temporaryDirectory(context);
  const [file] = await dumpWatched({ name: "mine", compress: "gzip" }, { cwd: directory });
  assert.deepEqual(snapshotsIn(directory), ["mine.heapsnapshot.gz"]);
  assert.equal(file, path.join(directory, "mine.heapsnapshot.gz"));
  const plain = path.join(directory, "plain");
  fs.writeFileSync(plain, zlib.gunzipSync(fs.readFileSync(file)));
  assert.deepEqual(await readWithDevTools(plain), await readWithHeapParser(plain));
  const { snapshot } = readSummary(directory, "mine");
  assert.equal(snapshot.bytes, fs.statSync(file).size);
  assert.equal(snapshot.snapshotBytes, fs.statSync(plain).size);
  assert.ok(snapshot.bytes < snapshot.snapshotBytes / 2, JSON.stringify(snapshot));
});

test("a name that ends in .heapsnapshot.gz is not made longer", async (context) => {
  const directory = temporaryDirectory(context);
  await dumpWatched({ name: "mine.heapsnapshot.gz", compress: "gzip" }, { cwd: directory });
  assert.deepEqual(snapshotsIn(directory), ["mine.heapsnapshot.gz"]);
});

test("keep leaves the newest dumps of the program, whatever they are called", async (context) => {
  const directory = temporaryDirectory(context);
  await takeDumps({ keep: 2 }, ["c", "a", "b", "d"], { cwd: directory });
  assert.deepEqual(snapshotsIn(directory).sort(), ["b.heapsnapshot", "d.heapsnapshot"]);
  assert.equal(fs.readdirSync(directory).length, 4);
});

test("keep leaves alone what no summary of this program names", async (context) => {
  const directory = temporaryDirectory(context);
  fs.writeFileSync(path.join(directory, "a-1.heapsnapshot"), "a person's");
  fs.writeFileSync(path.join(directory, "b.summary.json"), JSON.stringify({ program: "another" }));
  await takeDumps({ keep: 1 }, ["a", "a", "a"], { cwd: directory });
  assert.deepEqual(snapshotsIn(directory).sort(), ["a-1.heapsnapshot", "a.heapsnapshot"]);
  assert.ok(fs.existsSync(path.join(directory, "b.summary.json")));
});

test("exec runs a program without a shell, with the paths, when the snapshot is complete", async (context) => {
  const directory = temporaryDirectory(context);
  const words = ["cp", "{path}", "{summary}", path.join(directory, "copies $HOME;")];
  fs.mkdirSync(words.at(-1));
  const finished = await dieWatched(
    { method: "native", threshold: false, name: "mine 50%", exec: words },
    { cwd: directory, flags: [] },
  );
  const copies = path.join(directory, "copies $HOME;");
  const copied = fs.readFileSync(path.join(copies, "mine 50%.heapsnapshot"));
  assert.ok(copied.equals(fs.readFileSync(path.join(directory, "mine 50%.heapsnapshot"))));
  assert.equal(readSummary(copies, "mine 50%").snapshot.state, "complete");
  assert.match(finished.stderr, /cp of the option exec ended with exit code 0/);
});

/** Runs until the file `go` is there, and leaves a word. */
const waitForGo = ["sh", "-c", "until test -e go; do sleep 0.05; done; echo over > log; exit 3"];

test("the path of a dump is known when the file is complete, whatever the program does, and its exit code is told", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `
    const fs = require("node:fs")
    const instance = watch(${JSON.stringify({ method: "native", threshold: false, exec: waitForGo })})
    instance.createHeapSnapshot("mine").then((file) => {
      console.log(JSON.stringify([fs.existsSync(file), fs.existsSync("log")]))
      fs.writeFileSync("go", "")
    })`;
  const finished = await runWatched(script, { cwd: directory });
  assert.deepEqual(printed(finished), [true, false]);
  assert.match(finished.stderr, /sh of the option exec ended with exit code 3/);
  assert.equal(readSummary(directory, "mine").exec.exitCode, 3);
});

test("while the program runs, the event and the status have the dump already", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `
    const fs = require("node:fs")
    const instance = watch(${JSON.stringify({ method: "native", threshold: 1, name: "mine", exec: waitForGo })})
    instance.on("dump", ({ path }) => {
      console.log(JSON.stringify([path, instance.status().dumps, fs.existsSync("log")]))
      fs.writeFileSync("go", "")
      clearInterval(timer)
    })
    const timer = setInterval(() => {}, 1000)
    gc()`;
  const finished = await runWatched(script, { cwd: directory, flags: ["--max-old-space-size=60", "--expose-gc"] });
  const file = path.join(directory, "mine.heapsnapshot");
  assert.deepEqual(printed(finished), [file, [file], false]);
});

for (const [death, script, flags] of [
  ["at once", "%FatalProcessOutOfMemoryInvalidArrayLength()", ["--max-old-space-size=60", "--allow-natives-syntax"]],
  ["of a leak", leakForever, ["--max-old-space-size=30"]],
]) {
  test(`a process that dies ${death} is held until the program of an earlier dump has ended`, async (context) => {
    const directory = temporaryDirectory(context);
    const options = { method: "native", threshold: 1, exec: ["sleep", "2"] };
    const finished = await runWatched(
      `watch(${JSON.stringify(options)}).on("dump", () => { ${script} }); setInterval(() => {}, 1000); gc()`,
      { cwd: directory, flags: ["--expose-gc", ...flags] },
    );
    assert.equal(finished.signal, "SIGABRT", finished.stderr);
    assert.equal(snapshotsIn(directory).length, 1);
    const [ended, died] = ["ended with exit code 0", "FATAL ERROR"].map((word) => finished.stderr.indexOf(word));
    assert.ok(ended >= 0 && ended < died, finished.stderr);
  });
}

test("a program that runs longer than the timeout is ended and the snapshot stays", async (context) => {
  const directory = temporaryDirectory(context);
  const options = { timeout: 1000, exec: ["sleep", "600"] };
  const [file] = await takeDumps(options, ["mine"], { cwd: directory });
  assert.ok(fs.existsSync(file));
  assert.match(readSummary(directory, "mine").exec.failure, /timeout/);
});

test("a program that is not there is named and the snapshot stays", async (context) => {
  const directory = temporaryDirectory(context);
  const [file] = await takeDumps({ exec: ["/nowhere/upload", "{path}"] }, ["mine"], { cwd: directory });
  assert.ok(fs.existsSync(file));
  assert.match(readSummary(directory, "mine").exec.failure, /cannot be run/);
});

test("what the program prints goes to standard error", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `
    watch({ method: "native", threshold: false, exec: ["echo", "uploaded {path}"] })
      .createHeapSnapshot("mine").then((file) => { console.log(JSON.stringify(file)); process.exit() })`;
  const finished = await runWatched(script, { cwd: directory });
  const file = path.join(directory, "mine.heapsnapshot");
  assert.equal(printed(finished), file);
  assert.ok(finished.stderr.includes(`uploaded ${file}\n`), finished.stderr);
});
