"use strict";

// Table 4: what it costs to watch a heap that is well: each garbage collection, requests of an HTTP service, and memory.

const { spawn, spawnSync } = require("node:child_process");
const { once } = require("node:events");
const os = require("node:os");
const { join } = require("node:path");
const { executable } = require("../../../__test__/support/node-versions");
const { installed, tool } = require("../install");
const { markdown, medianOf, megabytes, milliseconds, spreadOf } = require("../statistics");
const { watchers } = require("../watchers");

const COLLECTIONS = { minor: 20_000, major: 400 };
/** It goes on past the third second, when this package tests its native method, once. */
const WARM_UP = 24_000;
const REQUESTS = 24_000;
const CONNECTIONS = 20;

const cells = ({ majors, isQuick }) =>
  majors.flatMap((major) =>
    (isQuick ? ["none", "ours"] : Object.keys(watchers)).map((watcher) => ({ contender: watcher, major })),
  );

const packageOf = ({ contender, major }) =>
  watchers[contender].needs ? installed(major, watchers[contender].needs) : "none";

function collections(cell, type) {
  const script = join(__dirname, "..", "collections.js");
  const args = ["--expose-gc", script, cell.contender, packageOf(cell), type, String(COLLECTIONS[type])];
  const { stdout, stderr } = spawnSync(executable(cell.major), args, { encoding: "utf8", timeout: 120_000 });
  if (!stdout) throw new Error(stderr);
  return JSON.parse(stdout).each;
}

const hasTaskset = () => ["0", "1"].every((processor) => spawnSync("taskset", ["-c", processor, "true"]).status === 0);

/** The service has one processor, and who sends the requests another, where the system can tell them apart. */
function start(command, { processor, stdio }) {
  const [program, ...args] = hasTaskset() ? ["taskset", "-c", processor, ...command] : command;
  return spawn(program, args.map(String), { stdio });
}

/** Sends so many requests to a service; returns what it took for them. */
async function request(child, port, amount) {
  const load = [process.execPath, tool("autocannon"), "-c", CONNECTIONS, "-a", amount, `http://127.0.0.1:${port}`];
  await once(start(load, { processor: 0, stdio: "ignore" }), "close");
  child.send("tell");
  const [took] = await once(child, "message");
  return took;
}

async function service(cell) {
  const script = join(__dirname, "..", "service.js");
  const command = [executable(cell.major), "--expose-gc", script, cell.contender, packageOf(cell)];
  const child = start(command, { processor: 1, stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const [{ port, idle }] = await once(child, "message");
  const { cpu: warmUp } = await request(child, port, WARM_UP);
  const { cpu, milliseconds: duration } = await request(child, port, REQUESTS);
  child.disconnect();
  return { perSecond: (1e3 * REQUESTS) / duration, warmUp, cpuOfRequest: cpu / REQUESTS, idle };
}

async function measure(cell) {
  const minor = collections(cell, "minor");
  const major = collections(cell, "major");
  return { minor, major, ...(await service(cell)), load: os.loadavg()[0] };
}

const signed = (value, text) => `${value < 0 ? "−" : "+"}${text(Math.abs(value))}`;

function render(measured) {
  const rows = measured.map(({ cell, runs }) => {
    const base = measured.find((other) => other.cell.contender === "none" && other.cell.major === cell.major);
    // Runs of one turn are beside each other: differences are taken turn by turn.
    const added = (field) =>
      medianOf(
        runs.map((run, turn) => ({ [field]: run[field] - base?.runs[turn]?.[field] })),
        field,
      );
    const share = (field) =>
      `${signed((100 * added(field)) / medianOf(base?.runs ?? [], field), (value) => value.toFixed(1))} %`;
    const isBase = cell.contender === "none";
    const noise = (field) => ` ± ${(100 * spreadOf(runs, field)).toFixed(0)} %`;
    const plain = (field, text) => text(medianOf(runs, field)) + noise(field);
    const withAdded = (field, text) => (isBase ? plain(field, text) : signed(added(field), text));
    const withShare = (field) => (isBase ? plain(field, milliseconds) : share(field));
    return [
      cell.major,
      watchers[cell.contender].title,
      runs.length,
      withAdded("minor", (value) => (value / 1e3).toFixed(1)),
      withAdded("major", (value) => (value / 1e3).toFixed(1)),
      withShare("perSecond"),
      withShare("cpuOfRequest"),
      withAdded("warmUp", (value) => milliseconds(value / 1e3)),
      withAdded("idle", megabytes),
    ];
  });
  const heads = [
    "Node",
    "",
    "turns",
    "CPU of a scavenge (µs)",
    "CPU of a mark-compact (µs)",
    "requests per second",
    "CPU of a request (µs)",
    "CPU of the warm-up (ms)",
    "idle RSS (MB)",
  ];
  return markdown(
    heads,
    rows.sort((a, b) => a[0] - b[0]),
  );
}

module.exports = {
  title: "Cost of watching",
  note: `CPU time of the whole process over ${COLLECTIONS.minor} scavenges and ${COLLECTIONS.major} mark-compacts of a small heap, and over ${REQUESTS} requests
to an HTTP service that allocates for each, ${CONNECTIONS} connections. A warm-up of ${WARM_UP} requests goes before, and is told by itself: this
package tests its native method in it, once, 3 s after the start, in a frozen copy of the process. Behind "±" is how far
the middle half of the turns lies around their median. The others are told as what they add to "no hook" of the same turn, in the
median; what is within the noise of the machine has either sign.
The heap has 4 MB, and a collection marks what the watcher's own code, and Node's that it loads, adds to it.
\`npm run bench:watch\` takes our hook alone, inside of the collection.`,
  turns: ({ isQuick }) => (isQuick ? 1 : 7),
  isTimed: true,
  cells,
  measure,
  render,
};
