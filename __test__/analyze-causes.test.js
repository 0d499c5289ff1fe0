"use strict";

// Programs with a leak whose cause is known: the analysis of their native snapshots names it, on every Node version.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const { test } = require("node:test");
const causes = require("./analyze/causes");
const { json, programs, snapshotOf } = require("./analyze/support");
const { majors } = require("./support/node-versions");

test("the cause of every program of the corpus is known", () => {
  const names = fs.readdirSync(programs).filter((name) => name.endsWith(".js"));
  assert.deepEqual(
    names,
    Object.keys(causes)
      .sort()
      .map((name) => `${name}.js`),
  );
});

for (const major of majors) {
  for (const [program, { names, growth, entries }] of Object.entries(causes)) {
    test(`Node ${major}: the first suspect of ${program} is what leaks`, () => {
      const file = snapshotOf(program, major);
      const [first] = json("analyze", file).suspects;
      fs.rmSync(file);
      assert.ok(first, "there is a suspect");
      assert.ok(first.sentence.includes(names), first.sentence);
      assert.equal(first.growth.shape, growth);
      if (entries) assert.equal(first.growth.entries, entries);
    });
  }
}
