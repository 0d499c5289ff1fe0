"use strict";

// bench/RESULTS.md: every table with how often its cells were measured, under which load, and what was not.

const { writeFileSync } = require("node:fs");
const os = require("node:os");
const { join } = require("node:path");
const { executable, node } = require("../../__test__/support/node-versions");
const { hasGroups } = require("./accounting");
const { plot } = require("./plot");
const tables = require("./tables");

const RESULTS = join(__dirname, "..", "RESULTS.md");

function head({ scope, packages }) {
  const nodes = scope.majors.map((major) => node(major).version).join(", ");
  const memory = Math.round(os.totalmem() / 2 ** 30);
  const lacking = Object.entries(packages).flatMap(([major, states]) =>
    Object.entries(states).flatMap(([name, { failure }]) =>
      failure ? [`- ${name} on Node ${major}: ${failure}`] : [],
    ),
  );
  const versions = Object.entries(Object.values(packages)[0]).map(([name, { version }]) => `${name} ${version}`);
  return `# Results of the comparison

Written by \`npm run bench\`; [README.md](README.md) says how each figure is taken and what it cannot show. Linux ${os.release()},
${os.cpus().length} CPUs, ${memory} GB; ${hasGroups ? "control groups of version 1" : "no control groups: memory by VmHWM"}; Node ${nodes}; ${versions.join(", ")}.

${lacking.length > 0 ? `Packages that cannot be had:\n\n${lacking.join("\n")}` : "All packages could be installed and compiled on each of these versions."}`;
}

const loadText = (loads) =>
  loads.length === 0
    ? ""
    : `The load average of the machine was ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}.`;

function howOften(table, measured, scope) {
  const wanted = table.cells({ ...scope, isQuick: false });
  const names = new Set(measured.map(({ cell }) => Object.values(cell).join()));
  const absent = wanted.filter((cell) => !names.has(Object.values(cell).join()));
  const runs = measured.map(({ runs }) => runs.length);
  const times = Math.min(...runs) === Math.max(...runs) ? `${runs[0]}` : `${Math.min(...runs)} to ${Math.max(...runs)}`;
  const loads = measured.flatMap(({ runs }) => runs.map(({ load }) => load)).filter(Number.isFinite);
  const notRun =
    absent.length > 0 ? ` ${absent.length} of ${wanted.length} cells were not run: ${summary(absent, wanted)}.` : "";
  return `${measured.length} cells, each measured ${times} ${times === "1" ? "time" : "times"}.${notRun} ${loadText(loads)}`.trim();
}

/** Which cells these are, by the values that all of them have or that are missing as a whole. */
function summary(absent, wanted) {
  const fields = Object.keys(wanted[0]);
  const whole = fields.flatMap((field) => {
    const values = [...new Set(wanted.map((cell) => cell[field]))];
    return values
      .filter((value) => wanted.every((cell) => cell[field] !== value || absent.includes(cell)))
      .map((value) => ({ field, value }));
  });
  const rest = absent.filter((cell) => !whole.some(({ field, value }) => cell[field] === value));
  const words = { megabytes: (value) => `all of ${value} MB`, major: (value) => `all of Node ${value}` };
  const told = whole.map(({ field, value }) => (words[field] ?? ((value) => `all of ${value}`))(value));
  const few = rest.slice(0, 6).map((cell) => Object.values(cell).join(" "));
  if (rest.length > 0) told.push(rest.length > 6 ? `${few.join("; ")}; and ${rest.length - 6} others` : few.join("; "));
  return told.join("; ");
}

function section(table, record, scope) {
  const measured = record.cells(table);
  const title = `## ${table.name}. ${table.title}`;
  if (measured.length === 0) return `${title}\n\nNot run.`;
  return [title, table.note, howOften(table, measured, scope), table.render(measured)].join("\n\n");
}

function writePage(record, { scope, packages }) {
  const sections = tables.map((table) => section(table, record, scope));
  writeFileSync(RESULTS, `${[head({ scope, packages }), ...sections].join("\n\n")}\n`);
  plot(record);
  console.log(`written: ${RESULTS}`);
}

module.exports = { writePage };
