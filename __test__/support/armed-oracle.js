"use strict";

const { totalmem } = require("node:os");
const { runInThisContext } = require("node:vm");

/** The oracle at that path, armed in this process, whose heap holds every kind of thing from now on. */
function armedOracle(path) {
  process.env.FIDELITY_COUNT = "3";
  globalThis.kept = require("../fidelity/heap.cjs");
  const addon = require(path);
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
  return addon;
}

module.exports = { armedOracle };
