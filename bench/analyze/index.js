"use strict";

// `npm run bench:analyze [-- <objects> …]`: our analysis beside crate v8-heap-parser, DevTools' engine and memlab, each in a
// process of its own, on one native snapshot. 500000 objects make a file of 120 MB, 9000000 one of 2.4 GB, on which only ours runs.
// They take turns, and the median of each counts.
const { execFileSync, spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { loadNative } = require("../../lib/native");
const { node } = require("../../__test__/support/node-versions");

const root = path.join(__dirname, "..", "..");
const LARGEST_FOR_OTHERS = 400e6;
const ROUNDS = 3;
const MEMLAB = "2.0.5";

/** memlab in a folder of its own, without the browser that it would bring. */
function installMemlab() {
  const folder = path.join(root, ".cache", "memlab");
  fs.mkdirSync(folder, { recursive: true });
  const args = ["install", "--silent", "--no-save", "--ignore-scripts", "--prefix", folder];
  execFileSync("npm", [...args, `@memlab/heap-analysis@${MEMLAB}`], { stdio: ["ignore", "ignore", "inherit"] });
  return folder;
}

/** Runs a program: its processor and wall time in seconds, and the most memory in bytes, with and without mapped files. */
function measure([program, ...args]) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(program, args, { stdio: "ignore" });
    const most = { resident: 0, anonymous: 0, cpu: 0 };
    const sample = () => {
      try {
        const status = fs.readFileSync(`/proc/${child.pid}/status`, "latin1");
        const field = (name) => Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
        most.resident = Math.max(most.resident, field("VmHWM"));
        most.anonymous = Math.max(most.anonymous, field("RssAnon"));
        const times = fs.readFileSync(`/proc/${child.pid}/stat`, "latin1").split(") ")[1].split(" ");
        most.cpu = Math.max(most.cpu, (Number(times[11]) + Number(times[12])) / 100);
      } catch {
        // It has ended.
      }
    };
    const timer = setInterval(sample, 5);
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      clearInterval(timer);
      resolve({ ...most, seconds: (performance.now() - start) / 1e3, failed: code === 0 ? null : `${signal ?? code}` });
    });
  });
}

async function main() {
  const counts = process.argv.slice(2).map(Number);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "oom-heapdump-bench-"));
  const [parser, ours] = ["heap_parser", "retained_sizes"].map((name) => {
    const options = ["build", "--quiet", "--release", "--locked", "--features", "helper", "--example", name];
    execFileSync("cargo", options, { cwd: root });
    return path.join(root, "target", "release", "examples", name);
  });
  const memlab = installMemlab();
  console.log("| file | program | CPU s | wall s | peak RSS MB | of it anonymous MB |");
  console.log("|---|---|---|---|---|---|");
  try {
    for (const count of counts.length > 0 ? counts : [40_000, 500_000]) {
      const file = path.join(folder, `${count}.heapsnapshot`);
      const maker = [path.join(__dirname, "heap.js"), String(count), file];
      execFileSync(node(26).path, ["--max-old-space-size=8000", ...maker], { stdio: "ignore" });
      const { size } = fs.statSync(file);
      const others = {
        "crate v8-heap-parser": [parser, file],
        "DevTools' engine (heap-snapshot-toolkit)": [
          process.execPath,
          "--max-old-space-size=8000",
          path.join(__dirname, "devtools.mjs"),
          file,
        ],
        memlab: [process.execPath, "--max-old-space-size=8000", path.join(__dirname, "memlab.cjs"), file, memlab],
      };
      const programs = {
        "ours: check": [loadNative().helper, "check", file],
        "ours: retained sizes of all objects": [ours, file, "--largest"],
        "ours: analyze": [loadNative().helper, "analyze", file],
        ...(size < LARGEST_FOR_OTHERS && others),
      };
      const runs = {};
      for (let round = 0; round < ROUNDS; round++) {
        for (const [name, command] of Object.entries(programs)) (runs[name] ??= []).push(await measure(command));
      }
      for (const [name, measured] of Object.entries(runs)) {
        const [{ cpu, seconds, resident, anonymous, failed }] = measured
          .sort((one, other) => one.cpu - other.cpu)
          .slice(ROUNDS >> 1);
        const numbers = [
          cpu.toFixed(2),
          seconds.toFixed(2),
          ...[resident, anonymous].map((bytes) => Math.round(bytes / 1e6)),
        ];
        const cells = [`${Math.round(size / 1e6)} MB`, failed ? `${name}: failed, ${failed}` : name, ...numbers];
        console.log(`| ${cells.join(" | ")} |`);
      }
      fs.rmSync(file);
    }
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

main();
