"use strict";

// What the kernel tells of a process: its children, descriptors and memory. Linux only.
const fs = require("node:fs");
const path = require("node:path");

/** The children of a process, zombies too: `[{ id, name, isZombie, executable }]`; `executable` is null for a zombie. */
function childrenOf(process) {
  const ids = fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return ids.map(Number).flatMap((id) => {
    try {
      const [, name, state, parent] = /^\d+ \((.*)\) (\w) (\d+) /s.exec(fs.readFileSync(`/proc/${id}/stat`, "utf8"));
      if (Number(parent) !== process) return [];
      const isZombie = state === "Z";
      return [{ id, name, isZombie, executable: isZombie ? null : fs.readlinkSync(`/proc/${id}/exe`) }];
    } catch {
      return []; // It has ended meanwhile.
    }
  });
}

/** The frozen children of a process that have begun to read. */
const frozenChildrenOf = (process) => childrenOf(process).filter(({ name }) => name === "heap-reader");

/** The helpers that a process has started. */
const helpersOf = (process) =>
  childrenOf(process).filter(({ executable }) => path.basename(executable ?? "") === "node-oom-heapdump");

/** How many descriptors a process has open. */
const descriptorsOf = (process) => fs.readdirSync(`/proc/${process}/fd`).length;

// V8 itself takes them from pages that it empties and gives them back, at any collection.
const PERMISSIONS = new Set(["rd", "wr", "ex"]);

/** The kernel's flags of each mapping of a process, by its address range. */
function memoryFlagsOf(process) {
  const flags = {};
  let range;
  for (const line of fs.readFileSync(`/proc/${process}/smaps`, "utf8").split("\n")) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) range = line.split(" ")[0];
    if (line.startsWith("VmFlags: ")) {
      const all = line.slice("VmFlags: ".length).trim().split(" ");
      flags[range] = all.filter((flag) => !PERMISSIONS.has(flag)).join(" ");
    }
  }
  return flags;
}

module.exports = { childrenOf, frozenChildrenOf, helpersOf, descriptorsOf, memoryFlagsOf };
