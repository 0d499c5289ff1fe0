"use strict";

const { totalmem } = require("node:os");
const { readOptions } = require("../../lib/options");
const { runProbe } = require("../../lib/probe");

/** The oracle at that path, armed in this process, whose heap holds every kind of thing from now on. */
function armedOracle(path) {
  process.env.FIDELITY_COUNT = "3";
  globalThis.kept = require("../fidelity/heap.cjs");
  const addon = require(path);
  const { files, ...settings } = readOptions({ method: "native" });
  addon.arm({
    ...settings,
    threshold: undefined,
    fileOptions: { ...files, program: __filename },
    thread: 0,
    helper: process.execPath,
    execArgv: process.execArgv,
    probe: runProbe(addon),
    nodeOptions: "",
    nodeVersion: process.versions.node,
    v8Version: process.versions.v8,
    memory: totalmem(),
  });
  return addon;
}

module.exports = { armedOracle };
