"use strict";

// Table 2: the smallest limit of a control group in which the application, as it runs out of V8's limit, leaves a complete
// file, bisected.

const { hasGroups } = require("../accounting");
const { contenders } = require("../contenders");
const { runOnce } = require("../run");
const { markdown, megabytes: inMegabytes, times } = require("../statistics");
const shapes = require("../../native/shapes");

const MB = 2 ** 20;

/** How near to the smallest limit the bisection comes, and how long a run may take in a small one. */
const WHOLE = { precision: 1.04, timeout: 120_000 };
const QUICK = { precision: 1.15, timeout: 30_000 };

/** Without a limit, for what does not always succeed there. */
const ATTEMPTS = 3;
const compared = ["mix", "objects", "array", "map", "cons", "list"];

/** Needs a limit, in megabytes, above which nothing is tried. */
const MOST = (megabytes) => 64 * megabytes;

function cells({ majors, sizes, isQuick }) {
  const all = [];
  for (const megabytes of sizes.filter((size) => size <= 256))
    for (const shape of isQuick ? ["mix"] : compared)
      for (const major of majors.filter((major) => major !== 18 && (shape === "mix" || major === 24)))
        for (const contender of isQuick ? ["native", "writeHeapSnapshot", "near-heap-limit"] : Object.keys(contenders))
          all.push({ contender, major, shape, megabytes });
  return all.filter(({ contender, major }) => major >= (contenders[contender].since ?? 0));
}

/** The application without a dump is well served where V8 ends it, and not the kernel. */
const isServed = ({ contender }, run) =>
  contenders[contender].isControl ? run.ending === "died of V8's limit" : run.file === "complete";

async function measure(cell, { isQuick }) {
  if (!hasGroups) return { unusable: "needs control groups, which cannot be made here" };
  // The event loop turns, so that each contender gets its chance.
  const what = { ...cell, happening: "gradual" };
  const { precision, timeout } = isQuick ? QUICK : WHOLE;
  let runs = 0;
  const serves = async (limit) => {
    runs += 1;
    return isServed(cell, await runOnce(what, { limit: Math.round(limit), timeout }));
  };
  let free;
  for (let attempt = 0; attempt < ATTEMPTS && !(free && isServed(cell, free)); attempt++)
    free = await runOnce(what, { timeout });
  if (!isServed(cell, free)) return { unusable: `no complete file without a limit either: ${free.ending}` };
  // The peak without a limit has the pages of files, of which a limit takes the most.
  let enough = Math.max(cell.megabytes * MB, free.charged + free.held) * precision;
  while (!(await serves(enough)))
    if ((enough *= 1.5) > MOST(cell.megabytes) * MB) return { unusable: `more than ${MOST(cell.megabytes)} MB` };
  let tooLittle = cell.megabytes * MB * 0.8;
  while (enough / tooLittle > precision) {
    const middle = Math.sqrt(enough * tooLittle);
    if (await serves(middle)) enough = middle;
    else tooLittle = middle;
  }
  return { limit: enough, runs: runs + 1, load: free.load };
}

function render(measured) {
  const groups = new Map();
  for (const { cell, runs } of measured) {
    const key = `${cell.megabytes} ${cell.major} ${cell.shape}`;
    if (!groups.has(key)) groups.set(key, { cell, byContender: {} });
    groups.get(key).byContender[cell.contender] = runs.at(-1);
  }
  const shown = [...groups.values()].sort(
    ({ cell: a }, { cell: b }) =>
      a.megabytes - b.megabytes || a.major - b.major || compared.indexOf(a.shape) - compared.indexOf(b.shape),
  );
  const heads = [
    "",
    ...shown.map(({ cell }) => `${cell.megabytes} MB, Node ${cell.major}, ${shapes[cell.shape].title}`),
  ];
  const rows = Object.keys(contenders).map((contender) => [
    contenders[contender].title,
    ...shown.map(({ cell, byContender }) => limitText(byContender[contender], cell)),
  ]);
  const failures = measured.flatMap(({ cell, runs }) =>
    runs.at(-1).unusable
      ? [`- ${contenders[cell.contender].title}, Node ${cell.major}, ${cell.shape}: ${runs.at(-1).unusable}`]
      : [],
  );
  return [markdown(heads, rows), failures.join("\n")].filter(Boolean).join("\n\n");
}

function limitText(run, { megabytes }) {
  if (!run) return "–";
  if (run.unusable) return "none";
  return `${times(run.limit / (megabytes * MB))} (${inMegabytes(run.limit)} MB)`;
}

/** Of Node 24 at 64 MB: the limit as a multiple of the heap's. */
function plot(measured) {
  const shown = measured.filter(({ cell }) => cell.major === 24 && cell.megabytes === 64);
  const present = compared.filter((shape) => shown.some(({ cell }) => cell.shape === shape)).slice(0, 3);
  if (present.length === 0) return [];
  const barOf = (contender, shape) => {
    const found = shown.find(({ cell }) => cell.contender === contender && cell.shape === shape);
    const run = found?.runs.at(-1);
    if (run?.unusable) return { name: contender, missing: "none" };
    return { name: contender, value: run && run.limit / (found.cell.megabytes * MB) };
  };
  return present.map((shape) => ({
    title: `Limit, x heap: ${shapes[shape].title}`,
    bars: Object.keys(contenders).map((name) => barOf(name, shape)),
  }));
}

module.exports = {
  picture: "memory-limit.svg",
  plot,
  title: "Smallest memory limit",
  note: `The smallest limit of a memory control group in which the gradual leak of table 1 leaves a complete file, as a multiple of
\`--max-old-space-size\`, bisected to 4 %, in a quick run to 15 %. "no dump at all": the smallest in which V8 ends the application,
and not the kernel.`,
  turns: () => 1,
  isTimed: false,
  cells,
  measure,
  render,
};
