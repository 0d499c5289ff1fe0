"use strict";

// The last part of `npm test`: a leaking program, started with the advised flags, leaves `my_snapshot.heapsnapshot` in
// the root of this package.
const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { removeEarlierDumps } = require("./earlier-dumps");

const root = path.join(__dirname, "..");
const snapshot = path.join(root, "my_snapshot.heapsnapshot");

removeEarlierDumps("my_snapshot");
spawnSync(
  process.execPath,
  ["--max_old_space_size=60", "--optimize_for_size", "--inspect=0", path.join(__dirname, "leaking.js")],
  { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
);

if (!fs.existsSync(snapshot)) {
  console.error("The leaking program left no my_snapshot.heapsnapshot; the lines above say why.");
  process.exitCode = 1;
} else {
  console.log(`Created ${snapshot} (${(fs.statSync(snapshot).size / 1048576).toFixed(1)} MB).`);
}
