"use strict";

// Prints what reading this process's heap with wrong words comes to, once for each seed:
// `node --expose-gc corrupted-heap.js <addon> <seeds> <words>`.
const { armedOracle } = require("./armed-oracle");

const [path, seeds, words] = process.argv.slice(2);
const addon = armedOracle(path);

function read(seed) {
  try {
    return addon.readCorrupted(seed, Number(words));
  } catch (error) {
    return `seed ${seed}: ${error.message}`;
  }
}

setTimeout(() => {
  const answers = Array.from({ length: Number(seeds) }, (_, seed) => read(seed));
  process.stdout.write(JSON.stringify(answers), () => process.exit());
}, 300);
