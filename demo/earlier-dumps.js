"use strict";

// Takes away what earlier runs of a demo have left in the root of this package: else the next dump would have a number.
const fs = require("node:fs");
const path = require("node:path");

const root = path.join(__dirname, "..");

/** Removes snapshots, summaries and suspects of that name. */
function removeEarlierDumps(name) {
  const isOfDump = new RegExp(`^${name}(-\\d+)?\\.(heapsnapshot|summary\\.json|suspects\\.json)$`);
  for (const file of fs.readdirSync(root).filter((file) => isOfDump.test(file))) fs.rmSync(path.join(root, file));
}

module.exports = { removeEarlierDumps };
