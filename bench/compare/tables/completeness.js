"use strict";

// Table 1: whether a complete file is left when memory runs out, for each contender, shape, leak, size and Node version.

const { contenders, dumpers } = require("../contenders");
const { runOnce } = require("../run");
const { markdown } = require("../statistics");
const shapes = require("../../native/shapes");

const compared = ["objects", "array", "map", "cons", "list", "mix"];
const leaks = ["gradual", "abrupt", "synchronous"];

/** V8's generator takes minutes at 64 MB on Node 18, and this long is waited for. */
const TIMEOUT = 180_000;

/** No run may take more memory than this, nor more than 64 times its heap: V8's generator would take all of the machine. */
const MOST_MEMORY = 8 * 2 ** 30;

const exists = ({ contender, major }) => major >= (contenders[contender].since ?? 0);

/** On Node 18 the others have one shape and one size only. */
const isAffordable = ({ contender, major, shape, megabytes }) =>
  major !== 18 || contender === "native" || (shape === "mix" && megabytes === 64);

const quick = {
  shapes: ["mix"],
  leaks: ["gradual", "synchronous"],
  contenders: ["native", "near-heap-limit", "on-oom", "3.8-hook", "writeHeapSnapshot"],
};
const whole = { shapes: compared, leaks, contenders: dumpers };

function cells({ majors, sizes, isQuick }) {
  const chosen = isQuick ? quick : whole;
  const all = [];
  for (const megabytes of sizes)
    for (const shape of chosen.shapes)
      for (const major of majors)
        for (const happening of chosen.leaks)
          for (const contender of chosen.contenders) all.push({ contender, major, shape, happening, megabytes });
  return all.filter(exists).filter(isAffordable);
}

const measure = (cell) =>
  runOnce(cell, {
    timeout: (TIMEOUT * Math.max(64, cell.megabytes)) / 64,
    limit: Math.min(64 * cell.megabytes * 2 ** 20, MOST_MEMORY),
  });

const isComplete = (run) => run.file === "complete";

function count(measured) {
  const runs = measured.flatMap(({ runs }) => runs);
  return runs.length === 0 ? "–" : `${runs.filter(isComplete).length}/${runs.length}`;
}

function sizeTable(measured, megabytes) {
  const majors = [...new Set(measured.map(({ cell }) => cell.major))].sort();
  const rows = dumpers.map((contender) => {
    const own = measured.filter(({ cell }) => cell.contender === contender);
    const byLeak = leaks.map((leak) => count(own.filter(({ cell }) => cell.happening === leak)));
    const byMajor = majors.map((major) =>
      exists({ contender, major }) ? count(own.filter(({ cell }) => cell.major === major)) : "not there",
    );
    return [contenders[contender].title, `**${count(own)}**`, ...byLeak, ...byMajor];
  });
  const heads = ["", "complete", ...leaks, ...majors.map((major) => `Node ${major}`)];
  return `### Limit of ${megabytes} MB\n\n${markdown(heads, rows)}`;
}

/** Why runs left no complete file, the most frequent first. */
function failures(measured) {
  const reasons = new Map();
  for (const { cell, runs } of measured)
    for (const run of runs.filter((run) => !isComplete(run))) {
      const file = { none: "no file", "cut short": "a file that is cut short under its final name" }[run.file];
      const key = [contenders[cell.contender].title, run.unusable ?? `${file}; ${run.ending}`].join(": ");
      if (!reasons.has(key)) reasons.set(key, []);
      reasons.get(key).push(`${cell.major} ${cell.shape} ${cell.happening} ${cell.megabytes}`);
    }
  const lines = [...reasons].map(([reason, where]) => {
    const shown = where.length > 4 ? `${where.slice(0, 4).join(", ")}, …` : where.join(", ");
    return `- ${reason} (${where.length} times: ${shown})`;
  });
  return lines.length > 0 ? `What was not complete:\n\n${lines.sort().join("\n")}` : "";
}

function render(measured) {
  const sizes = [...new Set(measured.map(({ cell }) => cell.megabytes))].sort((a, b) => a - b);
  const parts = sizes.map((size) =>
    sizeTable(
      measured.filter(({ cell }) => cell.megabytes === size),
      size,
    ),
  );
  return [...parts, failures(measured)].filter(Boolean).join("\n\n");
}

module.exports = {
  title: "Does it leave a complete file?",
  note: `The application holds ${compared.map((shape) => shapes[shape].title).join(", ")} up to 60 % of the limit, and leaks on:
*gradual* in turns of the event loop, *abrupt* by arrays of 75 % of the limit, *synchronous* in a loop that never yields.
Complete: an independent reader finds each leaked object in it. Each cell counts complete files of runs. A run that takes
${TIMEOUT / 1e3} s for each 64 MB, or 64 times the limit in memory but ${MOST_MEMORY / 2 ** 30} GB at most, is ended.`,
  turns: () => 1,
  isTimed: false,
  cells,
  measure,
  render,
};
