"use strict";

// The README's table: the contenders at the death of one application, from the same cells as tables 1, 2 and 3.

const fs = require("node:fs");
const { join } = require("node:path");
const { contenders, dumpers } = require("./contenders");
const { markdown, median, medianOf, milliseconds, seconds, times } = require("./statistics");
const tables = require("./tables");

const FILE = join(__dirname, "..", "..", "README.md");
const BEGIN = "<!-- written by npm run bench -->";
const END = "<!-- end of what npm run bench has written -->";

const MAJOR = 24;
const MEGABYTES = 64;

const cellsOf = (record, name) => record.cells(tables.find((table) => table.name === name));

/** What was measured under the README's conditions. */
const underConditions = (measured) =>
  measured.filter(({ cell }) => cell.major === MAJOR && cell.megabytes === MEGABYTES);

const isComplete = (run) => run.file === "complete";

function completeOf(measured) {
  const runs = measured.flatMap(({ runs }) => runs);
  return runs.length > 0 ? `${runs.filter(isComplete).length}/${runs.length}` : "–";
}

/** What the native method left under all conditions. */
function everywhere(measured) {
  const own = measured.filter(({ cell }) => cell.contender === "native");
  const range = (field) => {
    const values = own.map(({ cell }) => cell[field]);
    return [Math.min(...values), Math.max(...values)];
  };
  const [oldest, newest] = range("major");
  const [least, most] = range("megabytes");
  return `On Node ${oldest} to ${newest} with limits of ${least} MB to ${most} MB the native method left ${completeOf(own)} complete files.`;
}

const duration = (time) => (time < 1000 ? `${milliseconds(time)} ms` : time >= 1000 ? `${seconds(time)} s` : "–");

const timesOfLimit = (runs) => {
  const last = runs.at(-1);
  return last?.unusable ? "none" : times(last?.limit / (MEGABYTES * 2 ** 20));
};

function row(contender, { completeness, limits, costs }) {
  const own = (measured, conditions) =>
    measured.filter(({ cell }) =>
      Object.entries({ contender, ...conditions }).every(([field, value]) => cell[field] === value),
    );
  const limit = (shape) => timesOfLimit(own(limits, { shape }).flatMap(({ runs }) => runs));
  const asked = own(costs, { shape: "mix", happening: "asked" })
    .flatMap(({ runs }) => runs)
    .filter(isComplete);
  const { title, since } = contenders[contender];
  const name = since ? `${title} (Node ${since}+)` : title;
  return [
    contender === "native" ? `**${name}**` : name,
    ...["gradual", "abrupt", "synchronous"].map((happening) => completeOf(own(completeness, { happening }))),
    limit("mix"),
    limit("array"),
    duration(medianOf(asked, "stall")),
    duration(medianOf(asked, "cpu")),
  ];
}

function text(measured, completeness) {
  const heads = [
    "",
    "complete file: gradual leak",
    "abrupt",
    "loop that never yields",
    "least memory limit, mix",
    "one huge array",
    "stands still",
    "CPU",
  ];
  const nothing = measured.limits.find(({ cell }) => cell.contender === "nothing" && cell.shape === "mix");
  const loads = Object.values(measured)
    .flat()
    .flatMap(({ runs }) => runs.map(({ load }) => load))
    .filter(Number.isFinite);
  return [
    markdown(
      heads,
      dumpers.map((contender) => row(contender, measured)),
    ),
    "",
    everywhere(completeness),
    "The least memory limit is that of a container in which a complete file is left, as a multiple of `--max-old-space-size`; without",
    `any dump the application needs ${timesOfLimit(nothing?.runs ?? [])}. The load average of the machine was ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}, in the median ${median(loads).toFixed(1)}.`,
  ].join("\n");
}

/** Writes the table between its marks, where each of its columns was measured, and says what it did. */
function writeReadme(record) {
  const completeness = cellsOf(record, "1");
  const measured = {
    completeness: underConditions(completeness),
    limits: underConditions(cellsOf(record, "2")),
    costs: underConditions(cellsOf(record, "3")),
  };
  if (Object.values(measured).some(({ length }) => length === 0))
    return `left as it was, for of tables 1, 2 and 3 one has no cell of Node ${MAJOR} at ${MEGABYTES} MB`;
  const readme = fs.readFileSync(FILE, "utf8");
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${FILE} has no table between "${BEGIN}" and "${END}"`);
  fs.writeFileSync(FILE, `${before}${BEGIN}\n\n${text(measured, completeness)}\n\n${END}${after}`);
  return FILE;
}

module.exports = { writeReadme };
