"use strict";

// A cache that nothing but a listener of a global emitter sees grows without end.
const { EventEmitter } = require("node:events");

function serve(bus) {
  const pages = new Map();
  bus.on("stop", () => pages.clear());
  for (let number = 0; number < 10_000; number++)
    pages.set(`/pages/${number}`, { number, rows: Array(20).fill(number) });
}

globalThis.bus = new EventEmitter();
serve(globalThis.bus);
