"use strict";

// One counter for each address that ever called.
const counters = {};

function count(address) {
  const counter = (counters[address] ??= { hits: 0, first: new Date() });
  counter.hits++;
}

exports.counters = () => Object.keys(counters).length;
for (let number = 0; number < 50_000; number++) count(`10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`);
