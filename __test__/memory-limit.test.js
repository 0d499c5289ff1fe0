"use strict";

// A dump under a memory limit: it gives up before it is what gets somebody killed. The limits are real ones (control groups
// of version 1); version 2's files are tested as stored trees in src/cgroup.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { smallDisk } = require("./support/disks");
const { memoryGroup } = require("./support/memory-group");
const { temporaryDirectory } = require("./support/program");
const { readSummary, snapshotsIn } = require("./support/snapshot");
const { printed, root } = require("./support/watched");

const MB = 1 << 20;

/** Source text that sets the group's limit to what is in use and `bytes` more. */
const leaveRoom = ({ folder }, bytes) => `
  const fs = require("node:fs")
  const folder = ${JSON.stringify(folder)}
  const read = (file) => Number(fs.readFileSync(folder + "/" + file, "utf8"))
  const inactive = () => Number(/^total_inactive_file (\\d+)$/m.exec(fs.readFileSync(folder + "/memory.stat", "utf8"))[1])
  const workingSet = () => read("memory.usage_in_bytes") - inactive()
  fs.writeFileSync(folder + "/memory.limit_in_bytes", String(workingSet() + ${bytes}))`;

/** A program in the group takes a dump: `{ told, stderr }`. It lives on, or this throws. */
async function takeDump(group, directory, before, { objects = 300_000, meanwhile = "", options = {} } = {}) {
  const script = `
    const watch = require(${JSON.stringify(root)});
    const kept = Array.from({ length: ${objects} }, (_, number) => ({ number, text: "text " + number }))
    gc()
    const instance = watch(${JSON.stringify({ method: "native", threshold: false, ...options })});
    const directory = ${JSON.stringify(directory)};
    (async () => {
      ${before}
      const dump = instance.createHeapSnapshot(directory + "/mine").catch((error) => error.message)
      ${meanwhile}
      return { told: await dump, kept: kept.length }
    })().then((result) => { console.log(JSON.stringify(result)); process.exit() })`;
  const finished = await group.run(process.execPath, ["--expose-gc", "-e", script]);
  const { told, kept } = printed(finished);
  assert.equal(kept, objects);
  return { told, stderr: finished.stderr };
}

test("without room for the reserve nothing but the summary is written, and the program lives", async (context) => {
  const [group, directory] = [memoryGroup(context, 500 * MB), temporaryDirectory(context)];
  const { told } = await takeDump(group, directory, leaveRoom(group, 14 * MB));
  assert.match(
    told,
    /the control group has \d+\.\d MB left of its limit of \d+\.\d MB and the dump must leave 16\.0 MB/,
  );
  assert.deepEqual(snapshotsIn(directory), []);
  assert.equal(readSummary(directory, "mine").snapshot.state, "failed");
});

test("suspects are not looked for where the control group has no memory for that, and the dump stays", async (context) => {
  const [group, directory] = [memoryGroup(context, 1000 * MB), temporaryDirectory(context)];
  const script = `
    const { helpersOf } = require(${JSON.stringify(path.join(__dirname, "support", "processes.js"))})
    globalThis.kept = Array.from({ length: 1_000_000 }, (_, number) => ({ number, text: "text " + number }))
    const instance = require(${JSON.stringify(root)})({ method: "native", threshold: 1, name: "mine" })
    ${leaveRoom(group, 90 * MB)}
    instance.on("dump", ({ path }) => console.log(JSON.stringify(path)))
    gc()
    setInterval(() => {
      if (instance.status().dumps.length > 0 && helpersOf(process.pid).length === 0) process.exit()
    }, 10)`;
  const flags = ["--expose-gc", "--max-old-space-size=500"];
  const finished = await group.run(process.execPath, [...flags, "-e", script], { cwd: directory });
  assert.equal(printed(finished), path.join(directory, "mine.heapsnapshot"));
  const told = /suspects: not all is known of what leaked, for that takes about (\S+) MB and (\S+) MB are left/;
  const [, needed, left] = told.exec(finished.stderr) ?? assert.fail(finished.stderr);
  assert.ok(Number(left) <= 90 && Number(needed) > Number(left) - 20, `${needed} ${left}`);
  assert.deepEqual(fs.readdirSync(directory).sort(), ["mine.heapsnapshot", "mine.summary.json"]);
  assert.equal(group.kills, 0);
});

test("a snapshot far larger than what is left is complete on a disk", async (context) => {
  const [group, directory] = [memoryGroup(context, 1000 * MB), temporaryDirectory(context)];
  const { told } = await takeDump(group, directory, leaveRoom(group, 90 * MB), { objects: 1_000_000 });
  assert.equal(told, path.join(directory, "mine.heapsnapshot"));
  assert.ok(fs.statSync(told).size > 120 * MB);
});

test("a directory in memory that has not enough of it is refused with figures", async (context) => {
  const [group, directory] = [memoryGroup(context, 1000 * MB), smallDisk(context, 1000 * MB)];
  const { told } = await takeDump(group, directory, leaveRoom(group, 60 * MB));
  assert.match(told, /memory \(tmpfs\) that counts against the control group's limit .* needs about \d+\.\d MB/);
  assert.deepEqual(fs.readdirSync(directory), ["mine.summary.json"]);
});

test("a directory in memory that has enough is said to be one", async (context) => {
  const [group, directory] = [memoryGroup(context, 1000 * MB), smallDisk(context, 1000 * MB)];
  const { told, stderr } = await takeDump(group, directory, leaveRoom(group, 400 * MB));
  assert.equal(told, path.join(directory, "mine.heapsnapshot"));
  assert.match(stderr, /are memory \(tmpfs\): the heap snapshot takes about/);
});

test("memory that runs short during a dump ends it, and the program lives with its summary", async (context) => {
  const [group, directory] = [memoryGroup(context, 1000 * MB), temporaryDirectory(context)];
  const useUp = `
    const { helpersOf } = require(${JSON.stringify(path.join(__dirname, "support", "processes.js"))})
    while (!fs.existsSync(directory + "/mine.heapsnapshot.part")) await new Promise((resolve) => setTimeout(resolve, 1))
    for (const { id } of helpersOf(process.pid)) process.kill(id, "SIGSTOP")
    const blocks = []
    while (read("memory.limit_in_bytes") - workingSet() > 12 * 1024 * 1024) blocks.push(Buffer.alloc(1 << 20, 1))
    for (const { id } of helpersOf(process.pid)) process.kill(id, "SIGCONT")`;
  const { told } = await takeDump(group, directory, leaveRoom(group, 120 * MB), { meanwhile: useUp, objects: 600_000 });
  assert.match(told, /the control group has \d+\.\d MB left .* the dump must leave 16\.0 MB.*the summary is in/);
  assert.deepEqual(snapshotsIn(directory), []);
});
