#!/usr/bin/env node
"use strict";

// The command line: runs the helper executable with the same arguments, and ends as it ends.

const { spawn } = require("node:child_process");
const { loadNative } = require("../lib/native");

function findHelper() {
  try {
    return loadNative().helper;
  } catch (error) {
    console.error(`node-oom-heapdump: ${error.message}`);
    process.exit(1);
  }
}

const helper = spawn(findHelper(), process.argv.slice(2), { stdio: "inherit" });

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
for (const signal of SIGNALS) process.on(signal, () => helper.kill(signal));

helper.on("error", (error) => {
  console.error(`node-oom-heapdump: ${error.message}`);
  process.exitCode = 1;
});
helper.on("exit", (code, signal) => {
  if (signal === null) {
    process.exitCode = code;
    return;
  }
  for (const own of SIGNALS) process.removeAllListeners(own);
  process.kill(process.pid, signal);
});
