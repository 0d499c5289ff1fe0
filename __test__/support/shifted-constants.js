"use strict";

// Prints what the oracle finds in a heap that holds every kind of thing: `node --expose-gc shifted-constants.js <addon>`.
// Output: `{ sizes, unshifted, shifts }`, see src/addon/oracle.rs.
const { armedOracle } = require("./armed-oracle");

const addon = armedOracle(process.argv[2]);

function ask() {
  gc(); // Whether objects end where others begin is known in a swept heap alone.
  const sizes = addon.compareSizes();
  const [unshifted] = addon.catchShifts([""]);
  const shifts = addon.catchShifts(addon.layoutConstants());
  process.stdout.write(JSON.stringify({ sizes, unshifted, shifts }), () => process.exit());
}

setTimeout(ask, 300);
