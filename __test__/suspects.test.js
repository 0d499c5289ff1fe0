"use strict";

// The option `suspects`: a process that dies tells what leaked.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { run: runCommand, snapshotOf } = require("./analyze/support");
const { majors, node } = require("./support/node-versions");
const { ending, run, temporaryDirectory } = require("./support/program");
const { readSummary } = require("./support/snapshot");
const { root, runWatched } = require("./support/watched");

/** Sessions are stored at login and never removed. */
const server = `
  "use strict";
  const sessions = new Map();
  function login(user) {
    sessions.set("token-" + user, { user, roles: new Array(40).fill(user) });
  }
  let users = 0;
  setInterval(() => { for (let count = 0; count < 500; count++) login(users++); }, 1);`;

/** Lets the server die of out-of-memory. Options come by the environment. */
async function die(directory, options = {}, executable = process.execPath) {
  fs.writeFileSync(path.join(directory, "server.js"), server);
  const given = { METHOD: "native", THRESHOLD: "false", NAME: "mine", ...options };
  const variables = Object.entries(given).map(([name, value]) => [`NODE_OOM_HEAPDUMP_${name}`, value]);
  return await run(executable, ["--max-old-space-size=30", "-r", path.join(root, "register.js"), "server.js"], {
    cwd: directory,
    env: { ...process.env, ...Object.fromEntries(variables) },
  });
}

const suspectLines = ({ stderr }) =>
  stderr.split("\n").filter((line) => line.startsWith("node-oom-heapdump: suspects: "));

for (const major of majors) {
  test(`on Node ${major} a death names the variable that leaked in three lines, and a file tells the rest`, async (context) => {
    const directory = temporaryDirectory(context);
    const finished = await die(directory, {}, node(major).path);
    assert.equal(finished.signal, "SIGABRT", `${ending(finished)}\n${finished.stderr}`);
    const [first, second, third, ...others] = suspectLines(finished);
    assert.match(first, /`sessions` in server\.js.* is a Map with [\d\u00a0]+ entries that retains \d+\.\d MB/);
    assert.match(second, /it is kept by: .*variable sessions Map/);
    assert.ok(third.endsWith(path.join(directory, "mine.suspects.json")), third);
    assert.deepEqual(others, []);
    const { schemaVersion, file, suspects } = JSON.parse(fs.readFileSync(path.join(directory, "mine.suspects.json")));
    assert.deepEqual([schemaVersion, file, suspects[0].name], [1, "mine.heapsnapshot", "sessions"]);
    assert.ok(first.includes(suspects[0].sentence));
    assert.equal(readSummary(directory, "mine").suspects, "mine.suspects.json");
  });
}

for (const [what, options] of [
  ["suspects: false", { SUSPECTS: "false" }],
  ["redact: true, whose names say nothing", { REDACT: "true" }],
]) {
  test(`with ${what} it is not looked for suspects`, async (context) => {
    const directory = temporaryDirectory(context);
    const finished = await die(directory, options);
    assert.deepEqual(suspectLines(finished), []);
    assert.deepEqual(fs.readdirSync(directory).sort(), ["mine.heapsnapshot", "mine.summary.json", "server.js"]);
  });
}

test("whoever asks for a snapshot does not wait for suspects", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `watch({ method: "native", threshold: false }).createHeapSnapshot("mine").then(() => process.exit())`;
  assert.deepEqual(suspectLines(await runWatched(script, { cwd: directory })), []);
  assert.deepEqual(fs.readdirSync(directory).sort(), ["mine.heapsnapshot", "mine.summary.json"]);
});

test("a compressed snapshot has suspects too", async (context) => {
  const directory = temporaryDirectory(context);
  const [first] = suspectLines(await die(directory, { COMPRESS: "gzip" }));
  assert.match(first, /`sessions` in server\.js/);
  assert.ok(fs.existsSync(path.join(directory, "mine.suspects.json")));
});

test("the suspects are there before the program of the option exec is run", async (context) => {
  const directory = temporaryDirectory(context);
  await die(directory, { EXEC: JSON.stringify(["cp", "mine.suspects.json", "copy"]) });
  assert.ok(fs.existsSync(path.join(directory, "copy")));
});

test("a suspects file goes with its dump when the option keep removes it", async (context) => {
  const directory = temporaryDirectory(context);
  for (const name of ["first", "second"]) await die(directory, { NAME: name, KEEP: "1" });
  const files = ["second.heapsnapshot", "second.summary.json", "second.suspects.json", "server.js"];
  assert.deepEqual(fs.readdirSync(directory).sort(), files);
});

test("when the time is over nothing is written, and the exit code says so", () => {
  const { status, stdout } = runCommand("suspects", snapshotOf("listeners", 24), "0");
  assert.deepEqual([status, stdout], [75, ""]);
});
