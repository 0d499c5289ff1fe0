"use strict";

// The application that is dumped: it holds a heap of one shape, lets a timer beat every 5 ms, and then leaks until it dies or
// is asked for one snapshot. It tells how it goes over its IPC channel.
//
// node --max-old-space-size=<MB> application.js <contender> <shape> <what happens: a leak or "asked"> <MB to hold> <arming as JSON>

const v8 = require("node:v8");
const { Ledger, limitBytes } = require("../../__test__/support/leaking-class");
const shapes = require("../native/shapes");
const { contenders } = require("./contenders");

const [contenderName, shapeName, happening, megabytes, arming] = process.argv.slice(2);
const FILE = "leak.heapsnapshot";
const THRESHOLD = 0.75;
const BEAT = 5;
const TURN = 20;
const SHARE_OF_A_TURN = 0.0025;

const contender = contenders[contenderName];
const shape = shapes[shapeName];
const ledger = new Ledger();

/** Nanoseconds of the clock that all processes of the machine share. */
const now = () => Number(process.hrtime.bigint());

function hold(bytes) {
  ledger.leak(shape.make(Math.max(1, Math.round(bytes / shape.bytes))));
}

const leaks = {
  // A quarter of a percent of the limit, fifty times a second: two seconds from 75 % to the end.
  gradual() {
    setInterval(() => hold(limitBytes() * SHARE_OF_A_TURN), TURN);
  },

  // One allocation past the limit (a larger array than this one is a table in V8). It holds numbers: of each index that holds
  // an object V8's generator keeps 1 KB, and that is the matter of the shapes.
  abrupt() {
    const elements = Math.floor(Math.min((limitBytes() * 3) / 4 / 8, 30_000_000));
    setInterval(() => ledger.leak(new Array(elements).fill(0.5)), TURN);
  },

  synchronous() {
    for (;;) hold(limitBytes() * SHARE_OF_A_TURN);
  },
};

function usedByOldGeneration() {
  const spaces = v8.getHeapSpaceStatistics().filter(({ space_name: name }) => !name.startsWith("new_"));
  return spaces.reduce((sum, space) => sum + space.space_used_size, 0);
}

/** Those that do not watch the heap are asked once, as early as ours begins. */
function askAtThreshold(take) {
  const timer = setInterval(() => {
    if (usedByOldGeneration() < THRESHOLD * limitBytes()) return;
    clearInterval(timer);
    Promise.resolve(take(FILE)).catch((error) => console.error(error.message));
  }, TURN);
}

/** The longest time between two beats, in milliseconds. */
class Heartbeat {
  constructor() {
    this.reset();
    setInterval(() => this.beat(), BEAT);
  }

  reset() {
    this.last = performance.now();
    this.longest = 0;
  }

  beat() {
    const time = performance.now();
    this.longest = Math.max(this.longest, time - this.last);
    this.last = time;
  }
}

const send = (message) => new Promise((resolve) => process.send(message, resolve));
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function beAsked(take) {
  const heart = new Heartbeat();
  await pause(500);
  const calm = heart.longest;
  heart.reset();
  const began = now();
  await take(FILE);
  const took = (now() - began) / 1e6;
  await pause(2 * BEAT);
  await send({ calm, stall: heart.longest, took });
  process.exit();
}

async function main() {
  const take = contender.arm(JSON.parse(arming));
  hold(Number(megabytes) * 2 ** 20);
  await pause(200);
  await send({ held: v8.getHeapStatistics().used_heap_size });
  await new Promise((resolve) => process.once("message", resolve));
  if (happening === "asked") return beAsked(take);
  if (!contender.atDeath) askAtThreshold(take);
  await send({ began: now() });
  process.disconnect();
  leaks[happening]();
}

main();
