"use strict";

// Builds the addon and the helper executable from source and puts them where lib/native.js finds them.

const { spawnSync } = require("node:child_process");
const { copyFileSync, mkdirSync, renameSync, rmSync } = require("node:fs");
const { basename, dirname, join } = require("node:path");
const { ADDON, HELPER } = require("../lib/native");

const ROOT = join(__dirname, "..");
const TARGET = join(ROOT, "target");
const LIBRARY =
  {
    win32: "node_oom_heapdump.dll",
    darwin: "libnode_oom_heapdump.dylib",
  }[process.platform] ?? "libnode_oom_heapdump.so";

const ARTEFACTS = [
  { file: ADDON, built: LIBRARY, arguments: ["--lib", "--features", "addon"] },
  { file: HELPER, built: basename(HELPER), arguments: ["--bin", "node-oom-heapdump", "--features", "helper"] },
];

function build({ file, built, arguments: selection }) {
  const options = ["build", "--release", "--locked", "--target-dir", TARGET, ...selection];
  const { status, error } = spawnSync("cargo", options, { cwd: ROOT, stdio: "inherit" });
  if (error?.code === "ENOENT") {
    fail(
      "node-oom-heapdump is built from source, and cargo (Rust 1.88 or newer) was not found in PATH.",
      "Install Rust (https://rustup.rs), then run npm install again.",
    );
  }
  if (error || status !== 0) {
    fail(
      `node-oom-heapdump could not be built: cargo ${error ? error.message : `ended with exit code ${status}`}.`,
      "Its messages above say why; Rust 1.88 or newer is needed.",
    );
  }
  install(join(TARGET, "release", built), file);
}

// A running program may have the old file loaded, so it is replaced and not written over.
function install(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, `${to}.new`);
  renameSync(`${to}.new`, to);
}

function fail(...lines) {
  for (const line of lines) console.error(line);
  process.exit(1);
}

ARTEFACTS.forEach(build);

// As a dependency it leaves only what is needed to run; in its own checkout the build is kept for the next one.
if (basename(dirname(ROOT)) === "node_modules") rmSync(TARGET, { recursive: true, force: true });
