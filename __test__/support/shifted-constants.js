"use strict";

// Prints what the oracle finds in a heap that holds every kind of thing, and leaves snapshots of it in a folder:
// `node shifted-constants.js <addon> <folder>`. Output: `{ sizes, shifts }`, see src/addon/oracle.rs.
const { join } = require("node:path");
const v8 = require("node:v8");
const { armedOracle } = require("./armed-oracle");

const [, , file, folder] = process.argv;
const addon = armedOracle(file);

function ask() {
  v8.writeHeapSnapshot(join(folder, "warm.heapsnapshot")); // What the first one creates is there in the second.
  const sizes = addon.compareSizes();
  const shifts = addon.catchShifts(["", ...addon.layoutConstants()]);
  const uncaught = shifts.filter(({ caughtBy }) => caughtBy === undefined).map(({ constant }) => constant);
  v8.writeHeapSnapshot(join(folder, "v8.heapsnapshot"));
  addon.writeShifted(uncaught, folder);
  process.stdout.write(JSON.stringify({ sizes, shifts }), () => process.exit());
}

setTimeout(ask, 300);
