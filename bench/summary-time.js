"use strict";

// npm run bench:summary -- [--only 18,20] [--heaps 64,256]
//
// How soon the summary is there: the file `<name>.summary.json`, first with what the process knew, then with the constructors
// in it. The bound for the latter is 15 % of the dump's time and 0.3 s. Each line is one dump of a process of its own; on a
// machine with other work the figures mean little.

const { mkdtempSync, rmSync } = require("node:fs");
const os = require("node:os");
const { join } = require("node:path");
const { parseArgs } = require("node:util");
const { majors, node } = require("../__test__/support/node-versions");
const { run } = require("../__test__/support/program");
const shapes = require("./native/shapes");

const SHARE = 0.15;
const GRACE_MS = 300;

// V8 sweeps what a collection leaves with threads on all cores, and a dump that is asked for gives way to them.
const SWEEPING_MS = 2000;

const root = join(__dirname, "..");

const { values: options } = parseArgs({
  options: {
    only: { type: "string", default: majors.join(",") },
    heaps: { type: "string", default: "64,256" },
  },
});

// Dumps itself, and looks for the summary meanwhile. Times are in milliseconds since the dump was asked for.
const program = ({ shape, megabytes }) => `
  const { readFileSync } = require("node:fs")
  const shape = require(${JSON.stringify(join(__dirname, "native", "shapes"))})[${JSON.stringify(shape)}]
  globalThis.kept = shape.make(Math.round((${megabytes} * 2 ** 20) / shape.bytes))
  gc()
  const instance = require(${JSON.stringify(root)})({ method: "native", threshold: false })
  setTimeout(dump, ${SWEEPING_MS})
  function dump() {
    const start = performance.now()
    const since = () => Math.round(performance.now() - start)
    let file, summary
    const timer = setInterval(() => {
      try {
        const { heap } = JSON.parse(readFileSync("mine.summary.json", "utf8"))
        file ??= since()
        if (heap) summary ??= since()
      } catch {} // It is not there yet.
      if (summary) clearInterval(timer)
    }, 2)
    instance.createHeapSnapshot("mine").then(() =>
      console.log(JSON.stringify({ file: file ?? since(), summary: summary ?? since(), dump: since() })))
  }`;

async function measure(line) {
  const directory = mkdtempSync(join(os.tmpdir(), "node-oom-heapdump-"));
  try {
    const flags = ["--expose-gc", "--max-old-space-size=4096", "-e", program(line)];
    const { stdout, stderr } = await run(node(line.major).path, flags, { cwd: directory, timeout: 300_000 });
    if (stdout === "") throw new Error(`there is no dump: ${stderr}`);
    return JSON.parse(stdout);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function main() {
  console.log("| Node | heap | MB | file ms | constructors ms | dump ms | allowed ms | in time |");
  console.log("|---|---|---|---|---|---|---|---|");
  for (const major of options.only.split(",").map(Number)) {
    for (const megabytes of options.heaps.split(",").map(Number)) {
      for (const shape of Object.keys(shapes)) {
        const { file, summary, dump } = await measure({ major, megabytes, shape });
        const allowed = Math.round(SHARE * dump + GRACE_MS);
        const verdict = summary <= allowed ? "yes" : "NO";
        if (verdict === "NO") process.exitCode = 1;
        console.log(
          `| ${[major, shapes[shape].title, megabytes, file, summary, dump, allowed, verdict].join(" | ")} |`,
        );
      }
    }
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
