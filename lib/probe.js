"use strict";

// Runs the script whose objects the heap reader reads back before it is trusted. Where it is said to stand is read back too,
// see src/heap/self_test.rs.
const { runInThisContext } = require("node:vm");

const place = { filename: "node-oom-heapdump/self-test", lineOffset: 1000, columnOffset: 100 };

const runProbe = (addon) => runInThisContext(addon.selfTestProbe(), place);

module.exports = { runProbe };
