"use strict";

// `npm install` calls this. Where npm found a package for this platform there is nothing to do; elsewhere, in a checkout,
// and with `npm install --build-from-source`, the addon and the helper executable are built from source.

const { rmSync } = require("node:fs");
const { basename, dirname, join } = require("node:path");
const { loadPrebuilt } = require("../lib/native");
const { BuildError, TARGET, buildNative } = require("./build-native");

const ROOT = join(__dirname, "..");
const isDependency = basename(dirname(ROOT)) === "node_modules";
const wantsBuild = Boolean(process.env.npm_config_build_from_source);

function whyPrebuiltIsNotUsed() {
  if (!isDependency) return "this is a checkout";
  if (wantsBuild) return "--build-from-source was given";
  try {
    loadPrebuilt();
    return null;
  } catch (error) {
    return error.message;
  }
}

function build(reason) {
  try {
    buildNative();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(`node-oom-heapdump must be built from source (${reason}).\n${error.message}`);
    process.exit(1);
  } finally {
    // A dependency keeps only what is needed to run; in a checkout the build is kept for the next one.
    if (isDependency) rmSync(TARGET, { recursive: true, force: true });
  }
}

const reason = whyPrebuiltIsNotUsed();
if (reason) build(reason);
