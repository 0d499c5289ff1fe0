// `npm run test:fidelity [-- <major> …]`: V8's own snapshot and ours of the same heap, on every Node version. Writes
// proof/FIDELITY.md, and fails where a group agrees less than it must. With SHOW=<count> it prints what differs most.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import nodeVersions from "../support/node-versions.js";
import { compare, normalised } from "./compare.mjs";
import { shortfallOf, shortfalls, targets } from "./targets.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const product = join(here, "..", "..");
const table = join(product, "proof", "FIDELITY.md");
const shown = Number(process.env.SHOW ?? 0);

/** The collection before V8's snapshot, which comes after ours, throws no bytecode away that has not been used lately. */
const FLAGS = ["--no-flush-bytecode"];

async function measure(major) {
  const { version, path } = nodeVersions.node(major);
  const folder = mkdtempSync(join(tmpdir(), "oom-heapdump-fidelity-"));
  try {
    const [theirs, ours] = ["v8", "ours"].map((name) => join(folder, `${name}.heapsnapshot`));
    execFileSync(path, [...FLAGS, join(here, "snapshots.cjs"), theirs, ours], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    return { major, version, groups: await compare(theirs, ours) };
  } finally {
    if (!process.env.KEEP) rmSync(folder, { recursive: true, force: true });
  }
}

const percent = (ratio) => `${(100 * ratio).toFixed(3)} %`;

/** What is wrong with a measured group, if anything. */
function fault({ major, groups }, group) {
  const ratio = groups[group]?.ratio ?? 0;
  const shortfall = shortfallOf(group, major);
  const least = shortfall?.floor ?? targets[group];
  if (ratio < least) return `Node ${major}: ${group} agree by ${percent(ratio)}, not by ${percent(least)}`;
  return null;
}

function cell(measured, group) {
  const { ratio, larger } = measured.groups[group];
  return `${percent(ratio)}${ratio < targets[group] ? " **below**" : ""} of ${larger.toLocaleString("en")}`;
}

function report(all) {
  const row = (cells) => `| ${cells.join(" | ")} |`;
  const lines = [
    "# Fidelity",
    "",
    "V8's own snapshot and ours, taken of the same heap one right after the other: `npm run test:fidelity`. The heap holds every",
    "kind of thing (`__test__/fidelity/heap.cjs`). Agreement is, for each group, the sum of the smaller counts over the sum of the",
    "larger ones; the second number of a cell is the latter. Retained sizes are those that DevTools' own engine computes: the",
    "share of the classes above 0.01 % of the heap whose largest retained size is V8's within 1 %.",
    "",
    row(["group", "target", ...all.map(({ version }) => `Node ${version}`)]),
    row(["---", "---", ...all.map(() => "---")]),
    ...Object.keys(targets).map((group) =>
      row([group, `≥ ${100 * targets[group]} %`, ...all.map((measured) => cell(measured, group))]),
    ),
    "",
    "## Rightly different",
    "",
    "Made equal or left out on both sides before the comparison:",
    "",
    ...normalised.map((sentence) => `- ${sentence}`),
  ];
  if (shortfalls.length > 0) {
    lines.push(
      "",
      "## Below the target",
      "",
      row(["group", "Node", "held instead", "reason"]),
      row(Array(4).fill("---")),
    );
    for (const { group, majors, floor, reason } of shortfalls)
      lines.push(row([group, majors.join(", "), `≥ ${100 * floor} %`, reason]));
  }
  return lines.join("\n") + "\n";
}

const chosen = process.argv.slice(2).map(Number);
const all = [];
for (const major of chosen.length > 0 ? chosen : nodeVersions.majors) {
  const measured = await measure(major);
  all.push(measured);
  for (const [group, { ratio, larger, differences }] of Object.entries(measured.groups)) {
    console.log(`Node ${major}  ${percent(ratio).padStart(10)}  ${group} (${larger})`);
    for (const [key, a, b] of differences.slice(0, shown))
      console.log(`      V8 ${a}  ours ${b}  ${key.slice(0, 160)}`);
  }
}
if (chosen.length === 0) {
  mkdirSync(join(product, "proof"), { recursive: true });
  writeFileSync(table, report(all));
}
const faults = all.flatMap((measured) =>
  Object.keys(targets)
    .map((group) => fault(measured, group))
    .filter(Boolean),
);
faults.forEach((sentence) => console.error(sentence));
process.exitCode = faults.length > 0 ? 1 : 0;
