"use strict";

// Holds the heap of heap.cjs and has it written twice, by V8 and by this package, with nothing in between:
// `node snapshots.cjs <V8's file> <our file>`. The addon freezes the process before its call returns.
const v8 = require("node:v8");
const watchHeap = require("../..");
const { loadNative } = require("../../lib/native");

const [, , theirs, ours] = process.argv;
const { addon } = loadNative();
globalThis.kept = require("./heap.cjs");
watchHeap({ method: "native" });

// First both run once for themselves: what they create and compile on the first call is there when it counts.
function warmUp() {
  v8.writeHeapSnapshot(theirs);
  addon.createHeapSnapshot(`${ours}.warm`).then(() => setTimeout(compare, 300));
}

// The first of V8's collects the garbage, as V8's do. The promise that ours makes is there in the second.
function compare() {
  v8.writeHeapSnapshot(`${theirs}.warm`);
  const written = addon.createHeapSnapshot(ours);
  v8.writeHeapSnapshot(theirs);
  // Promises that never settle and ports that nobody closes are part of the heap.
  written.then(() => process.exit());
}

setTimeout(warmUp, 300);
