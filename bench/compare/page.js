"use strict";

// RESULTS.md: every table with how often its cells were measured, under which load, and what was not.

const { existsSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const os = require("node:os");
const { join } = require("node:path");
const { executable, node } = require("../../__test__/support/node-versions");
const { hasGroups } = require("./accounting");
const { plot } = require("./plot");
const { commitsOf } = require("./record");
const tables = require("./tables");

function head({ scope, packages }) {
  const nodes = scope.majors.map((major) => node(major).version).join(", ");
  const memory = Math.round(os.totalmem() / 2 ** 30);
  const lacking = Object.entries(packages).flatMap(([major, states]) =>
    Object.entries(states).flatMap(([name, { failure }]) =>
      failure ? [`- ${name} on Node ${major}: ${failure}`] : [],
    ),
  );
  const versions = Object.entries(Object.values(packages)[0]).map(([name, { version }]) => `${name} ${version}`);
  const written = scope.isQuick
    ? "Written by `npm run bench -- --quick`, a part of the comparison: what was left out stands with each table."
    : "Written by `npm run bench`;";
  return `# Results of the comparison

${written} [README.md](README.md) says how each figure is taken and what it cannot show. Linux ${os.release()},
${os.cpus().length} CPUs, ${memory} GB; ${hasGroups ? "control groups of version 1" : "no control groups: memory by VmHWM"}; Node ${nodes}; ${versions.join(", ")}.

${lacking.length > 0 ? `Packages that cannot be had:\n\n${lacking.join("\n")}` : "All packages could be installed and compiled on each of these versions."}`;
}

const loadText = (loads) =>
  loads.length === 0
    ? ""
    : `The load average of the machine was ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}.`;

function howOften(table, measured, whole) {
  const wanted = table.cells(whole);
  const names = new Set(measured.map(({ cell }) => Object.values(cell).join()));
  const absent = wanted.filter((cell) => !names.has(Object.values(cell).join()));
  const runs = measured.map(({ runs }) => runs.length);
  const times = Math.min(...runs) === Math.max(...runs) ? `${runs[0]}` : `${Math.min(...runs)} to ${Math.max(...runs)}`;
  const loads = measured.flatMap(({ runs }) => runs.map(({ load }) => load)).filter(Number.isFinite);
  const notRun =
    absent.length > 0 ? ` ${absent.length} of ${wanted.length} cells were not run: ${summary(absent, wanted)}.` : "";
  const builds = `This package: build of commit ${commitsOf(measured).join(", ")}.`;
  return `${measured.length} cells, each measured ${times} ${times === "1" ? "time" : "times"}.${notRun} ${builds} ${loadText(loads)}`.trim();
}

const words = {
  megabytes: (value) => `${value} MB`,
  heap: (value) => `a heap of ${value} MB`,
  major: (value) => `Node ${value}`,
};

/** Which cells these are: values of which there is nothing, then pairs of values, then how many are left. */
function summary(absent, wanted) {
  const fields = Object.keys(wanted[0]);
  const pairs = fields.flatMap((one, index) => fields.slice(index + 1).map((other) => [one, other]));
  let left = absent;
  const told = [...fields.map((field) => [field]), ...pairs].flatMap((chosen) => {
    const key = (cell) => chosen.map((field) => (words[field] ?? String)(cell[field])).join(" with ");
    const present = new Set(wanted.filter((cell) => !absent.includes(cell)).map(key));
    const missing = [...new Set(left.map(key))].filter((value) => !present.has(value));
    left = left.filter((cell) => !missing.includes(key(cell)));
    return missing;
  });
  return [...told, ...(left.length > 0 ? [`${left.length} others`] : [])].join("; ");
}

/** What is not in the record stays as the page has it: it says itself with which build it was measured. */
function section(table, record, { whole, before }) {
  const measured = record.cells(table);
  const title = `## ${table.name}. ${table.title}`;
  if (measured.length > 0)
    return [title, table.note, howOften(table, measured, whole), table.render(measured)].join("\n\n");
  return before.find((section) => section.startsWith(`${title}\n`)) ?? `${title}\n\nNot run.`;
}

const sectionsOf = (page) => page.split(/\n(?=## )/).map((section) => section.trim());

/**
 * Writes the page and its plots into a folder, and returns the path of the page. `scope` is what was asked for, and `whole`
 * what a whole comparison has.
 */
function writePage(record, { folder, scope, whole, packages }) {
  const file = join(folder, "RESULTS.md");
  const before = !scope.isQuick && existsSync(file) ? sectionsOf(readFileSync(file, "utf8")) : [];
  const sections = tables.map((table) => section(table, record, { whole, before }));
  mkdirSync(join(folder, "plots"), { recursive: true });
  writeFileSync(file, `${[head({ scope, packages }), ...sections].join("\n\n")}\n`);
  plot(record, join(folder, "plots"));
  return file;
}

module.exports = { writePage };
