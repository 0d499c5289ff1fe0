"use strict";

// Builds the addon with what only the tests call into .cache/oracle/, optimised but linked quickly.
const { execFileSync } = require("node:child_process");
const { copyFileSync, mkdirSync, renameSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { cache } = require("./node-versions");

const ROOT = join(__dirname, "..", "..");
const TARGET = join(ROOT, "target", "oracle");
const ORACLE = join(cache, "oracle", "node-oom-heapdump.node");

function buildOracle() {
  const quick = ["--config", "profile.release.lto=false", "--config", "profile.release.codegen-units=16"];
  const options = ["build", "--release", "--locked", "--lib", "--features", "oracle", "--target-dir", TARGET, ...quick];
  execFileSync("cargo", options, { cwd: ROOT, stdio: "inherit" });
  mkdirSync(dirname(ORACLE), { recursive: true });
  copyFileSync(join(TARGET, "release", "libnode_oom_heapdump.so"), `${ORACLE}.new`);
  renameSync(`${ORACLE}.new`, ORACLE);
}

module.exports = { ORACLE, buildOracle };
