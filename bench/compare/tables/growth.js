"use strict";

// Table 5: how the cost of a native dump grows with the heap, from 64 MB to 2 GB.

const { contenders } = require("../contenders");
const { runOnce } = require("../run");
const { markdown, medianOf, megabytes: inMegabytes, milliseconds, seconds } = require("../statistics");
const shapes = require("../../native/shapes");

const TIMEOUT = 600_000;
const MAJOR = 24;
const sizes = [64, 128, 256, 512, 1024, 2048];

/** V8's generator is shown beside it as far as it is quick enough. */
const MOST_OF_OTHERS = 256;

function cells({ isQuick }) {
  const all = [];
  for (const megabytes of isQuick ? sizes.slice(0, 3) : sizes)
    for (const shape of isQuick ? ["mix"] : ["mix", "objects"])
      for (const contender of isQuick ? ["native"] : ["native", "writeHeapSnapshot"])
        if (contender === "native" || (megabytes <= MOST_OF_OTHERS && shape === "mix"))
          all.push({ contender, major: MAJOR, shape, happening: "asked", megabytes });
  return all;
}

const measure = (cell) => runOnce(cell, { timeout: TIMEOUT, isTimed: true });

const HEADS = [
  "",
  "heap (MB)",
  "runs",
  "CPU (s)",
  "per GB of heap",
  "complete after (s)",
  "memory (MB)",
  "of the heap",
  "stands still (ms)",
  "per GB of heap",
  "file (MB)",
];

function row({ cell, runs: all }) {
  const runs = all.filter((run) => run.file === "complete");
  const heap = medianOf(runs, "held");
  const gigabytes = heap / 2 ** 30;
  const share = (100 * medianOf(runs, "memory")) / heap;
  return [
    `${contenders[cell.contender].title}, ${shapes[cell.shape].title}`,
    inMegabytes(heap),
    `${runs.length}/${all.length}`,
    seconds(medianOf(runs, "cpu")),
    seconds(medianOf(runs, "cpu") / gigabytes),
    seconds(medianOf(runs, "took")),
    inMegabytes(medianOf(runs, "memory")),
    Number.isFinite(share) ? `${share.toFixed(1)} %` : "–",
    milliseconds(medianOf(runs, "stall")),
    milliseconds(medianOf(runs, "stall") / gigabytes),
    inMegabytes(medianOf(runs, "bytes")),
  ];
}

const order = ({ cell }) => `${cell.contender} ${cell.shape} ${String(cell.megabytes).padStart(6)}`;

const render = (measured) => markdown(HEADS, [...measured].sort((a, b) => (order(a) < order(b) ? -1 : 1)).map(row));

function plot(measured) {
  const panel = (title, value) => {
    const names = measured.map(({ cell }) => `${cell.contender} ${cell.shape}`);
    return {
      title,
      unit: "heap (MB)",
      lines: [...new Set(names)].map((line) => {
        const [name, shape] = line.split(" ");
        const own = measured.filter(({ cell }) => cell.contender === name && cell.shape === shape);
        const points = own
          .map(({ runs }) => runs.filter((run) => run.file === "complete"))
          .filter((runs) => runs.length > 0)
          .map((runs) => [medianOf(runs, "held") / 2 ** 20, value(runs)])
          .sort((a, b) => a[0] - b[0]);
        const label = `${contenders[name].title.replaceAll("`", "")}, ${shapes[shape].title}`;
        return { name, label, points, isDashed: shape !== "mix" };
      }),
    };
  };
  if (measured.length === 0) return [];
  return [
    panel("CPU (s)", (runs) => medianOf(runs, "cpu") / 1e3),
    panel("Memory beyond the heap (MB)", (runs) => medianOf(runs, "memory") / 2 ** 20),
    panel("The application stands still (ms)", (runs) => medianOf(runs, "stall")),
  ];
}

module.exports = {
  picture: "growth.svg",
  plot,
  title: "How the cost grows",
  note: `Snapshots that an application on Node ${MAJOR} asks for, measured as in table 3.`,
  turns: ({ isQuick }) => (isQuick ? 1 : 3),
  isTimed: true,
  cells,
  measure,
  render,
};
