"use strict";

// Holds so many small objects as its argument says and writes a native snapshot of them: `node heap.js <objects> <file>`.
const watchHeap = require("../..");
const { loadNative } = require("../../lib/native");

class Leak {
  constructor(number) {
    this.number = number;
    this.box = { number };
    this.text = `k${number}`;
  }
}

const [, , objects, file] = process.argv;
const leaks = Array.from({ length: Number(objects) }, (_, number) => new Leak(number));
globalThis.leaks = () => leaks;
watchHeap({ method: "native" });
loadNative()
  .addon.createHeapSnapshot(file)
  .then(() => process.exit());
