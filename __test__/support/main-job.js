"use strict";

// The main job: a leaking program dies of out-of-memory and leaves a complete heap snapshot. One run of it, and the
// rules that hold for every run.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { assertValid, snapshotsIn } = require("./snapshot");
const { heapLimit, node } = require("./node-versions");
const { ending, run, temporaryDirectory } = require("./program");

/** The leaking programs in `leaks/`, each with a different way to the limit. */
const leaks = ["gradual", "one-huge-array", "many-arrays", "json-parse", "busy-loop"];

/** The methods of making a dump, and the flags that Node needs for each. */
const flags = { native: [], inspector: ["--inspect=0"] };
const methods = Object.keys(flags);

/** The share of the limit that each leaking program gives as its threshold. */
const threshold = 0.75;

const dangerLine = /^node-oom-heapdump: (?!summary: |suspects: ).*\d+.*(%|percent).*$/gm;
const completeLine =
  /^node-oom-heapdump: heap snapshot of process (\d+) is complete: (.+) \(([\d.]+) MB in ([\d.]+) s\)$/gm;
const fatalLine = /^.*FATAL ERROR: .*JavaScript heap out of memory.*$/gm;

/** Each rule is given a finished run, `{ pid, stderr, files, … }`, and throws where it is broken. */
const rules = {
  exit: {
    sentence: "the process dies as it would have without the watch",
    check(finished) {
      assert.ok(finished.signal === "SIGABRT" || finished.code === 134, `the process ${ending(finished)}`);
      assert.equal(finished.stderr.match(fatalLine)?.length, 1, "V8's message of the fatal error is there once");
    },
  },
  messages: {
    sentence: "one line tells of the danger and one of the complete snapshot",
    check(finished) {
      const complete = [...finished.stderr.matchAll(completeLine)];
      assert.equal(complete.length, 1, "lines that a snapshot is complete");
      assert.equal(complete[0][1], String(finished.pid), "the process in that line");
      assert.equal(complete[0][2], finished.file, "the path in that line");
      const danger = [...finished.stderr.matchAll(dangerLine)].filter((line) => line[0] !== complete[0][0]);
      assert.equal(danger.length, 1, "lines that tell of the danger");
    },
  },
  complete: {
    sentence: "the snapshot and nothing else lies under its final name, readable by its owner only",
    check(finished) {
      assert.deepEqual(finished.files, ["leak.heapsnapshot"]);
      assert.equal((fs.statSync(finished.file).mode & 0o777).toString(8), "600");
    },
  },
  valid: {
    sentence: "both independent readers load it, with every leaked object in it and a heap above the threshold",
    async check(finished) {
      const { selfSize } = await assertValid(finished.file);
      assert.ok(
        selfSize >= threshold * finished.limitBytes,
        `the snapshot holds ${selfSize} bytes: less than the threshold of a limit of ${finished.limitBytes} bytes`,
      );
    },
  },
};

/**
 * Lets one leaking program die on one Node version, dumped by one method, and holds the run against every rule:
 * `{ milliseconds, bytes, broken: { <rule>: <what is wrong> }, stderr }`. Nothing stays on the disk.
 */
async function runMainJob({ method, major, leak }, { timeout = 300_000 } = {}) {
  const directory = temporaryDirectory();
  const program = path.join(__dirname, "..", "leaks", `${leak}.js`);
  const limit = heapLimit(major, method);
  try {
    const args = [`--max-old-space-size=${limit}`, ...flags[method], program, method];
    const finished = await run(node(major).path, args, { cwd: directory, timeout });
    finished.files = snapshotsIn(directory);
    finished.file = path.join(directory, "leak.heapsnapshot");
    finished.limitBytes = limit * 1024 * 1024;

    const broken = {};
    for (const [name, rule] of Object.entries(rules)) {
      await Promise.resolve(finished)
        .then(rule.check)
        .catch((error) => {
          broken[name] = `${rule.sentence}: ${error.message}`;
        });
    }
    const bytes = fs.existsSync(finished.file) ? fs.statSync(finished.file).size : null;
    return { milliseconds: Math.round(finished.milliseconds), bytes, broken, stderr: finished.stderr };
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

module.exports = { leaks, methods, rules, runMainJob };
