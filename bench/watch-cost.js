"use strict";

// npm run bench:watch
//
// What the watch adds to a mark-compact: CPU time of V8's own thread (CLOCK_THREAD_CPUTIME_ID), taken inside real
// collections around an empty hook and around the watch's, in turns. Prints a line for each Node version in .cache/node.

const { spawnSync } = require("node:child_process");
const { copyFileSync, mkdirSync, readdirSync } = require("node:fs");
const { join } = require("node:path");
const { arm } = require("../__test__/support/arm");

const ROOT = join(__dirname, "..");
const NODES = join(ROOT, ".cache", "node");
const ADDON = join(ROOT, ".cache", "bench", "node-oom-heapdump.node");
const COLLECTIONS = 2000;

function measureHere() {
  const addon = require(ADDON);
  arm(addon, { file: "unused.heapsnapshot" });
  const costs = addon.measureHookCosts(() => {
    for (let count = 0; count < COLLECTIONS; count++) global.gc();
  });
  const added = costs.watch.map((cost, index) => cost - costs.empty[index]);
  console.log(JSON.stringify({ empty: median(costs.empty), watch: median(costs.watch), added: median(added) }));
}

function median(values) {
  return Math.round([...values].sort((a, b) => a - b)[values.length >> 1]);
}

function build() {
  const options = [
    "build",
    "--release",
    "--locked",
    "--lib",
    "--features",
    "bench",
    "--target-dir",
    join(ROOT, "target", "bench"),
  ];
  const { status } = spawnSync("cargo", options, { cwd: ROOT, stdio: "inherit" });
  if (status !== 0) process.exit(1);
  mkdirSync(join(ADDON, ".."), { recursive: true });
  copyFileSync(join(ROOT, "target", "bench", "release", "libnode_oom_heapdump.so"), ADDON);
}

function main() {
  build();
  console.log(`Node  empty hook  watch  added, median of ${COLLECTIONS} mark-compacts (ns)`);
  for (const major of readdirSync(NODES)) {
    const node = join(NODES, major, "bin", "node");
    const { stdout } = spawnSync(node, ["--expose-gc", __filename, "--here"], { encoding: "utf8" });
    const { empty, watch, added } = JSON.parse(stdout);
    console.log(
      `${major.padEnd(4)}  ${String(empty).padStart(10)}  ${String(watch).padStart(5)}  ${String(added).padStart(5)}`,
    );
  }
}

if (process.argv.includes("--here")) measureHere();
else main();
