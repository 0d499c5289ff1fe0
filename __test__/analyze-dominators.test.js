"use strict";

// Dominators and sizes of V8's own snapshots and of ours are those that DevTools' engine finds.
const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const path = require("node:path");
const { test } = require("node:test");
const { folder } = require("./analyze/support");
const { majors, node } = require("./support/node-versions");

for (const major of majors) {
  test(`Node ${major}: dominators, shallow and retained sizes are those of DevTools, object by object`, async () => {
    const { buildExample, differences } = await import("./analyze/devtools.mjs");
    buildExample();
    const [theirs, ours] = ["v8", "ours"].map((name) => path.join(folder, `${name}-${major}.heapsnapshot`));
    const program = path.join(__dirname, "fidelity", "snapshots.cjs");
    execFileSync(node(major).path, [program, theirs, ours], { stdio: "ignore" });
    for (const file of [theirs, ours]) {
      const { nodes, found } = await differences(file);
      assert.ok(nodes > 100_000, `${nodes} nodes`);
      assert.deepEqual(found, [], file);
    }
  });
}
