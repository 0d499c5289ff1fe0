"use strict";

// The common leak: a little with every turn of the event loop.
require("../..")({ threshold: 75, name: "leak", method: process.argv[2] });
const { Ledger, smallPayload } = require("../support/leaking-class");

const ledger = new Ledger();
setInterval(() => {
  for (let made = 0; made < 200; made++) ledger.leak(smallPayload(ledger));
}, 2);
