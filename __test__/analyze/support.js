"use strict";

// What the tests of the analysis share: snapshots of leaking programs, and the commands that read them.
const { execFileSync, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { after } = require("node:test");
const { loadNative } = require("../../lib/native");
const { node } = require("../support/node-versions");
const { temporaryDirectory } = require("../support/program");

const programs = path.join(__dirname, "..", "leak-causes");
const folder = temporaryDirectory();
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Runs a command of the executable: `{ status, stdout, stderr }`. */
const run = (...args) => spawnSync(loadNative().helper, args, { encoding: "utf8", maxBuffer: 2 ** 28 });

/** What a command tells as JSON. */
function json(...args) {
  const { status, stdout, stderr } = run(...args, "--json");
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Writes a native snapshot of a leaking program and gives its path. */
function snapshotOf(program, major) {
  const file = path.join(folder, `${program}-${major}.heapsnapshot`);
  const args = [path.join(programs, "take.cjs"), path.join(programs, `${program}.js`), file];
  execFileSync(node(major).path, args, { stdio: "ignore" });
  return file;
}

module.exports = { folder, programs, run, json, snapshotOf };
