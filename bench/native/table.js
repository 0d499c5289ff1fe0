"use strict";

// The results as Markdown. A ratio is the median of the turns' ratios; everything else is the median of the turns.

const os = require("node:os");
const shapes = require("./shapes");

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const pick = (dumps, field) => median(dumps.map((dump) => dump[field]));
const seconds = (milliseconds) => (milliseconds / 1e3).toFixed(2);
const percent = (part, whole) => `${((100 * part) / whole).toFixed(part / whole < 1 ? 1 : 0)} %`;
const times = (ratio) => `${ratio.toFixed(ratio < 10 ? 1 : 0)}x`;

const COLUMNS = [
  ["Node", ({ major }) => major],
  ["heap", ({ shape }) => shapes[shape].title],
  ["MB", ({ megabytes }) => megabytes],
  ["CPU, V8 (s)", (_, { v8 }) => v8.length && seconds(pick(v8, "cpu"))],
  ["CPU, ours (s)", (_, { shared }) => seconds(pick(shared, "cpu"))],
  ["less CPU", (_, dumps) => ratio(dumps, "shared", "cpu")],
  ["wall, V8 (s)", (_, { v8 }) => v8.length && seconds(pick(v8, "wall"))],
  ["wall, ours (s)", (_, { shared }) => seconds(pick(shared, "wall"))],
  ["shorter", (_, dumps) => ratio(dumps, "shared", "wall")],
  ["memory, V8", ({ costs }, { v8 }) => v8.length && percent(largest(v8, "memory"), costs.heapBytes)],
  ["memory, ours", ({ costs }, { shared }) => percent(largest(shared, "memory"), costs.heapBytes)],
  ["of it allowed", ({ costs }, { shared }) => percent(largest(shared, "memory"), memoryGoal(costs))],
  ["file, ours / V8's", (_, { shared, v8 }) => v8.length && (pick(shared, "file") / pick(v8, "file")).toFixed(3)],
  ["freeze (ms)", ({ costs }) => median(costs.stall.map(([freeze]) => freeze)).toFixed(1)],
  ["bare clone (ms)", ({ costs }) => median(costs.stall.map(([, bare]) => bare)).toFixed(1)],
  [
    "freeze beyond goal (ms)",
    ({ costs }) => median(costs.stall.map(([freeze, bare]) => freeze - 1.15 * bare - 3)).toFixed(1),
  ],
  ["shared start (ms)", ({ costs }) => median(costs.sharedStart).toFixed(2)],
];

function ratio({ v8, ...ours }, way, field) {
  return v8.length && times(median(v8.map((dump, turn) => dump[field] / ours[way][turn][field])));
}

const largest = (dumps, field) => Math.max(...dumps.map((dump) => dump[field]));

// 4 % of the heap and 8 MB.
const memoryGoal = ({ heapBytes }) => 0.04 * heapBytes + 8 * 2 ** 20;

function cells(line) {
  if (!line.costs) return [line.major, shapes[line.shape].title, line.megabytes, line.failure];
  return COLUMNS.map(([, cell]) => cell(line, line.costs.dumps) || "-");
}

const row = (line) => `| ${cells(line).join(" | ")} |`;

function table(lines) {
  const heads = COLUMNS.map(([head]) => head);
  return [`| ${heads.join(" | ")} |`, `|${heads.map(() => "---|").join("")}`, ...lines.map(row)].join("\n");
}

function writes(lines) {
  const rows = lines.flatMap(({ major, megabytes, costs }) => {
    if (!costs?.writes) return [];
    const { faults, wall } = costs.writes;
    return [`| ${major} | ${megabytes} | ${faults} | ${Math.round((faults * 4) / 1024)} | ${wall.toFixed(0)} |`];
  });
  const head = "| Node | MB | page faults | copied (MB) | added time (ms) |\n|---|---|---|---|---|";
  return [head, ...rows].join("\n");
}

const page = (lines) => `# What a native dump costs

Written by \`npm run bench:native\` on Linux ${os.release()}, ${os.cpus().length} CPUs. Each heap is dumped by
\`v8.writeHeapSnapshot\` and by us in turns, in one process; files lie in memory. "-": V8's generator would need more
memory than the machine has. Node 18's takes time by the square of the heap, so it has small heaps only.

- CPU: V8's own process; ours is the application's thread, the frozen child and the helper.
- Goals: CPU at most 1/20 on small objects and the mix and 1/6 on one huge array; wall time at most 1/25 on small objects.
- Memory: growth of resident memory beyond the heap and without pages of files, as a share of the heap, and for ours the
  helper's private memory with it.
  Goal: 4 % of the heap and 8 MB; "of it allowed" is the share of that.
- Freeze: how long a copy-on-write dump holds the application's thread, beside a bare clone that copies the same memory.
  Goal: 1.15 times as long + 3 ms; below 0 in "beyond goal" meets it. Shared start: from the trigger to the child's job, goal 2 ms.

${table(lines)}

## Writing while the child has a copy

Every object of "many small objects" is written to once while a frozen child exists; beside the same without a child.

${writes(lines)}
`;

module.exports = { describe: { row, page } };
