"use strict";

// Builds the addon and the helper executable with cargo and puts them where lib/native.js finds them.

const { spawnSync } = require("node:child_process");
const { copyFileSync, mkdirSync, renameSync } = require("node:fs");
const { basename, dirname, join } = require("node:path");
const { BUILT_HERE } = require("../lib/native");

const ROOT = join(__dirname, "..");
const TARGET = join(ROOT, "target");
const LIBRARY =
  {
    win32: "node_oom_heapdump.dll",
    darwin: "libnode_oom_heapdump.dylib",
  }[process.platform] ?? "libnode_oom_heapdump.so";

const ARTEFACTS = [
  { file: BUILT_HERE.addon, built: LIBRARY, selection: ["--lib", "--features", "addon"] },
  {
    file: BUILT_HERE.helper,
    built: basename(BUILT_HERE.helper),
    selection: ["--bin", "node-oom-heapdump", "--features", "helper"],
  },
];

// Its message says what to do.
class BuildError extends Error {}

function buildNative() {
  ARTEFACTS.forEach(build);
}

function build({ file, built, selection }) {
  const options = ["build", "--release", "--locked", "--target-dir", TARGET, ...selection];
  const { status, error } = spawnSync("cargo", options, { cwd: ROOT, stdio: "inherit" });
  if (error?.code === "ENOENT") {
    throw new BuildError(
      "cargo was not found in PATH. Install Rust 1.88 or newer (https://rustup.rs), then run npm install again.",
    );
  }
  if (error || status !== 0) {
    throw new BuildError(
      `cargo ${error ? error.message : `ended with exit code ${status}`}. ` +
        "Its messages above say why; Rust 1.88 or newer is needed.",
    );
  }
  replace(join(TARGET, "release", built), file);
}

// A running program may have the old file loaded, so it is replaced and not written over.
function replace(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, `${to}.new`);
  renameSync(`${to}.new`, to);
}

module.exports = { BuildError, TARGET, buildNative };
