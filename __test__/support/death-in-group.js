"use strict";

// A program that dies of V8's limit inside a memory control group, with little more memory than it would take without us.
const assert = require("node:assert/strict");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { MemoryGroup } = require("./memory-group");
const { node } = require("./node-versions");
const { ending, run, temporaryDirectory } = require("./program");
const { countLeaks, snapshotsIn } = require("./snapshot");

const MB = 1 << 20;
const program = path.join(__dirname, "..", "control-group", "program.js");

const shapes = ["small-objects", "huge-array", "map", "cons-strings", "mix"];
const deaths = ["gradual", "abrupt"];

/** How long one death may take, in milliseconds. */
const TIMEOUT = 900_000;

/** The most memory that the program took in so many runs without the module. */
const PEAK_RUNS = 5;

/**
 * V8 makes its young generation the smaller the less memory it sees (`Heap::YoungGenerationSizeFromPhysicalMemory`), and
 * other collections then leave another heap: the program under the limit would not be the one whose peak was measured. In MB.
 */
const YOUNG_GENERATION = "--max-semi-space-size=16";

/** Names the program that dies, so that a peak is not taken for another program's. */
const programKey = createHash("sha256")
  .update(fs.readFileSync(program))
  .update(YOUNG_GENERATION)
  .digest("hex")
  .slice(0, 12);

/** One cell of the proof: a heap's size in MB, a shape, a death, a Node version. */
const command = ({ major, shape, death, size }) => [
  node(major).path,
  [`--max-old-space-size=${size}`, YOUNG_GENERATION, program, shape, death],
];

async function inGroup(bytes, cell, watched) {
  const directory = temporaryDirectory();
  const group = new MemoryGroup(bytes);
  const [executable, args] = command(cell);
  try {
    const options = { cwd: directory, timeout: TIMEOUT };
    const finished = await group.run(executable, watched ? [...args, "watched"] : args, options);
    return { finished, directory, peak: group.peak, kills: group.kills };
  } finally {
    await group.remove();
  }
}

const isNodesOwnDeath = ({ code, signal, stderr }) =>
  (signal === "SIGABRT" || code === 134) && /^FATAL ERROR: .*JavaScript heap out of memory/m.test(stderr);

/** The highest peak of the cell's program without the module, in bytes. */
async function measurePeak(cell) {
  // The first run reads Node's own file, whose pages are then charged to nobody here.
  await run(...command(cell), { timeout: TIMEOUT });
  const peaks = [];
  while (peaks.length < PEAK_RUNS) {
    const { finished, directory, peak } = await inGroup(undefined, cell, false);
    fs.rmSync(directory, { recursive: true });
    assert.ok(isNodesOwnDeath(finished), `the program without the module ${ending(finished)}: ${finished.stderr}`);
    peaks.push(peak);
  }
  return Math.max(...peaks);
}

/** What the program with the module gets: the peak, 8 % of the heap and 16 MB. */
const limitOf = ({ size }, peak) => peak + Math.round(0.08 * size * MB) + 16 * MB;

/**
 * One death under the limit: `{ milliseconds, kills, broken, stderr }`; `broken` is empty where the process died as it would
 * have without the module and left a complete dump.
 */
async function die(cell, peak) {
  const { finished, directory, kills } = await inGroup(limitOf(cell, peak), cell, true);
  try {
    const broken = [];
    if (!isNodesOwnDeath(finished)) broken.push(`the process ${ending(finished)}`);
    const files = snapshotsIn(directory);
    // A dump at the threshold that gave up has left its summary, and its name with it.
    if (files.length === 1 && files[0].endsWith(".heapsnapshot")) {
      const { instances, ledger } = await countLeaks(path.join(directory, files[0]));
      if (!(Number(ledger) > 0) || ![Number(ledger), Number(ledger) + 1].includes(instances))
        broken.push(`the snapshot holds ${instances} of ${ledger} objects`);
    } else broken.push(`the files are [${files}]`);
    return {
      milliseconds: Math.round(finished.milliseconds),
      kills,
      broken,
      stderr: finished.stderr,
    };
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

module.exports = { MB, shapes, deaths, programKey, measurePeak, limitOf, die };
