"use strict";

// npm run bench -- [--quick] [--only <words>] [--resume] [--minutes <number>] [--jobs <number>]
//
// Measures this package beside every other way to a heap snapshot and writes bench/RESULTS.md with its plots, and the table of
// the README. `--quick`: the most telling cells on Node 24, for five minutes, into .cache/compare/quick. `--only` takes tables
// (1 to 6), Node majors, sizes, shapes, contenders: "1,24,mix". `--resume` keeps what was measured before, in bench/record.
// `--minutes` ends the run in time; what was not measured is listed. `--jobs`: how many cells of tables 1 and 2 at a time.
// `--write` only writes the page, the plots and the table of what is there.

const { join } = require("node:path");
const { parseArgs } = require("node:util");
const { majors } = require("../../__test__/support/node-versions");
const { buildReader } = require("../../__test__/support/snapshot");
const { inTurns } = require("../../scripts/proof-record");
const { contenders } = require("./contenders");
const { FOLDER, install } = require("./install");
const { writePage } = require("./page");
const { writeReadme } = require("./readme");
const { Record } = require("./record");
const tables = require("./tables");

const QUICK = { majors: [24], sizes: [64], minutes: 5 };
const SIZES = [64, 256, 1024];

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    resume: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    minutes: { type: "string" },
    jobs: { type: "string", default: "1" },
  },
});

const only = options.only.split(",").filter(Boolean);
const isTable = (word) => tables.some(({ name }) => name === word);

/** Of the words of `--only` each names a table or is found in the cell; words that are alternatives are joined by "/". */
function isWanted(cell) {
  const values = Object.values(cell).map(String);
  return only.every((word) => word.split("/").every(isTable) || word.split("/").some((one) => values.includes(one)));
}

const chosenTables = () => {
  const named = only.flatMap((word) => word.split("/")).filter(isTable);
  return tables.filter(({ name }) => named.length === 0 || named.includes(name));
};

const whole = { majors, sizes: SIZES, isQuick: false };
const scope = options.quick ? { ...QUICK, isQuick: true } : whole;

/** Every cell as often as its table wants it, without what is there: `[{ table, cell }, …]`, all first turns first. */
function missing(table, record) {
  const cells = table.cells(scope).filter(isWanted);
  const turns = cells.map((cell) => table.turns(scope, cell));
  const finished = record.finished(table);
  return Array.from({ length: Math.max(0, ...turns) }, (_, turn) =>
    cells.filter((cell, index) => turn < turns[index] && finished(cell) <= turn),
  )
    .flat()
    .map((cell) => ({ table, cell }));
}

/** One of each list after the other, so that a run which ends early has something of each table. */
function interleave(lists) {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, index) => lists.flatMap((list) => list.slice(index, index + 1))).flat();
}

/** What cannot be measured at all, in words; else null. */
function hindrance(cell, packages) {
  const needed = contenders[cell.contender]?.needs;
  return (needed && packages[cell.major][needed].failure) || null;
}

async function measure(work, record, packages) {
  const minutes = Number(options.minutes ?? (options.quick ? QUICK.minutes : Infinity));
  const deadline = performance.now() + minutes * 60_000;
  let done = 0;
  const jobs = work.some(({ table }) => table.isTimed) ? 1 : Number(options.jobs);
  await inTurns(work, jobs, async ({ table, cell }) => {
    if (performance.now() > deadline) return;
    const unusable = hindrance(cell, packages);
    const began = performance.now();
    const run = unusable ? { unusable } : await table.measure(cell, scope);
    record.add(table, cell, run);
    done += 1;
    const seconds = ((performance.now() - began) / 1e3).toFixed(1);
    const { file = "", ending = "" } = run;
    console.log(
      `${done}/${work.length} table ${table.name}: ${Object.values(cell).join(", ")}: ${seconds} s ${file} ${ending}`,
    );
  });
  if (done < work.length) console.log(`${work.length - done} measurements were left out: ${minutes} minutes are over`);
}

async function main() {
  const packages = install(scope.majors);
  const folder = options.quick ? join(FOLDER, "quick") : join(__dirname, "..");
  const record = new Record(join(folder, "record"));
  if (!options.write) {
    buildReader();
    if (!options.resume) for (const table of chosenTables()) record.forget(table, isWanted);
    await measure(interleave(chosenTables().map((table) => missing(table, record))), record, packages);
  }
  console.log(`The results: ${writePage(record, { folder, scope, whole, packages })}`);
  if (!options.quick) console.log(`The table of the README: ${writeReadme(record)}`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
