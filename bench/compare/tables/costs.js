"use strict";

// Table 3: what one dump costs the application and the machine: asked for while the application is well, and at its death.

const { contenders } = require("../contenders");
const { runOnce } = require("../run");
const { markdown, medianOf, megabytes, milliseconds, seconds, times } = require("../statistics");
const shapes = require("../../native/shapes");

const TIMEOUT = 300_000;
const compared = ["mix", "objects", "array"];
const asked = ["native", "inspector", "writeHeapSnapshot", "heapdump", "3.8-worker", "chrome-remote-interface"];
const dying = ["nothing", "native", "inspector", "near-heap-limit", "on-oom", "3.8-hook"];
const happenings = { asked: "Asked for while the application is well", synchronous: "At the death of the application" };

/** Beside ours the two that the others are compared with. */
const quick = { asked: ["native", "writeHeapSnapshot"], synchronous: ["native", "near-heap-limit"] };

function cells({ majors, sizes, isQuick }) {
  const all = [];
  for (const megabytes of sizes.filter((size) => size <= 256))
    for (const shape of isQuick ? ["mix"] : compared)
      for (const major of majors.filter((major) => major !== 18 && (shape === "mix" || major === 24)))
        for (const [happening, names] of Object.entries(isQuick ? quick : { asked, synchronous: dying }))
          for (const contender of names) all.push({ contender, major, shape, happening, megabytes });
  return all.filter(({ contender, major }) => major >= (contenders[contender].since ?? 0));
}

const measure = (cell) => runOnce(cell, { timeout: TIMEOUT, isTimed: true });

/** Who dies stands still from its last beat to its end. */
const stall = (runs) =>
  medianOf(
    runs.map((run) => ({ stall: run.stall ?? run.untilDeath })),
    "stall",
  );

/** Who is beside whom: ratios are of the medians of runs that were made in turns. */
const yardstick = { asked: "writeHeapSnapshot", synchronous: "near-heap-limit" };

function rowsOf(group, happening) {
  const base = group.find(({ cell }) => cell.contender === yardstick[happening]);
  return group.map((measured) => {
    const runs = complete(measured);
    const title = contenders[measured.cell.contender].title;
    const counted = `${runs.length}/${measured.runs.length}`;
    if (runs.length === 0) return [title, counted, ...Array(8).fill("–")];
    const against = (field) => (base ? times(ratio(complete(base), runs, field)) : "–");
    return [
      title,
      counted,
      milliseconds(stall(runs)),
      milliseconds(medianOf(runs, "calm")),
      seconds(medianOf(runs, happening === "asked" ? "took" : "untilDeath")),
      seconds(medianOf(runs, "cpu")),
      against("cpu"),
      megabytes(medianOf(runs, "memory")),
      against("memory"),
      megabytes(medianOf(runs, "bytes")),
    ];
  });
}

/** Runs that are told of: those that did what they were for. */
const complete = ({ runs, cell }) =>
  runs.filter((run) => run.file === "complete" || contenders[cell.contender].isControl);

const ratio = (base, runs, field) => medianOf(base, field) / medianOf(runs, field);

function render(measured) {
  const parts = Object.entries(happenings).flatMap(([happening, title]) => {
    const all = inOrder(measured).filter(({ cell }) => cell.happening === happening);
    const groups = groupBy(all, groupName);
    return [...groups].map(([name, group]) => {
      const other = contenders[yardstick[happening]].title;
      const heads = [
        "",
        "complete",
        "stands still (ms)",
        "before it (ms)",
        happening === "asked" ? "complete after (s)" : "dead after (s)",
        "CPU (s)",
        `less than ${other}`,
        "memory (MB)",
        `less than ${other}`,
        "file (MB)",
      ];
      return `### ${title}: ${name}\n\n${markdown(heads, rowsOf(group, happening))}`;
    });
  });
  return parts.join("\n\n");
}

const order = Object.keys(contenders);
const inOrder = (measured) =>
  [...measured].sort(({ cell: a }, { cell: b }) => order.indexOf(a.contender) - order.indexOf(b.contender));

const groupName = ({ cell }) => `${shapes[cell.shape].title}, ${cell.megabytes} MB, Node ${cell.major}`;

function groupBy(all, key) {
  const groups = new Map();
  for (const one of all) groups.set(key(one), [...(groups.get(key(one)) ?? []), one]);
  return groups;
}

/** Of the mix at 64 MB on Node 24: what is asked for. */
function plot(measured) {
  const isShown = ({ cell }) =>
    cell.major === 24 && cell.megabytes === 64 && cell.shape === "mix" && cell.happening === "asked";
  const shown = inOrder(measured)
    .filter(isShown)
    .map(({ cell, runs }) => ({ cell, runs: complete({ cell, runs }) }));
  if (shown.length === 0) return [];
  const panel = (title, value) => ({
    title,
    bars: shown.map(({ cell, runs }) => ({ name: cell.contender, value: runs.length > 0 ? value(runs) : undefined })),
  });
  return [
    panel("The application stands still (ms)", stall),
    panel("CPU (s)", (runs) => medianOf(runs, "cpu") / 1e3),
    panel("Memory beyond the heap (MB)", (runs) => medianOf(runs, "memory") / 2 ** 20),
  ];
}

module.exports = {
  picture: "costs.svg",
  plot,
  title: "What a dump costs",
  note: `Medians of runs in turns. *stands still*: the longest gap of a heartbeat of 5 ms in the event loop; at a death, from the
beginning of the leak to the end of the process; *before it*: the same in the half second before, which is the machine's doing.
*memory*: the most anonymous memory of the application and all that it
starts, beyond what the application held before, sampled every 10 ms from the kernel's account; at a death
some of it is the leak itself, as "no dump at all" shows. *CPU* is of all these processes.`,
  turns: ({ isQuick }) => (isQuick ? 1 : 3),
  isTimed: true,
  cells,
  measure,
  render,
};
