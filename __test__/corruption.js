"use strict";

// `npm run test:corruption`: a real heap of each Node version with words that are wrong. Not a *.test.js, so that `npm test`
// stays short.
const assert = require("node:assert/strict");
const { execFile } = require("node:child_process");
const path = require("node:path");
const { before, test } = require("node:test");
const { promisify } = require("node:util");
const { majors, node } = require("./support/node-versions");
const { ORACLE, buildOracle } = require("./support/oracle");

const program = path.join(__dirname, "support", "corrupted-heap.js");
const SEEDS = 12;

/** What the reader may come to. A heap whose known objects are no objects is none. */
const ENDS = /^\d+ nodes, \d+ skipped$|^there is no V8 heap of the expected layout/;

before(buildOracle);

for (const major of majors) {
  for (const words of [10, 1000, 10_000]) {
    test(`on Node ${major} ${words} wrong words are skipped, and the reader comes to its end`, async (context) => {
      const options = { maxBuffer: 1 << 24, env: { ...process.env, NODE_OPTIONS: "" } };
      const { stdout } = await promisify(execFile)(
        node(major).path,
        ["--expose-gc", program, ORACLE, SEEDS, words],
        options,
      );
      const answers = JSON.parse(stdout);
      for (const answer of answers) assert.match(answer, ENDS);
      const read = answers.filter((answer) => answer.includes("nodes"));
      context.diagnostic([`${read.length} of ${SEEDS} were read`, ...read.slice(0, 1)].join(": "));
      if (words === 10) assert.ok(read.length > 0, "a heap with few wrong words is read");
    });
  }
}
