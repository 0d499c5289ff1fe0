"use strict";

// An abrupt leak: arrays of 20 000 elements, each a large object of V8's (160 KB), as fast as they can be made.
require("../..")({ threshold: 75, name: "leak", method: process.argv[2] });
const { Ledger } = require("../support/leaking-class");

const ledger = new Ledger();
setImmediate(function leak() {
  for (let made = 0; made < 100; made++) ledger.leak(new Array(20_000).fill(ledger.count));
  setImmediate(leak);
});
