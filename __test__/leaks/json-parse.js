"use strict";

// An abrupt leak inside V8: one document whose parsed form is twice the limit. JSON.parse answers no interrupt while it
// runs, so nothing but a raised limit brings the process to its end alive. What leaks afterwards ends it.
require("../..")({ threshold: 75, name: "leak" });
const { Ledger, fill, limitBytes, smallPayload } = require("../support/leaking-class");

const row = `[${new Array(1000).fill(1)}]`;
const rowBytes = 1000 * 8;
const rows = Math.ceil((2 * limitBytes()) / rowBytes);

// Node keeps a long Latin-1 string outside V8's heap: the document itself does not count against the limit.
const document = Buffer.from(`[${new Array(rows).fill(row)}]`).toString("latin1");

const ledger = new Ledger();
fill(ledger, 0.3);
setImmediate(() => {
  ledger.leak(JSON.parse(document));
  for (;;) ledger.leak(smallPayload(ledger));
});
