"use strict";

// A real memory cgroup of version 1. It needs the right to make one; a test without it says so and is skipped.
const fs = require("node:fs");
const path = require("node:path");

const hierarchy = "/sys/fs/cgroup/memory";

/** A new group with this limit, gone when the test is over; null where none can be made, and the test is then skipped. */
function memoryGroup(context, limitBytes) {
  try {
    const [, own] = /^\d+:memory:(.*)$/m.exec(fs.readFileSync("/proc/self/cgroup", "utf8"));
    const folder = fs.mkdtempSync(path.join(hierarchy, own, "oom-heapdump-"));
    context.after(() => fs.rmdirSync(folder));
    fs.writeFileSync(path.join(folder, "memory.limit_in_bytes"), String(limitBytes));
    return folder;
  } catch (error) {
    context.skip(`no memory cgroup of version 1 can be made here (${error.message})`);
    return null;
  }
}

/** Source text that moves the process that runs it into the group. */
const enter = (group) => `require("node:fs").writeFileSync(${JSON.stringify(`${group}/cgroup.procs`)}, "0");`;

module.exports = { memoryGroup, enter };
