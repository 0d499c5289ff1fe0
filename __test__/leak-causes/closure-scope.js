"use strict";

// A small callback keeps the whole scope alive, with the parsed document in it that another callback used.
const callbacks = [];

function load(number) {
  const document = Array.from({ length: 200 }, (_, line) => `line ${line} of document ${number}`);
  const summary = () => document.length;
  callbacks.push(() => number);
  return summary();
}

exports.run = () => callbacks.forEach((callback) => callback());
for (let number = 0; number < 1_500; number++) load(number);
