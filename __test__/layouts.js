"use strict";

// `npm run test:layouts`: the layout of each V8 beside V8's own functions, and with each of its constants shifted. Not a
// *.test.js, so that `npm test` stays short.
const assert = require("node:assert/strict");
const { execFile } = require("node:child_process");
const path = require("node:path");
const { before, describe, test } = require("node:test");
const { promisify } = require("node:util");
const { majors, node } = require("./support/node-versions");
const { ORACLE, buildOracle } = require("./support/oracle");
const { uncaught } = require("./support/uncaught-constants");

const program = path.join(__dirname, "support", "shifted-constants.js");
// V8's helper threads would change the heap between two questions.
const flags = ["--expose-gc", "--single-threaded"];

async function askOracle(major) {
  const options = { maxBuffer: 1 << 24, env: { ...process.env, NODE_OPTIONS: "" } };
  const { stdout } = await promisify(execFile)(node(major).path, [...flags, program, ORACLE], options);
  return JSON.parse(stdout);
}

before(buildOracle);

describe("the layouts", { concurrency: 2 }, () => {
  for (const major of majors) {
    test(`of Node ${major}`, async (context) => {
      const { sizes, unshifted, shifts } = await askOracle(major);

      await context.test("give every object the size that V8 gives it", () => {
        assert.ok(sizes.objects > 10_000, `${sizes.objects} objects`);
        assert.deepEqual(sizes.differing, []);
      });

      await context.test("pass every check as they are", () => {
        assert.equal(unshifted.caughtBy, undefined, unshifted.evidence);
      });

      await context.test("fail a check with any constant shifted, but for those that are listed", () => {
        const found = shifts.filter(({ caughtBy }) => caughtBy === undefined).map(({ constant }) => constant);
        const listed = uncaught.filter(({ nodes }) => nodes.includes(major)).map(({ constant }) => constant);
        assert.deepEqual(found.sort(), listed.sort());
      });

      for (const check of ["self-test", "sizes", "ends", "snapshot", undefined]) {
        const caught = shifts.filter(({ caughtBy }) => caughtBy === check);
        context.diagnostic(`${caught.length} constants are caught by ${check ?? "nothing"}`);
      }
    });
  }
});
