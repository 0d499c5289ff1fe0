"use strict";

// `npm run proof -- --cgroup [--sizes 64,256,1024] [--runs 20] [--only 18,map,abrupt] [--jobs 2]`: programs die inside memory
// control groups that leave little more than they would take without the module; written as a table to proof/CGROUP.md. Each
// cell is given one run after the other, small heaps first. With `--once` (in CI) one run of each cell at 64 MB, and neither
// record nor table; a cell that misses has two more runs, which must both be complete: one death in some two hundred is
// missed at 64 MB, and CI looks for more than that.
const fs = require("node:fs");
const path = require("node:path");
const { parseArgs } = require("node:util");
const { MB, deaths, die, limitOf, measurePeak, programKey, shapes } = require("../__test__/support/death-in-group");
const { majors, node } = require("../__test__/support/node-versions");
const { buildLeakCounter } = require("../__test__/support/snapshot");
const { build, choose, count, inTurns, readRecord, writeRecord } = require("./proof-record");

const results = path.join(__dirname, "..", "proof", "CGROUP.md");
const sizes = [64, 256, 1024];

/** A death of the largest heap takes so long that fewer are asked for. */
const MOST_RUNS_OF_LARGEST = 3;

function options() {
  const { values } = parseArgs({
    options: {
      cgroup: { type: "boolean" },
      sizes: { type: "string", default: sizes.join() },
      runs: { type: "string", default: "20" },
      only: { type: "string", default: "" },
      jobs: { type: "string", default: "2" },
      once: { type: "boolean", default: false },
    },
  });
  const chosen = choose(values.only, { majors, shapes, deaths });
  return {
    ...chosen,
    sizes: values.sizes.split(",").map((size) => count(size, "--sizes")),
    runs: count(values.runs, "--runs"),
    jobs: count(values.jobs, "--jobs"),
    once: values.once,
  };
}

const isMissed = ({ broken }) => broken.length > 0;

const cellName = ({ size, major, shape, death }) => `${size} ${major} ${shape} ${death}`;

function allCells({ sizes, majors, shapes, deaths }) {
  const cells = [];
  for (const size of sizes)
    for (const shape of shapes)
      for (const death of deaths) for (const major of majors) cells.push({ size, major, shape, death });
  return cells;
}

const wantedRuns = ({ size }, runs) => (size === Math.max(...sizes) ? Math.min(runs, MOST_RUNS_OF_LARGEST) : runs);

/** What is missing in the proof: each cell once, then each cell a second time, and all of a size before the next size. */
function missingRuns(proof, chosen) {
  const missing = [];
  for (const size of chosen.sizes) {
    const cells = allCells({ ...chosen, sizes: [size] });
    for (let round = 0; round < chosen.runs; round++) {
      const isMissing = (cell) =>
        round < wantedRuns(cell, chosen.runs) && (proof.runs[cellName(cell)]?.length ?? 0) <= round;
      missing.push(...cells.filter(isMissing));
    }
  }
  return missing;
}

async function prove(proof, cells, jobs, keep) {
  let done = 0;
  const peaks = new Map();
  await inTurns(cells, jobs, async (cell) => {
    const name = cellName(cell);
    const version = node(cell.major).version;
    const peakName = `${name} ${version} ${programKey}`;
    if (proof.peaks[peakName] === undefined) {
      if (!peaks.has(name)) peaks.set(name, measurePeak(cell));
      proof.peaks[peakName] = await peaks.get(name);
    }
    const peak = proof.peaks[peakName];
    const { stderr, ...finished } = await die(cell, peak);
    if (finished.broken.length > 0) console.log(stderr);
    (proof.runs[name] ??= []).push({ version, limit: limitOf(cell, peak), ...finished });
    keep();
    done += 1;
    const verdict = finished.broken.join("; ") || "complete";
    console.log(`${done}/${cells.length} ${name}: ${(finished.milliseconds / 1000).toFixed(1)} s, ${verdict}`);
  });
}

