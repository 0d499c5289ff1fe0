"use strict";

// A leak in a loop that never gives the event loop a turn.
require("../..")({ threshold: 75, name: "leak", method: process.argv[2] });
const { Ledger, smallPayload } = require("../support/leaking-class");

const ledger = new Ledger();
for (;;) ledger.leak(smallPayload(ledger));
