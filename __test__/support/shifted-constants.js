"use strict";

// Prints what the oracle finds in a heap that holds every kind of thing, and leaves snapshots of it in a folder:
// `node shifted-constants.js <addon> <folder>`. Output: `{ sizes, shifts }`, see src/addon/oracle.rs.
const { totalmem } = require("node:os");
const { join } = require("node:path");
const v8 = require("node:v8");
const { runProbe } = require("../../lib/probe");

process.env.FIDELITY_COUNT = "3";
globalThis.kept = require("../fidelity/heap.cjs");
const [, , file, folder] = process.argv;
const addon = require(file);
addon.arm({
  file: "unused.heapsnapshot",
  port: 9229,
  thread: 0,
  method: "native",
  helper: process.execPath,
  execArgv: process.execArgv,
  probe: runProbe(addon),
  nodeOptions: "",
  v8Version: process.versions.v8,
  memory: totalmem(),
});

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
