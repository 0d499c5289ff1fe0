"use strict";

// The option rss in percent, under a real memory cgroup, and what the sampling costs.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const { test } = require("node:test");
const { enter, memoryGroup } = require("./support/control-group");
const { majors, node } = require("./support/node-versions");
const { ending, temporaryDirectory } = require("./support/program");
const { ourLines, printed, runWatched } = require("./support/watched");

const MB = 1 << 20;
const snapshots = (directory) => fs.readdirSync(directory).filter((name) => name.endsWith(".heapsnapshot"));

/** Holds so many megabytes in buffers, then lives for a while. */
const hold = (megabytes, milliseconds) => `
  globalThis.buffers = []
  const grow = setInterval(() => {
    if (buffers.length * 10 >= ${megabytes}) return clearInterval(grow)
    buffers.push(Buffer.alloc(10 * ${MB}, 1))
  }, 20)
  setTimeout(() => process.exit(), ${milliseconds})`;

for (const major of majors) {
  test(`on Node ${major} a process is dumped when its control group is nearly full, and lives on`, async (context) => {
    const group = memoryGroup(context, 300 * MB);
    if (!group) return;
    const directory = temporaryDirectory(context);
    const script = `${enter(group)} watch({ threshold: false, method: "native", rss: "80%" }); ${hold(240, 6000)}`;
    const finished = await runWatched(script, { node: node(major).path, cwd: directory });
    assert.equal(finished.code, 0, `${ending(finished)}\n${finished.stderr}`);
    assert.match(
      ourLines(finished)[0],
      /the control group of process \d+ holds .* of its limit of 300\.0 MB \(8\d %\), above rss: "80%"/,
    );
    assert.equal(snapshots(directory).length, 1, finished.stderr);
  });
}

test("of the processes in a control group the largest is dumped", async (context) => {
  const group = memoryGroup(context, 400 * MB);
  if (!group) return;
  const directory = temporaryDirectory(context);
  const script = (name, megabytes) =>
    `${enter(group)} watch({ threshold: false, method: "native", rss: "80%", name: "${name}" }); ${hold(megabytes, 6000)}`;
  const [large, small] = await Promise.all([
    runWatched(script("large", 200), { cwd: directory }),
    runWatched(script("small", 120), { cwd: directory }),
  ]);
  assert.deepEqual([large.code, small.code], [0, 0], large.stderr + small.stderr);
  assert.deepEqual(snapshots(directory), ["large.heapsnapshot"], large.stderr + small.stderr);
});

test("without a limit of a control group a share is refused in one warning, and the process runs on", async (context) => {
  const script = `
    process.on("warning", ({ message }) => console.log(JSON.stringify(message)))
    watch({ rss: "90%", method: "native" })`;
  const finished = await runWatched(script, { flags: ["--no-warnings"], cwd: temporaryDirectory(context) });
  assert.match(printed(finished), /no control group limits the memory of this process.*give rss in bytes/);
});

/** The share of a CPU that sampling takes close to the bound, where it is most frequent. */
async function samplingCost(beforehand, rss, context) {
  const script = `
    ${beforehand}
    watch({ threshold: false, method: "native", rss: ${rss} })
    const { readdirSync, readFileSync } = require("node:fs")
    const threads = () => readdirSync("/proc/self/task").map((id) => "/proc/self/task/" + id)
    const isSampler = (thread) => readFileSync(thread + "/comm", "utf8") === "oom-rss\\n"
    let sampler
    while (!(sampler = threads().find(isSampler))); // A thread names itself once it runs.
    const cpu = () => Number(readFileSync(sampler + "/schedstat", "utf8").split(" ")[0])
    const before = cpu()
    setTimeout(() => { console.log(JSON.stringify((cpu() - before) / 8e9)); process.exit() }, 8000)`;
  const finished = await runWatched(script, { cwd: temporaryDirectory(context) });
  const share = printed(finished);
  assert.deepEqual(ourLines(finished), [], "the bound was not reached");
  context.diagnostic(`${(share * 100).toFixed(4)} % of a CPU`);
  return share;
}

test("sampling the process takes less than a thousandth of a CPU close to the bound", async (context) => {
  const share = await samplingCost("", "Math.round(process.memoryUsage().rss * 1.2)", context);
  assert.ok(share > 0 && share < 0.001, `${share}`);
});

test("sampling the control group takes less than a thousandth of a CPU close to the bound", async (context) => {
  const group = memoryGroup(context, 100 * MB);
  if (!group) return;
  const share = await samplingCost(`${enter(group)} globalThis.held = Buffer.alloc(${70 * MB}, 1)`, '"90%"', context);
  assert.ok(share > 0 && share < 0.001, `${share}`);
});
