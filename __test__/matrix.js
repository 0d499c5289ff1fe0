"use strict";

// `npm run test:matrix`: the main job once on every Node version with every leak. Not a *.test.js, so that `npm test`
// stays short.
const assert = require("node:assert/strict");
const { before, describe, test } = require("node:test");
const { majors } = require("./support/node-versions");
const { buildReader } = require("./support/snapshot");
const { leaks, runMainJob } = require("./support/main-job");

before(buildReader);

describe(
  "a process that runs out of memory leaves a complete, valid snapshot and dies as it would have",
  { concurrency: 2 },
  () => {
    for (const major of majors) {
      for (const leak of leaks) {
        test(`on Node ${major}, with the leak ${leak}`, async () => {
          const { broken, stderr } = await runMainJob(major, leak);
          assert.deepEqual(broken, {}, `${Object.values(broken).join("\n")}\nThe process wrote:\n${stderr}`);
        });
      }
    }
  },
);