function table(proof) {
  const lines = [
    "# Proof under a memory control group",
    "",
    "A program fills its heap until V8 gives up, in a real memory control group (version 1, no swap) whose limit is the highest",
    "peak of five runs of the same program without the module, plus 8 % of the heap, plus 16 MB. `npm run proof -- --cgroup` lets",
    "it die again and again. A run counts as complete when one snapshot and no `.part` lies there, a reader that shares nothing",
    "with ours finds each leaked object in it, the kernel has killed nobody, and the process ended with V8's own message and SIGABRT.",
    "V8 sizes its young generation by the memory that it sees: it is fixed here, or the limit would make another program of it.",
    "",
    "Each cell: **complete of runs** and the limit of the last run in MB. The aim is 20 of 20 at 64 and 256 MB and 3 of 3 at",
    "1024 MB; a cell with fewer runs was not run more often, and `–` was not run at all. *gradual*: small allocations until V8",
    "gives up. *abrupt*: 60 % of the heap and then one array of 75 % of it; at 1024 MB, where V8 allows none so large, two thirds",
    "and then arrays of 240 million bytes.",
  ];
  for (const size of sizes) {
    const runs = Object.entries(proof.runs).filter(([name]) => name.startsWith(`${size} `));
    const all = runs.flatMap(([, runs]) => runs);
    const complete = all.filter(({ broken }) => broken.length === 0).length;
    lines.push("", `## Heaps of ${size} MB: ${complete} of ${all.length} complete`, "");
    if (all.length === 0) {
      lines.push("Not run.");
      continue;
    }
    lines.push(`| shape | death | ${majors.map((major) => node(major).version).join(" | ")} |`);
    lines.push(`|---|---|${majors.map(() => "---|").join("")}`);
    for (const shape of shapes)
      for (const death of deaths) {
        const cells = majors.map((major) => cellText(proof.runs[cellName({ size, major, shape, death })]));
        lines.push(`| ${shape} | ${death} | ${cells.join(" | ")} |`);
      }
  }
  const failures = Object.entries(proof.runs).flatMap(([name, runs]) =>
    runs.flatMap(({ broken }) => (broken.length > 0 ? [`- ${name}: ${broken.join("; ")}`] : [])),
  );
  if (failures.length > 0) lines.push("", "## What was not complete", "", ...failures);
  return lines.join("\n") + "\n";
}

function cellText(runs) {
  if (runs === undefined) return "–";
  const complete = runs.filter(({ broken }) => broken.length === 0).length;
  return `${complete} of ${runs.length}, ${(runs.at(-1).limit / MB).toFixed(0)}`;
}

/** Tells how it went; what is missed fails the command. */
function conclude(proof, where) {
  const all = Object.values(proof.runs).flat();
  const missed = all.filter(isMissed).length;
  console.log(`${all.length - missed} of ${all.length} deaths left a complete dump. ${where}`);
  process.exitCode = missed > 0 ? 1 : 0;
}

async function main() {
  const chosen = options();
  buildLeakCounter();
  if (chosen.once) {
    const cells = allCells({ ...chosen, sizes: [Math.min(...sizes)] });
    const proof = { runs: {}, peaks: {} };
    await prove(proof, cells, chosen.jobs, () => {});
    conclude(proof, "");
    const missed = cells.filter((cell) => proof.runs[cellName(cell)].some(isMissed));
    if (missed.length === 0) return;
    const again = { runs: {}, peaks: proof.peaks };
    await prove(again, [...missed, ...missed], chosen.jobs, () => {});
    return conclude(again, "");
  }
  const current = build();
  // Another method's proof may be written meanwhile.
  const known = readRecord().cgroup;
  const isOfThis = known?.build === current && known.program === programKey;
  const proof = {
    build: current,
    program: programKey,
    peaks: known?.peaks ?? {},
    runs: isOfThis ? known.runs : {},
  };
  const keep = () => {
    writeRecord({ ...readRecord(), cgroup: proof });
    fs.writeFileSync(results, table(proof));
  };
  await prove(proof, missingRuns(proof, chosen), chosen.jobs, keep);
  keep();
  conclude(proof, `The table: ${results}`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
