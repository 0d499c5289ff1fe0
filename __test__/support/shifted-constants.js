"use strict";

// Prints what the oracle finds in a heap that holds every kind of thing: `node --expose-gc shifted-constants.js <addon>`.
// Output: `{ sizes, unshifted, shifts }`, see src/addon/oracle.rs.
const { totalmem } = require("node:os");
const { runInThisContext } = require("node:vm");

process.env.FIDELITY_COUNT = "3";
globalThis.kept = require("../fidelity/heap.cjs");
const addon = require(process.argv[2]);
addon.arm({
  file: "unused.heapsnapshot",
  port: 9229,
  thread: 0,
  method: "native",
  helper: process.execPath,
  execArgv: process.execArgv,
  probe: runInThisContext(addon.selfTestProbe(), "node-oom-heapdump/self-test"),
  nodeOptions: "",
  v8Version: process.versions.v8,
  memory: totalmem(),
});

function ask() {
  gc(); // Whether objects end where others begin is known in a swept heap alone.
  const sizes = addon.compareSizes();
  const [unshifted] = addon.catchShifts([""]);
  const shifts = addon.catchShifts(addon.layoutConstants());
  process.stdout.write(JSON.stringify({ sizes, unshifted, shifts }), () => process.exit());
}

setTimeout(ask, 300);
