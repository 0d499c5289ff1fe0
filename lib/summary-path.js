"use strict";

// Where the summary of a snapshot is: the helper gives both files one stem.

const { existsSync } = require("node:fs");

const EXTENSION = /\.heapsnapshot(\.gz)?$/;

// `null` where there is none.
function summaryOf(file) {
  const summary = file.replace(EXTENSION, ".summary.json");
  return EXTENSION.test(file) && existsSync(summary) ? summary : null;
}

module.exports = { summaryOf };
