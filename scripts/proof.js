"use strict";

// `npm run proof -- [--method native] [--runs 50] [--only 18,json-parse] [--jobs 2]`: the main job many times by each
// method on every Node version with every leak, written as a table to proof/RESULTS.md. Finished runs are kept in .cache/,
// so that an interrupted proof goes on where it was. With a new build of the package a method that is proved starts over,
// and so it does with `--fresh`; the other method keeps its last proof. With `--cgroup` it is proof-cgroup.js that is run.
const fs = require("node:fs");
const path = require("node:path");
const { parseArgs } = require("node:util");
const { heapLimit, majors, node } = require("../__test__/support/node-versions");
const { buildReader } = require("../__test__/support/snapshot");
const { leaks, methods, rules, runMainJob } = require("../__test__/support/main-job");
const { build, choose, count, inTurns, readRecord, writeRecord } = require("./proof-record");

const results = path.join(__dirname, "..", "proof", "RESULTS.md");

function options() {
  const { values } = parseArgs({
    options: {
      method: { type: "string", multiple: true, default: methods },
      runs: { type: "string", default: "20" },
      only: { type: "string", default: "" },
      jobs: { type: "string", default: "2" },
      fresh: { type: "boolean", default: false },
    },
  });
  const unknownMethod = values.method.find((method) => !methods.includes(method));
  if (unknownMethod !== undefined) throw new Error(`--method ${unknownMethod}: give ${methods.join(" or ")}`);
  return {
    ...values,
    ...choose(values.only, { majors, leaks }),
    runs: count(values.runs, "--runs"),
    jobs: count(values.jobs, "--jobs"),
    methods: values.method,
  };
}

const cellName = (major, leak) => `${major} ${leak}`;

/** Runs what is missing in the record, `jobs` at a time, run by run through all cells. */
async function prove(proofs, { runs: wanted, methods, majors, leaks, jobs, fresh }) {
  const current = build();
  for (const method of methods) {
    if (fresh || proofs[method]?.build !== current) proofs[method] = { build: current, runs: {} };
  }
  const missing = [];
  for (let round = 0; round < wanted; round++) {
    for (const method of methods) {
      for (const major of majors) {
        for (const leak of leaks) {
          const finished = proofs[method].runs[cellName(major, leak)]?.length ?? 0;
          if (finished <= round) missing.push({ method, major, leak });
        }
      }
    }
  }
  const total = missing.length;
  let done = 0;
  await inTurns(missing, jobs, async (next) => {
    const { method, major, leak } = next;
    const { milliseconds, bytes, broken } = await runMainJob(next);
    const finished = { version: node(major).version, milliseconds, bytes, broken };
    (proofs[method].runs[cellName(major, leak)] ??= []).push(finished);
    writeRecord(proofs);
    done += 1;
    const verdict = Object.values(broken).join("; ") || "holds";
    console.log(`${done}/${total} ${method} Node ${major} ${leak}: ${(milliseconds / 1000).toFixed(1)} s, ${verdict}`);
  });
}

function median(numbers) {
  const sorted = numbers.filter((number) => number !== null).sort((a, b) => a - b);
  return sorted.length === 0 ? null : sorted[Math.floor(sorted.length / 2)];
}

function table(proofs) {
  const names = Object.keys(rules);
  const lines = [
    "# Proof of the main job",
    "",
    "A leaking program runs out of memory under `node --max-old-space-size=<limit>`; with the method `inspector` also under",
    "`--inspect=0`. `npm run proof` lets it die again and again and counts the runs in which each rule holds:",
    "",
    ...names.map((name) => `- **${name}**: ${rules[name].sentence}.`),
    "",
    '"Time" is from the start of the program to its end, the snapshot included. Time and size are medians.',
    "",
    `| method | Node | limit | leak | runs | ${names.join(" | ")} | time | size |`,
    `|---|---|---|---|---|${names.map(() => "---|").join("")}---|---|`,
  ];
  for (const method of methods) {
    for (const major of majors) {
      for (const leak of leaks) {
        const runs = proofs[method]?.runs[cellName(major, leak)];
        if (runs !== undefined) lines.push(row(method, major, leak, runs));
      }
    }
  }
  return lines.join("\n") + "\n";
}

function row(method, major, leak, runs) {
  const versions = [...new Set(runs.map((run) => run.version))].join(", ");
  const held = Object.keys(rules).map((name) => runs.filter((run) => !(name in run.broken)).length);
  const seconds = median(runs.map((run) => run.milliseconds)) / 1000;
  const bytes = median(runs.map((run) => run.bytes));
  const size = bytes === null ? "none" : `${(bytes / 1048576).toFixed(1)} MB`;
  const cells = [method, versions, `${heapLimit(major, method)} MB`, leak, runs.length, ...held];
  return `| ${[...cells, `${seconds.toFixed(1)} s`, size].join(" | ")} |`;
}

async function main() {
  const chosen = options();
  const proofs = readRecord();
  buildReader();
  await prove(proofs, chosen);
  fs.mkdirSync(path.dirname(results), { recursive: true });
  fs.writeFileSync(results, table(proofs));
  const proved = methods.flatMap((method) => proofs[method] ?? []);
  const all = proved.flatMap(({ runs }) => Object.values(runs).flat());
  const broken = all.filter((run) => Object.keys(run.broken).length > 0);
  console.log(`${all.length - broken.length} of ${all.length} runs hold every rule. The table: ${results}`);
  if (broken.length > 0) process.exitCode = 1;
}

if (process.argv.includes("--cgroup")) require("./proof-cgroup");
else
  main().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
