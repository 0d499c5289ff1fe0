"use strict";

const { totalmem } = require("node:os");
const { readOptions } = require("../../lib/options");
const { runProbe } = require("../../lib/probe");

/** Arms an addon that is not the installed one, in this process, by the defaults of the options; `differently` goes before them. */
function arm(addon, differently = {}) {
  const { files, heapdumpOnOOM, ...settings } = readOptions({ method: "native" });
  const options = {
    ...settings,
    heapdumpOnOom: heapdumpOnOOM,
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
    ...differently,
  };
  addon.arm(options, () => {});
}

module.exports = { arm };
