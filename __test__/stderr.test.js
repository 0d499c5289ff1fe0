"use strict";

// Standard error may be closed, full, or non-blocking. The snapshot is made all the same and nothing hangs.
const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { temporaryDirectory } = require("./support/program");
const { snapshotsIn } = require("./support/snapshot");
const { leakForever, root } = require("./support/watched");

const flags = ["--max-old-space-size=30", "--inspect=0"];
const program = (prepare) => `${prepare}; require(${JSON.stringify(root)})({ name: 'mine' }); ${leakForever}`;

/** Fills a pipe that nobody reads and that is non-blocking, as Node's own standard error is once it was touched. */
const fillStderr = `
  process.stderr.on('error', () => {})
  try { for (;;) require('node:fs').writeSync(2, Buffer.alloc(4096, '.')) } catch (error) { if (error.code !== 'EAGAIN') throw error }`;

const states = {
  closed: (options) =>
    spawn("sh", ["-c", 'exec "$0" "$@" 2>&-', process.execPath, ...flags, "-e", program("")], options),
  "a full, non-blocking pipe": (options) => spawn(process.execPath, [...flags, "-e", program(fillStderr)], options),
  "a pipe that its reader has closed": (options) => {
    const child = spawn(process.execPath, [...flags, "-e", program("")], options);
    child.stderr.destroy();
    return child;
  },
  "a full disk": (options) =>
    spawn("sh", ["-c", 'exec "$0" "$@" 2>/dev/full', process.execPath, ...flags, "-e", program("")], options),
};
for (const [state, start] of Object.entries(states)) {
  test(`the snapshot is complete when standard error is ${state}`, { timeout: 120_000 }, async (context) => {
    const directory = temporaryDirectory(context);
    const child = start({ cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
    context.after(() => child.kill("SIGKILL"));
    await new Promise((resolve) => child.once("exit", resolve));
    assert.deepEqual(snapshotsIn(directory), ["mine.heapsnapshot"]);
    assert.ok(fs.statSync(path.join(directory, "mine.heapsnapshot")).size > 1e6);
  });
}
