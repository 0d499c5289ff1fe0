"use strict";

// An abrupt leak inside V8: one document whose parsed form is twice the limit. JSON.parse answers no interrupt while it
// runs, so nothing but a raised limit brings the process to its end alive. What leaks afterwards ends it.
require("../..")({ threshold: 75, name: "leak", method: process.argv[2] });
const { Ledger, fill, limitBytes, smallPayload } = require("../support/leaking-class");

const row = `[${new Array(1000).fill(1)}]`;
const rowBytes = 1000 * 8;
const rows = Math.ceil((2 * limitBytes()) / rowBytes);

// Neither the bytes nor the string, which Node keeps as a long Latin-1 one outside V8's heap, count against the limit.
const bytes = Buffer.alloc(rows * (row.length + 1) + 1, `,${row}`);
bytes.write("[", 0);
bytes.write("]", bytes.length - 1);
const document = bytes.toString("latin1");

const ledger = new Ledger();
fill(ledger, 0.3);
setImmediate(() => {
  ledger.leak(JSON.parse(document));
  for (;;) ledger.leak(smallPayload(ledger));
});
