"use strict";

// Table 4: what it costs to watch a heap that is well: each garbage collection, requests of an HTTP service, and memory.

const { spawn, spawnSync } = require("node:child_process");
const { once } = require("node:events");
const os = require("node:os");
const { join } = require("node:path");
const { executable } = require("../../../__test__/support/node-versions");
const { installed, tool } = require("../install");
const { markdown, medianOf, megabytes, milliseconds } = require("../statistics");
const { watchers } = require("../watchers");

const COLLECTIONS = { minor: 20_000, major: 400 };
const WARM_UP = 4000;
const REQUESTS = 12_000;
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

/** Sends so many requests and returns what was seen of them. */
async function request(port, amount) {
  const args = [tool("autocannon"), "--json", "-c", CONNECTIONS, "-a", amount, `http://127.0.0.1:${port}`];
  const load = spawn(process.execPath, args.map(String), { stdio: ["ignore", "pipe", "ignore"] });
  let told = "";
  load.stdout.on("data", (text) => (told += text));
  await once(load, "close");
  return JSON.parse(told);
}

async function service(cell) {
  const script = join(__dirname, "..", "service.js");
  const child = spawn(executable(cell.major), ["--expose-gc", script, cell.contender, packageOf(cell)], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const [{ port, idle }] = await once(child, "message");
  await request(port, WARM_UP);
  const before = await cpuOf(child);
  const { requests, duration } = await request(port, REQUESTS);
  const used = (await cpuOf(child)) - before;
  child.disconnect();
  return { perSecond: requests.total / duration, cpuOfRequest: used / requests.total, idle };
}

async function cpuOf(child) {
  child.send("tell");
  const [{ user, system }] = await once(child, "message");
  return user + system;
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
    const withAdded = (field, text) => (isBase ? text(medianOf(runs, field)) : signed(added(field), text));
    return [
      cell.major,
      watchers[cell.contender].title,
      runs.length,
      withAdded("minor", (value) => (value / 1e3).toFixed(1)),
      withAdded("major", (value) => (value / 1e3).toFixed(1)),
      isBase ? milliseconds(medianOf(runs, "perSecond")) : share("perSecond"),
      isBase ? milliseconds(medianOf(runs, "cpuOfRequest")) : share("cpuOfRequest"),
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
to an HTTP service that allocates for each, ${CONNECTIONS} connections, after ${WARM_UP} that are not counted. The others are told as what they
add to "no hook" of the same turn, in the median; what is within the noise of the machine has either sign.
The heap has 4 MB, and a collection marks what the watcher's own code, and Node's that it loads, adds to it.
\`npm run bench:watch\` takes our hook alone, inside of the collection.`,
  turns: ({ isQuick }) => (isQuick ? 1 : 5),
  isTimed: true,
  cells,
  measure,
  render,
};
