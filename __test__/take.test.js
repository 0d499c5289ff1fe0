"use strict";

// `npx node-oom-heapdump take`: a snapshot of a running process over its inspector.
const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { test } = require("node:test");
const { run, temporaryDirectory } = require("./support/program");
const { majors, node } = require("./support/node-versions");
const { root } = require("./support/watched");

const command = path.join(root, "bin", "node-oom-heapdump.js");
const take = (...args) => run(process.execPath, [command, "take", ...args]);

/** A program that holds a known object and runs until the end of the test: `{ pid, stderr() }`. */
async function startHolder(context, { executable = process.execPath, flags = [], script = "" } = {}) {
  const body = `class KnownHolder {}; globalThis.holder = new KnownHolder(); ${script}; setInterval(() => {}, 1000); console.log("ready")`;
  const child = spawn(executable, [...flags, "-e", body], { stdio: ["ignore", "pipe", "pipe"] });
  context.after(() => child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  await new Promise((resolve, reject) => {
    child.stdout.once("data", resolve);
    child.once("exit", () => reject(new Error(`the program ended: ${stderr}`)));
  });
  return { child, pid: child.pid, stderr: () => stderr };
}

function assertHoldsKnownObject(file) {
  const { nodes, strings, snapshot } = JSON.parse(fs.readFileSync(file, "utf8"));
  assert.ok(nodes.length > 0 && snapshot.node_count > 0);
  assert.ok(strings.includes("KnownHolder"));
}

const portOf = (url) => new URL(url).port;
const inspectorUrl = ({ stderr }) => /ws:\/\/\S+/.exec(stderr())[0];

const isOpen = (port) =>
  new Promise((resolve) => {
    http
      .get({ host: "127.0.0.1", port, path: "/json/version" }, (response) =>
        response.resume().on("end", () => resolve(true)),
      )
      .on("error", () => resolve(false));
  });

for (const major of majors) {
  test(`--pid opens the inspector of Node ${major}, takes a snapshot, and closes it again`, async (context) => {
    const directory = temporaryDirectory(context);
    const { child, pid, stderr } = await startHolder(context, {
      executable: node(major).path,
      flags: ["--inspect-port=0"],
    });
    const taken = await take("--pid", pid, "-o", path.join(directory, "mine"));
    assert.equal(taken.code, 0, taken.stderr);
    assert.equal(taken.stdout, `${path.join(directory, "mine.heapsnapshot")}\n`);
    assert.match(taken.stderr, new RegExp(`inspector of process ${pid} is not open: SIGUSR1`));
    assertHoldsKnownObject(taken.stdout.trim());
    const port = portOf(inspectorUrl({ stderr }));
    for (let tries = 0; tries < 50 && (await isOpen(port)); tries++) await new Promise((next) => setTimeout(next, 100));
    assert.equal(await isOpen(port), false, "the inspector is closed");
    assert.equal(child.exitCode, null, "the program runs on");
  });
}

test("--pid takes an inspector that is open, and leaves it open", async (context) => {
  const directory = temporaryDirectory(context);
  const holder = await startHolder(context, { flags: ["--inspect=0"] });
  const taken = await take("--pid", holder.pid, "--output", path.join(directory, "mine"));
  assert.equal(taken.code, 0, taken.stderr);
  assert.doesNotMatch(taken.stderr, /SIGUSR1/);
  assertHoldsKnownObject(taken.stdout.trim());
  assert.equal(await isOpen(portOf(inspectorUrl(holder))), true);
});

for (const target of ["port", "url"]) {
  test(`--${target} takes a snapshot of whoever is there`, async (context) => {
    const directory = temporaryDirectory(context);
    const holder = await startHolder(context, { flags: ["--inspect=0"] });
    const url = inspectorUrl(holder);
    const file = path.join(directory, "mine.heapsnapshot");
    const taken = await take(`--${target}`, target === "url" ? url : portOf(url), "-o", file);
    assert.equal(taken.code, 0, taken.stderr);
    assert.match(taken.stderr, new RegExp(`heap snapshot of process ${holder.pid} is complete`));
    assertHoldsKnownObject(file);
  });
}

test("a busy loop is reached too", async (context) => {
  const directory = temporaryDirectory(context);
  const busy = "setTimeout(() => { for (let i = 0; ; i++) globalThis.count = [i] }, 10)";
  const { pid } = await startHolder(context, { flags: ["--inspect-port=0"], script: busy });
  const taken = await take("--pid", pid, "-o", path.join(directory, "mine"));
  assert.equal(taken.code, 0, taken.stderr);
  assertHoldsKnownObject(taken.stdout.trim());
});

test("where nothing is taken no file is left, and the exit code is 1", async (context) => {
  const directory = temporaryDirectory(context);
  const sleeper = spawn("sleep", ["60"], { stdio: "ignore" });
  context.after(() => sleeper.kill("SIGKILL"));
  for (const [target, reason] of [
    [["--pid", "4194304"], /there is no process 4194304/],
    [["--pid", String(sleeper.pid)], /is no Node that opens its inspector on SIGUSR1/],
    [["--port", "1"], /no inspector listens at 127\.0\.0\.1:1/],
    [["--url", "ws://192.0.2.1:9229/x"], /not on the loopback interface/],
  ]) {
    const taken = await take(...target, "-o", path.join(directory, "mine"));
    assert.equal(taken.code, 1, taken.stderr);
    assert.equal(taken.stdout, "");
    assert.match(taken.stderr, reason);
  }
  assert.deepEqual(fs.readdirSync(directory), []);
  assert.equal(sleeper.exitCode, null, "a process that is not Node is not signalled");
});

test("a command line that is wrong has exit code 2", async () => {
  for (const args of [[], ["--port", "x"], ["--pid", "1", "--port", "2"], ["--depth"]]) {
    assert.equal((await take(...args)).code, 2);
  }
});

test("help and version are printed on standard output", async () => {
  const help = await take("--help");
  assert.equal(help.code, 0);
  for (const word of ["--port", "--url", "--pid", "--output", "Exit codes", "Examples"])
    assert.ok(help.stdout.includes(word));
  const version = await run(process.execPath, [command, "--version"]);
  assert.equal(version.stdout, `${require("../package.json").version}\n`);
});

test("a command that is told to end takes its file with it and ends by that signal", async (context) => {
  const directory = temporaryDirectory(context);
  const { pid } = await startHolder(context, {
    flags: ["--inspect=0"],
    script: "globalThis.many = Array.from({ length: 400_000 }, (_, i) => ({ i: [i] }))",
  });
  const child = spawn(process.execPath, [command, "take", "--pid", pid, "-o", path.join(directory, "mine")]);
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal)));
  while (fs.readdirSync(directory).length === 0) await new Promise((next) => setTimeout(next, 5));
  child.kill("SIGTERM");
  assert.equal(await ended, "SIGTERM");
  assert.deepEqual(fs.readdirSync(directory), []);
});
