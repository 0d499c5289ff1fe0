"use strict";

// The addon with its measuring entry points, and the helper as it is shipped.

const { spawnSync } = require("node:child_process");
const { copyFileSync, mkdirSync, renameSync } = require("node:fs");
const { join } = require("node:path");

const ROOT = join(__dirname, "..", "..");
const FOLDER = join(ROOT, ".cache", "bench");
const TARGET = join(ROOT, "target", "bench");
const ADDON = join(FOLDER, "node-oom-heapdump.node");
const HELPER = join(FOLDER, "node-oom-heapdump");

function build(built, file, selection) {
  const options = ["build", "--release", "--locked", ...selection, "--target-dir", TARGET];
  const { status } = spawnSync("cargo", options, { cwd: ROOT, stdio: "inherit" });
  if (status !== 0) process.exit(1);
  mkdirSync(FOLDER, { recursive: true });
  copyFileSync(join(TARGET, "release", built), `${file}.new`);
  renameSync(`${file}.new`, file);
}

function buildArtefacts() {
  build("libnode_oom_heapdump.so", ADDON, ["--lib", "--features", "bench"]);
  build("node-oom-heapdump", HELPER, ["--bin", "node-oom-heapdump", "--features", "helper"]);
}

module.exports = { ADDON, HELPER, buildArtefacts };
