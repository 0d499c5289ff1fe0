"use strict";

// The demos are run more than once, and say where their snapshot is each time.
const assert = require("node:assert/strict");
const path = require("node:path");
const { test } = require("node:test");
const { run, temporaryDirectory } = require("./support/program");
const { copyPackage } = require("./support/watched");

for (const [demo, file] of [
  ["my-snapshot.js", "my_snapshot.heapsnapshot"],
  ["index.js", "demo_snapshot.heapsnapshot"],
]) {
  test(`demo/${demo} leaves ${file}, and leaves it again when it is run again`, async (context) => {
    const home = copyPackage(temporaryDirectory(context));
    for (let time = 1; time <= 2; time++) {
      const finished = await run(process.execPath, [path.join(home, "demo", demo)]);
      assert.equal(finished.code, 0, finished.stderr);
      assert.ok(finished.stdout.includes(path.join(home, file)), finished.stdout);
    }
  });
}
