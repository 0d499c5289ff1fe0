"use strict";

// The limit that the threshold is a share of. V8 tells the true one to a near-heap-limit callback alone, so every
// program here runs out of memory, and its first near-heap-limit line is what `status().limitBytes` has to agree with.
const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const { describe, test } = require("node:test");
const { majors, node } = require("./support/node-versions");
const { temporaryDirectory } = require("./support/program");
const { root } = require("./support/watched");

/** What decides the limit. `majors` are the Node versions that start with it; all of them if not given. */
const configurations = [
  { flags: ["--max-old-space-size=60"] },
  { flags: ["--max_old_space_size=60"] },
  { flags: ["--max-old-space-size=90", "--max-old-space-size=60"] },
  { nodeOptions: "--max-old-space-size=60" },
  { nodeOptions: "--max-old-space-size=90", flags: ["--max-old-space-size=60"] },
  { nodeOptions: "--max-old-space-size=60", flags: ["--max-old-space-size=90"] },
  { flags: ["--max-heap-size=100"] },
  { flags: ["--max-heap-size=100", "--max-old-space-size=60"] },
  { nodeOptions: "--max-heap-size=100", majors: [24, 26] },
  { flags: ["--max-old-space-size=60", "--optimize-for-size"] },
  { flags: ["--max-old-space-size=60", "--max-semi-space-size=2"] },
  { flags: ["--max-old-space-size=60", "--max-semi-space-size=128"] },
  { nodeOptions: '"--max-semi-space-size=8" --title="a b"', flags: ["--max-old-space-size=60"] },
  { flags: ["--max-old-space-size-percentage=1"], majors: [22, 24, 26] },
  { nodeOptions: "--max-old-space-size-percentage=1", flags: ["--max-old-space-size=60"], majors: [22, 24, 26] },
  { resourceLimits: { maxOldGenerationSizeMb: 40 } },
  { resourceLimits: { maxOldGenerationSizeMb: 40, maxYoungGenerationSizeMb: 4 } },
  { resourceLimits: { maxYoungGenerationSizeMb: 4 }, flags: ["--max-old-space-size=60"] },
  { resourceLimits: { maxOldGenerationSizeMb: 40 }, flags: ["--max-old-space-size=60"] },
  { resourceLimits: { maxOldGenerationSizeMb: 40 }, flags: ["--max-semi-space-size=8"] },
  { resourceLimits: {}, flags: ["--max-old-space-size=60"] },
  { resourceLimits: {}, nodeOptions: "--max-old-space-size=60" },
];

const leaking = `
  const watch = require(${JSON.stringify(root)})
  require('node:fs').writeSync(1, JSON.stringify(watch({ threshold: false }).status().limitBytes))
  const kept = []
  for (;;) kept.push(Array.from({ length: 1000 }, (_, number) => ({ number })))`;

const inWorker = (resourceLimits) => `
  const { Worker } = require('node:worker_threads')
  new Worker(${JSON.stringify(leaking)}, { eval: true, resourceLimits: ${JSON.stringify(resourceLimits)} })
    .on('error', () => process.exit())`;

const nearHeapLimit = /near-heap-limit: current_heap_limit=(\d+)\n/;

/** Runs a program up to its first near-heap-limit call: what it said of its limit, and what V8 said. */
function compareLimits(context, major, { flags = [], nodeOptions = "", resourceLimits }) {
  const script = resourceLimits ? inWorker(resourceLimits) : leaking;
  const child = spawn(node(major).path, ["--no-warnings", ...flags, "-e", script], {
    cwd: temporaryDirectory(context),
    env: { ...process.env, NODE_OPTIONS: nodeOptions, NODE_DEBUG: "oom-heapdump" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
    if (nearHeapLimit.test(stderr)) child.kill("SIGKILL");
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => resolve({ limitBytes: stdout, currentHeapLimit: nearHeapLimit.exec(stderr)?.[1], stderr }));
  });
}

const named = ({ flags = [], nodeOptions, resourceLimits }) =>
  [
    flags.join(" "),
    nodeOptions && `NODE_OPTIONS='${nodeOptions}'`,
    resourceLimits && `in a worker with resourceLimits ${JSON.stringify(resourceLimits)}`,
  ]
    .filter(Boolean)
    .join(" ");

describe("the limit is the one at which V8 calls for help", { concurrency: 2 }, () => {
  for (const configuration of configurations) {
    for (const major of configuration.majors ?? majors) {
      test(`on Node ${major}: ${named(configuration)}`, async (context) => {
        const { limitBytes, currentHeapLimit, stderr } = await compareLimits(context, major, configuration);
        assert.ok(currentHeapLimit, `the program did not reach its limit. It wrote:\n${stderr}`);
        assert.equal(limitBytes, currentHeapLimit);
      });
    }
  }
});
