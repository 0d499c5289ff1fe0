"use strict";

// npm run bench:native -- [--quick] [--only <part of a line's name>] [--turns <number>]
//
// What a native dump costs beside `v8.writeHeapSnapshot` of the same process: each heap is dumped by both in turns, so that
// the ratios hold where the machine is shared. Writes bench/native/RESULTS.md. `--quick` takes the smallest heaps on one
// version, `--only` the lines whose "node shape MB" contains the text ("24 objects 64"); neither of them writes the file
// unless --write is given.

const { spawnSync } = require("node:child_process");
const { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const os = require("node:os");
const { join } = require("node:path");
const { parseArgs } = require("node:util");
const { majors, executable } = require("../../__test__/support/node-versions");
const { buildArtefacts } = require("./artefacts");
const shapes = require("./shapes");
const { describe } = require("./table");

const RESULTS = join(__dirname, "RESULTS.md");
// The files lie in memory where that is possible: a disk would be measured otherwise.
const FILES = existsSync("/dev/shm") ? "/dev/shm" : os.tmpdir();
const ALL_SIZES_ON = 24;

// Node 18's generator takes time by the square of the heap.
const sizesOn = (major) => (major === 18 ? [16] : major === ALL_SIZES_ON ? [64, 256, 1024] : [64]);

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    turns: { type: "string" },
  },
});

function lines() {
  const all = (options.quick ? [ALL_SIZES_ON] : majors).flatMap((major) =>
    sizesOn(major).flatMap((megabytes) => Object.keys(shapes).map((shape) => ({ major, shape, megabytes }))),
  );
  return all
    .filter(({ megabytes }) => !options.quick || megabytes === 64)
    .filter(({ major, shape, megabytes }) => `${major} ${shape} ${megabytes}`.includes(options.only))
    .sort((a, b) => a.megabytes - b.megabytes);
}

function availableMemory() {
  return Number(/^MemAvailable:\s*(\d+) kB/m.exec(readFileSync("/proc/meminfo", "latin1"))[1]) * 1024;
}

// V8's generator is left out where it would not fit into the machine, judged by what the smaller heap of that shape took.
function fitsV8({ shape, megabytes }, smaller) {
  const before = smaller.findLast((line) => line.shape === shape && line.costs?.dumps.v8.length);
  if (!before) return true;
  const factor = Math.max(...before.costs.dumps.v8.map((dump) => dump.memory + dump.file)) / before.costs.heapBytes;
  return factor * megabytes * 2 ** 20 < 0.6 * availableMemory();
}

function measure(line, smaller, folder) {
  const turns = options.turns ?? (line.megabytes <= 64 ? 3 : 1);
  const withV8 = fitsV8(line, smaller) ? "yes" : "no";
  const script = join(__dirname, "measure.js");
  const heapMb = 2 * line.megabytes + 512;
  const nodeOptions = ["--expose-gc", `--max-old-space-size=${heapMb}`, script];
  const { stdout, stderr, status } = spawnSync(
    executable(line.major),
    [...nodeOptions, line.shape, line.megabytes, turns, withV8, folder],
    { encoding: "utf8", maxBuffer: 2 ** 24 },
  );
  if (status !== 0) return { ...line, failure: stderr.trim().split("\n").at(-1) || `exit code ${status}` };
  return { ...line, costs: JSON.parse(stdout) };
}

function main() {
  buildArtefacts();
  const folder = mkdtempSync(join(FILES, "bench-native-"));
  const measured = [];
  try {
    for (const line of lines()) {
      measured.push(measure(line, measured, folder));
      console.log(describe.row(measured.at(-1)));
      if (options.write || !(options.quick || options.only)) writeFileSync(RESULTS, describe.page(measured));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (options.quick || options.only) console.log(`\n${describe.page(measured)}`);
}

main();
