"use strict";

// The option `suspects`: a process that dies tells what leaked.
const assert = require("node:assert/strict");
const { spawn, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { loadNative } = require("../lib/native");
const { snapshotOf } = require("./analyze/support");
const { majors, node } = require("./support/node-versions");
const { ending, run, temporaryDirectory } = require("./support/program");
const { helpersOf } = require("./support/processes");
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

test("when the time is over nothing is written, and the exit code says so", (context) => {
  const input = fs.openSync(snapshotOf("listeners", 24));
  context.after(() => fs.closeSync(input));
  const { status, stdout } = spawnSync(loadNative().helper, ["suspects", "x.heapsnapshot", "0"], {
    stdio: [input, "pipe", "ignore"],
    encoding: "utf8",
  });
  assert.deepEqual([status, stdout], [75, ""]);
});

/** The process that looks for suspects, which is the helper's; nothing while there is none. */
const searchOf = (process) => helpersOf(process).flatMap(({ id }) => helpersOf(id))[0];

/**
 * Starts a program that is dumped though it is well, and stops the search for suspects. That may be over before it is seen: then
 * it is tried again.
 */
async function startWithStoppedSearch(context) {
  const script = `
    globalThis.kept = Array.from({ length: 3e5 }, (_, index) => ({ index, text: "text " + index }))
    const instance = require(${JSON.stringify(root)})({ method: "native", threshold: 1, name: "mine" })
    instance.on("dump", ({ path, summaryPath }) => console.log(JSON.stringify({ path, summaryPath, ...instance.status() })))
    gc(); setInterval(() => {}, 1000)`;
  for (let tries = 0; tries < 30; tries++) {
    const directory = temporaryDirectory(context);
    const program = spawn(process.execPath, ["--expose-gc", "--max-old-space-size=100", "-e", script], {
      cwd: directory,
    });
    context.after(() => program.kill("SIGKILL"));
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"])
      program[name].setEncoding("utf8").on("data", (text) => (said[name] += text));
    const isFound = () => fs.existsSync(path.join(directory, "mine.suspects.json"));
    await until(() => searchOf(program.pid) || isFound());
    const search = searchOf(program.pid);
    if (search && stop(search.id)) return { directory, program, search, said };
    program.kill("SIGKILL");
  }
  throw new Error("the search was faster than the test, thirty times");
}

/** Stops a process. Returns whether it had not ended before. */
function stop(id) {
  try {
    process.kill(id, "SIGSTOP");
    return /^State:\tT/m.test(fs.readFileSync(`/proc/${id}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function until(condition) {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
    const value = condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`waited in vain until ${condition}`);
}

test("a dump is told when its file is complete, and a search for suspects that hangs is ended after 10 s", async (context) => {
  const { directory, program, search, said } = await startWithStoppedSearch(context);
  const [file, summary] = ["mine.heapsnapshot", "mine.summary.json"].map((name) => path.join(directory, name));
  const told = JSON.parse(await until(() => said.stdout));
  assert.deepEqual([told.path, told.summaryPath, told.dumps], [file, summary, [file]]);
  assert.equal(readSummary(directory, "mine").snapshot.state, "complete");
  assert.ok(stop(search.id));

  await until(() => said.stderr.includes("suspects: ") && helpersOf(program.pid).length === 0);
  assert.match(said.stderr, /suspects: not all is known of what leaked, for that takes more than 10\.0 s/);
  assert.equal(fs.existsSync(`/proc/${search.id}`), false);
  assert.deepEqual(fs.readdirSync(directory).sort(), ["mine.heapsnapshot", "mine.summary.json"]);
  assert.equal(readSummary(directory, "mine").suspects, undefined);
});
