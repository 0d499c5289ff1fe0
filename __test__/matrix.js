"use strict";

// `npm run test:matrix`: the main job once by every method on every Node version with every leak. Not a *.test.js, so that `npm test`
// stays short.
const assert = require("node:assert/strict");
const { before, describe, test } = require("node:test");
const { majors } = require("./support/node-versions");
const { buildReader } = require("./support/snapshot");
const { leaks, methods, runMainJob } = require("./support/main-job");

before(buildReader);

describe(
  "a process that runs out of memory leaves a complete, valid snapshot and dies as it would have",
  { concurrency: 2 },
  () => {
    const cells = methods.flatMap((method) =>
      majors.flatMap((major) => leaks.map((leak) => ({ method, major, leak }))),
    );
    for (const cell of cells) {
      test(`by the method ${cell.method} on Node ${cell.major}, with the leak ${cell.leak}`, async () => {
        const { broken, stderr } = await runMainJob(cell);
        assert.deepEqual(broken, {}, `${Object.values(broken).join("\n")}\nThe process wrote:\n${stderr}`);
      });
    }
  },
);
