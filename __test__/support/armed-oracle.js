"use strict";

const { arm } = require("./arm");

/** The oracle at that path, armed in this process, whose heap holds every kind of thing from now on. */
function armedOracle(path) {
  process.env.FIDELITY_COUNT = "3";
  globalThis.kept = require("../fidelity/heap.cjs");
  const addon = require(path);
  arm(addon);
  return addon;
}

module.exports = { armedOracle };
