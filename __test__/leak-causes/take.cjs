"use strict";

// Runs a leaking program and writes a snapshot of it by the native method: `node take.cjs <program> <file>`.
const watchHeap = require("../..");
const { loadNative } = require("../../lib/native");

const [, , program, file] = process.argv;
watchHeap({ method: "native" });
Promise.resolve(require(program))
  .then(() => loadNative().addon.createHeapSnapshot(file))
  .then(() => process.exit());
