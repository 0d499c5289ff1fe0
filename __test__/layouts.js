"use strict";

// `npm run test:layouts`: the layout of each V8 beside V8's own functions and V8's own snapshot, and with each of its
// constants shifted. Not a *.test.js, so that `npm test` stays short.
const assert = require("node:assert/strict");
const { execFile } = require("node:child_process");
const path = require("node:path");
const { before, describe, test } = require("node:test");
const { promisify } = require("node:util");
const { majors, node } = require("./support/node-versions");
const { ORACLE, buildOracle } = require("./support/oracle");
const { temporaryDirectory } = require("./support/program");
const { uncaught } = require("./support/uncaught-constants");

const program = path.join(__dirname, "support", "shifted-constants.js");
// V8's helper threads would change the heap between two questions.
const flags = ["--single-threaded"];

async function askOracle(major, folder) {
  const options = { maxBuffer: 1 << 24, env: { ...process.env, NODE_OPTIONS: "" } };
  const { stdout } = await promisify(execFile)(node(major).path, [...flags, program, ORACLE, folder], options);
  return JSON.parse(stdout);
}

/** How far the snapshot that is written with each of these constants shifted is from V8's: a map from constant to number. */
async function distances(folder, constants) {
  const { distance, features } = await import("./fidelity/compare.mjs");
  const snapshot = (name) => features(path.join(folder, `${name}.heapsnapshot`));
  const theirs = snapshot("v8");
  return new Map(constants.map((constant) => [constant, distance(theirs, snapshot(constant))]));
}

before(buildOracle);

describe("the layouts", { concurrency: 2 }, () => {
  for (const major of majors) {
    test(`of Node ${major}`, async (context) => {
      const folder = temporaryDirectory(context);
      const { sizes, shifts } = await askOracle(major, folder);
      const [unshifted, ...shifted] = shifts;
      const left = shifted.filter(({ caughtBy }) => caughtBy === undefined).map(({ constant }) => constant);
      const fromV8 = await distances(folder, ["", ...left]);

      await context.test("give every object the size that V8 gives it", () => {
        assert.ok(sizes.objects > 10_000, `${sizes.objects} objects`);
        assert.deepEqual(sizes.differing, []);
      });

      await context.test("pass every check as they are", () => {
        assert.equal(unshifted.caughtBy, undefined, unshifted.evidence);
      });

      await context.test("fail a check, or give a snapshot that is less like V8's, with any constant shifted", () => {
        const found = left.filter((constant) => fromV8.get(constant) <= fromV8.get(""));
        const listed = uncaught.filter(({ nodes }) => nodes.includes(major)).map(({ constant }) => constant);
        assert.deepEqual(found.sort(), listed.sort());
      });

      for (const check of ["stated", "self-test", "stack", "sizes"]) {
        const caught = shifted.filter(({ caughtBy }) => caughtBy === check);
        context.diagnostic(`${caught.length} constants are caught by ${check}`);
      }
      context.diagnostic(`${left.length} are left to the comparison with V8's snapshot`);
    });
  }
});
