"use strict";

// Finds the two artefacts, the addon and the helper executable: those that were built here, else those that npm
// installed for this platform. Knows nothing of what they do.

const { existsSync } = require("node:fs");
const { dirname, join } = require("node:path");

const BUILT_HERE = artefactsIn(join(__dirname, "..", "native"));

// Which C library Linux has is told by which of the two addons can be loaded; npm before 10 installs both.
const VARIANTS = { linux: ["-gnu", "-musl"], win32: ["-msvc"] }[process.platform] ?? [""];
const PLATFORM_PACKAGES = VARIANTS.map((variant) => `node-oom-heapdump-${process.platform}-${process.arch}${variant}`);

function artefactsIn(folder) {
  return {
    addon: join(folder, "node-oom-heapdump.node"),
    helper: join(folder, process.platform === "win32" ? "node-oom-heapdump.exe" : "node-oom-heapdump"),
  };
}

function installed() {
  return PLATFORM_PACKAGES.flatMap((name) => {
    try {
      return [artefactsIn(dirname(require.resolve(`${name}/package.json`)))];
    } catch {
      return []; // npm found it unfit for this machine, or it was left out.
    }
  });
}

// Returns the addon, loaded, and the path of the helper of the same build.
function loadNative() {
  return firstThatLoads(existsSync(BUILT_HERE.addon) ? [BUILT_HERE] : [...installed(), BUILT_HERE]);
}

// The same from a package of npm's alone.
function loadPrebuilt() {
  return firstThatLoads(installed());
}

function firstThatLoads(candidates) {
  const failures = [];
  for (const artefacts of candidates) {
    try {
      return { addon: loadAddon(artefacts), helper: artefacts.helper };
    } catch (error) {
      failures.push(error.message);
    }
  }
  throw new Error(failures.join("; ") || `no package of ${PLATFORM_PACKAGES.join(" or ")} is installed`);
}

function loadAddon({ addon, helper }) {
  for (const file of [addon, helper]) {
    if (!existsSync(file)) {
      throw new Error(`${file} is missing; run "npm rebuild node-oom-heapdump" with Rust installed`);
    }
  }
  try {
    return require(addon);
  } catch (error) {
    if (error.code !== "ERR_DLOPEN_DISABLED") throw error;
    throw new Error("Node may not load addons; with --permission give --allow-addons, and leave out --no-addons");
  }
}

module.exports = { loadNative, loadPrebuilt, BUILT_HERE };
