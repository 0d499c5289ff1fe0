"use strict";

// A real control group with a limit of memory (version 1). Making one needs root: a test that may not fails and says so.
const fs = require("node:fs");
const path = require("node:path");
const { run } = require("./program");

const hierarchy = "/sys/fs/cgroup/memory";

/** A memory control group of its own for a test: `{ run, setLimit, folder }`. */
function memoryGroup(context, bytes) {
  const folder = path.join(hierarchy, `node-oom-heapdump-${process.pid}-${Math.random().toString(36).slice(2)}`);
  try {
    fs.mkdirSync(folder);
  } catch (error) {
    throw new Error(`this test needs root and the memory controller of control groups version 1: ${error.message}`);
  }
  fs.writeFileSync(path.join(folder, "memory.limit_in_bytes"), String(bytes));
  context.after(async () => {
    for (const id of fs.readFileSync(path.join(folder, "cgroup.procs"), "utf8").split("\n").filter(Boolean)) {
      process.kill(Number(id), "SIGKILL");
    }
    for (let attempt = 0; fs.existsSync(folder) && attempt < 100; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      try {
        fs.rmdirSync(folder);
      } catch {} // A process of it is still ending.
    }
  });
  /** Like `run` of program.js, inside of the group. */
  const runInside = (program, args, options) =>
    run("sh", ["-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', folder, program, ...args], options);
  return { folder, run: runInside };
}

module.exports = { memoryGroup };
