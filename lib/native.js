"use strict";

// Finds the two artefacts that scripts/install.js built: the addon and the helper executable.

const { existsSync } = require("node:fs");
const { join } = require("node:path");

const FOLDER = join(__dirname, "..", "native");
const ADDON = join(FOLDER, "node-oom-heapdump.node");
const HELPER = join(FOLDER, process.platform === "win32" ? "node-oom-heapdump.exe" : "node-oom-heapdump");

function loadNative() {
  for (const file of [ADDON, HELPER]) {
    if (!existsSync(file)) {
      throw new Error(`${file} is missing; run "npm rebuild node-oom-heapdump" with Rust installed`);
    }
  }
  return { addon: loadAddon(), helper: HELPER };
}

function loadAddon() {
  try {
    return require(ADDON);
  } catch (error) {
    if (error.code !== "ERR_DLOPEN_DISABLED") throw error;
    throw new Error("Node may not load addons; with --permission give --allow-addons, and leave out --no-addons");
  }
}

module.exports = { loadNative, ADDON, HELPER };
