"use strict";

// A real control group with a limit of memory (version 1). Making one needs root: a test that may not fails and says so.
const fs = require("node:fs");
const path = require("node:path");
const { run } = require("./program");

const hierarchy = "/sys/fs/cgroup/memory";

/** A memory control group: `folder` has its files. Without `bytes` it has no limit. */
class MemoryGroup {
  constructor(bytes) {
    this.folder = path.join(hierarchy, `node-oom-heapdump-${process.pid}-${Math.random().toString(36).slice(2)}`);
    try {
      fs.mkdirSync(this.folder);
    } catch (error) {
      throw new Error(`this needs root and the memory controller of control groups version 1: ${error.message}`);
    }
    if (bytes !== undefined) fs.writeFileSync(path.join(this.folder, "memory.limit_in_bytes"), String(bytes));
  }

  read(file) {
    return fs.readFileSync(path.join(this.folder, file), "utf8");
  }

  /** The most bytes that were charged to it at one time, pages of files among them. */
  get peak() {
    return Number(this.read("memory.max_usage_in_bytes"));
  }

  /** How many of its processes the kernel has killed for want of memory. */
  get kills() {
    return Number(/^oom_kill (\d+)$/m.exec(this.read("memory.oom_control"))[1]);
  }

  /** Like `run` of program.js, inside of the group. */
  run(program, args, options) {
    return run("sh", ["-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', this.folder, program, ...args], options);
  }

  /** Ends what still runs in it and removes it. */
  async remove() {
    for (const id of this.read("cgroup.procs").split("\n").filter(Boolean)) process.kill(Number(id), "SIGKILL");
    for (let attempt = 0; fs.existsSync(this.folder) && attempt < 100; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      try {
        fs.rmdirSync(this.folder);
      } catch {} // A process of it is still ending.
    }
  }
}

/** A memory control group of its own for a test. */
function memoryGroup(context, bytes) {
  const group = new MemoryGroup(bytes);
  context.after(() => group.remove());
  return group;
}

module.exports = { MemoryGroup, memoryGroup };
