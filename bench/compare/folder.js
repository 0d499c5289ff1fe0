"use strict";

// Where a contender leaves its file.

const { existsSync, mkdtempSync } = require("node:fs");
const { join } = require("node:path");
const { temporaryDirectory } = require("../../__test__/support/program");

const IN_MEMORY = "/dev/shm";

/** Where time is measured files lie in memory if that can be: else the disk of the machine is what is measured. */
const folderFor = ({ isTimed }) =>
  isTimed && existsSync(IN_MEMORY) ? mkdtempSync(join(IN_MEMORY, "compare-")) : temporaryDirectory();

module.exports = { folderFor };
