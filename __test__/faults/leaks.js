"use strict";

// Whether a process keeps more after the same work than before: descriptors, threads, and memory.
const fs = require("node:fs");
const { Worker } = require("node:worker_threads");
const { descriptorsOf } = require("../support/processes");

/** What V8 and malloc keep of the last workers and reuse differs from run to run by less than this. */
const MEMORY_NOISE = 24 << 20;

const keeps = () => ({
  descriptors: descriptorsOf(process.pid),
  threads: fs.readdirSync("/proc/self/task").length,
  memory: process.memoryUsage.rss(),
});

/** A worker that loads the module, if there is a package, and ends. */
async function liveInWorker(root, options) {
  const script = root ? `require(${JSON.stringify(root)})(${JSON.stringify(options)})` : "";
  const worker = new Worker(script, { eval: true });
  const code = await new Promise((resolve) => worker.once("error", resolve).once("exit", resolve));
  if (code !== 0) throw new Error(`a worker ended with ${code}`);
}

/** The watch of this thread, which begins and is stopped. */
const liveUntilStopped = (root, options) => root && require(root)(options).stop();

/** Lives so many times, one after the other, and says what has become more since the first of them. */
async function leakedBy(cycles, live) {
  for (let cycle = 0; cycle < cycles / 4; cycle++) await live();
  globalThis.gc();
  const before = keeps();
  for (let cycle = cycles / 4; cycle < cycles; cycle++) await live();
  globalThis.gc();
  // Threads of workers that have ended leave the table of threads a moment later.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const after = keeps();
  console.error(`cycles: ${cycles}, resident set ${before.memory >> 10} KB before and ${after.memory >> 10} KB after`);
  const grown = ["descriptors", "threads"].filter((what) => after[what] > before[what]);
  if (after.memory > before.memory + MEMORY_NOISE) grown.push("memory");
  return grown.length > 0 ? `leaked ${grown.join(", ")}` : "nothing leaked";
}

module.exports = { leakedBy, liveInWorker, liveUntilStopped };
