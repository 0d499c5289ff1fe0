"use strict";

// What garbage collections cost, watched by one contender: prints the CPU time of this process a collection, in nanoseconds.
// node --expose-gc collections.js <watcher> <path of the package> <minor or major> <number>

const { watchers } = require("./watchers");

const [watcher, installed, type, number] = process.argv.slice(2);
const TURN = 50;

const kept = Array.from({ length: 1000 }, (_, id) => ({ id }));

async function collect(count) {
  for (let done = 0; done < count; done += TURN) {
    for (let one = 0; one < TURN; one++) global.gc({ type });
    // Observers are called in turns of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function main() {
  watchers[watcher].watch(installed);
  await collect(200);
  const before = process.cpuUsage();
  await collect(Number(number));
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ each: ((user + system) * 1e3) / number, kept: kept.length }));
  process.exit();
}

main();
