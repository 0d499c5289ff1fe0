"use strict";

// node --max-old-space-size=<MB> program.js <shape> <death> [watched]: fills its heap with one shape of data until V8 gives
// up. Everything is held by instances of LeakingClass, whose count is in the heap. It gives the event loop no turn.
const [shape, death, watched] = process.argv.slice(2);
if (watched === "watched") require("../..")({ name: "leak" });
const { getHeapStatistics } = require("node:v8");
const { Ledger, limitBytes } = require("../support/leaking-class");

const ledger = new Ledger();

/** The most elements of an array that V8 makes at once; a larger one is a table. */
const LARGEST_ARRAY = 30_000_000;

/** For each shape what makes the function that makes the heap a little larger each time it is called. */
const shapes = {
  "small-objects": () => () => ledger.leak({ number: ledger.count, text: `text ${ledger.count}` }),

  "huge-array"(bytes) {
    if (bytes !== undefined) return hugeArrays(bytes);
    // An array holds 128 million elements at the most, and is half as large again each time that it grows.
    const most = 1 << 26;
    let array;
    return () => {
      if (array === undefined || array.length === most) ledger.leak((array = []));
      array.push(ledger);
    };
  },

  map() {
    // A Map holds 16 million entries at the most.
    const most = 1 << 22;
    let map;
    return () => {
      if (map === undefined || map.size === most) ledger.leak((map = new Map()));
      map.set(`key ${map.size}`, map.size);
    };
  },

  "cons-strings"() {
    const pieces = 1000;
    return () => {
      let rope = `rope ${ledger.count}: `;
      for (let piece = 0; piece < pieces; piece++) rope += `piece ${piece} of ${ledger.count}, `;
      ledger.leak(rope);
    };
  },

  mix() {
    const all = ["small-objects", "huge-array", "map"].map((name) => shapes[name]());
    const rope = shapes["cons-strings"]();
    let turn = 0;
    return () => {
      for (const grow of all) grow();
      if (++turn % 1000 === 0) rope();
    };
  },
};

/** As large as they shall be at once: of one that grows the outgrown ones are left, and how many of them is chance. */
function hugeArrays(bytes) {
  let left = Math.ceil(bytes / 8);
  return () => {
    const length = Math.min(left, LARGEST_ARRAY);
    left -= length;
    ledger.leak(new Array(length).fill(ledger));
  };
}

const deaths = {
  gradual() {
    const grow = shapes[shape]();
    for (;;) grow();
  },

  // Three fifths of the heap, and then one allocation past the limit. A heap of 1 GB takes two: it is filled until the second is
  // past the limit by half, and not by chance.
  abrupt() {
    const limit = limitBytes();
    const elements = Math.floor(Math.min((limit * 3) / 4 / 8, LARGEST_ARRAY));
    const filled = Math.max(limit * 0.6, limit - 1.5 * elements * 8);
    const grow = shapes[shape](filled);
    while (getHeapStatistics().used_heap_size < filled) for (let i = 0; i < 100; i++) grow();
    for (;;) ledger.leak(new Array(elements).fill(ledger));
  },
};

deaths[death]();
