"use strict";

// Reads a snapshot with two readers that know nothing of this package: DevTools' own engine (npm heap-snapshot-toolkit)
// and the one of VS Code's heap view (crate v8-heap-parser). A snapshot is valid only if both load it and see the same.
const assert = require("node:assert/strict");
const { execFile, execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { promisify } = require("node:util");

const root = path.join(__dirname, "..", "..");

/** Builds a program of examples/ if it is not up to date. */
function buildExample(name) {
  execFileSync("cargo", ["build", "--quiet", "--release", "--locked", "--example", name], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
}

const buildReader = () => buildExample("read_snapshot");
const buildLeakCounter = () => buildExample("count_leaks");

/** What a program of examples/ says of the leak in `file`. */
async function askExample(name, file) {
  const program = path.join(root, "target", "release", "examples", name);
  const { stdout } = await promisify(execFile)(program, [file, "LeakingClass", "Ledger"]);
  return JSON.parse(stdout);
}

/** What v8-heap-parser sees: `{ nodes, edges, selfSize, instances, ledger }`. */
const readWithHeapParser = (file) => askExample("read_snapshot", file);

/** Of a snapshot of any size: `{ instances, ledger }`. */
const countLeaks = (file) => askExample("count_leaks", file);

/** What DevTools' engine sees, in the same words. */
async function readWithDevTools(file) {
  const { parse } = await import("heap-snapshot-toolkit");
  const snapshot = await parse(fs.createReadStream(file, "utf8"));
  const aggregates = Object.values(snapshot.aggregatesWithFilter({}));
  const indexes = (name) =>
    aggregates.filter((aggregate) => aggregate.name === name).flatMap((aggregate) => aggregate.idxs);
  return {
    nodes: snapshot.nodeCount,
    edges: snapshot.containmentEdges.length / snapshot.edgeFieldsCount,
    selfSize: aggregates.reduce((sum, aggregate) => sum + aggregate.self, 0),
    instances: indexes("LeakingClass").length,
    ledger: ledger(snapshot, indexes("Ledger")),
  };
}

/** The one string that the ledger refers to, if there is exactly one ledger. */
function ledger(snapshot, indexes) {
  if (indexes.length !== 1) return null;
  const edges = snapshot.createNode(indexes[0]).edges();
  for (; edges.hasNext(); edges.next()) {
    const edge = edges.item();
    if (edge.node().type() === "string") return edge.node().name();
  }
  return null;
}

/**
 * Reads a snapshot of a leaking program and asserts that it is whole: both readers load it and agree, and the instances
 * of LeakingClass are as many as the program's ledger in the same snapshot says. The ledger is written after each
 * instance is made, so one instance more is right as well.
 */
async function assertValid(file) {
  const [parser, devTools] = [await readWithHeapParser(file), await readWithDevTools(file)];
  assert.deepEqual(devTools, parser, "DevTools' engine and v8-heap-parser see different things in the snapshot");
  const expected = Number(parser.ledger);
  assert.ok(expected > 0, `the snapshot has no ledger of the leak: ${JSON.stringify(parser)}`);
  assert.ok(
    parser.instances === expected || parser.instances === expected + 1,
    `the snapshot holds ${parser.instances} instances of LeakingClass, the program had made ${expected}`,
  );
  return parser;
}

/** What dumps have left in a directory, but their summaries and suspects; a `.part` is among it. */
const snapshotsIn = (directory) =>
  fs.readdirSync(directory).filter((name) => !/\.(summary|suspects)\.json$/.test(name));

/** The summary of the dump `name` in a directory. */
const readSummary = (directory, name) =>
  JSON.parse(fs.readFileSync(path.join(directory, `${name}.summary.json`), "utf8"));

module.exports = {
  snapshotsIn,
  readSummary,
  buildReader,
  buildLeakCounter,
  readWithHeapParser,
  readWithDevTools,
  countLeaks,
  assertValid,
};
