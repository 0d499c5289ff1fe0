"use strict";

// The Node versions that the main job is proved on, and where `npm run fetch-nodes` has put their executables.
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

const majors = [18, 20, 22, 24, 26];
const cache = path.join(__dirname, "..", "..", ".cache");

const executable = (major) => path.join(cache, "node", String(major), "bin", "node");

/** The Node of this major: `{ major, version, path }`. A test that needs it fails without it; it never passes over it. */
function node(major) {
  const file = executable(major);
  if (!fs.existsSync(file)) throw new Error(`Node ${major} is not in ${file}. Run "npm run fetch-nodes" first.`);
  return { major, version: execFileSync(file, ["--version"], { encoding: "utf8" }).trim(), path: file };
}

/**
 * Heap limit in MB for a process of this major that is dumped by this method. Node 18's own snapshot generator takes time
 * quadratic in the size of the heap: minutes at 64 MB.
 */
const heapLimit = (major, method) => (major === 18 && method === "inspector" ? 20 : 60);

module.exports = { majors, cache, executable, node, heapLimit };
