"use strict";

// An abrupt leak: a heap that is partly filled, and then arrays of two million elements (16 MB), one after another.
require("../..")({ threshold: 75, name: "leak", method: process.argv[2] });
const { Ledger, fill } = require("../support/leaking-class");

const ledger = new Ledger();
fill(ledger, 0.4);
setImmediate(function leak() {
  ledger.leak(new Array(2_000_000).fill(ledger.count));
  setImmediate(leak);
});
