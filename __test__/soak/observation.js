"use strict";

// What the kernel tells of a process while it is observed. Memory in bytes, times in milliseconds. Linux only.

const fs = require("node:fs");
const os = require("node:os");
const { childrenOf, descriptorsOf } = require("../support/processes");

const EACH = 2000;

/** The kernel's ticks, which are a hundredth of a second to programs. */
const TICK = 10;

function sampleOf(process) {
  const status = fs.readFileSync(`/proc/${process}/status`, "latin1");
  const number = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)[1]);
  const children = childrenOf(process);
  return {
    rss: number("VmRSS") * 1024,
    descriptors: descriptorsOf(process),
    threads: number("Threads"),
    zombies: children.filter(({ isZombie }) => isZombie).map(({ id }) => id),
    isAtRest: children.length === 0,
    load: os.loadavg()[0],
  };
}

/** CPU times of a process, and of all that it started and saw the end of. */
function cpuOf(process) {
  const [user, system, ofChildren, systemOfChildren] = fs
    .readFileSync(`/proc/${process}/stat`, "latin1")
    .split(") ")[1]
    .split(" ")
    .slice(11, 15)
    .map((ticks) => Number(ticks) * TICK);
  return { own: user + system, ofChildren: ofChildren + systemOfChildren };
}

/** Samples of a stretch of time. */
class Observation {
  #timer;

  constructor(process) {
    this.process = process;
    this.samples = [];
    this.began = Date.now();
    this.before = cpuOf(process);
    this.#timer = setInterval(() => this.sample(), EACH);
  }

  sample() {
    try {
      this.samples.push(sampleOf(this.process));
    } catch {
      clearInterval(this.#timer); // It has ended, which is told elsewhere.
    }
  }

  end() {
    this.sample();
    clearInterval(this.#timer);
    this.ended = Date.now();
    const { own, ofChildren } = cpuOf(this.process);
    this.cpu = { own: own - this.before.own, ofChildren: ofChildren - this.before.ofChildren };
  }

  /** Whether a moment, in milliseconds since the epoch, belongs to it. */
  includes(moment) {
    return moment >= this.began && moment < this.ended;
  }

  /** Samples without a child, in which nothing of a dump is under way. */
  get atRest() {
    return this.samples.filter(({ isAtRest }) => isAtRest);
  }

  /** Zombies that were there in more than one sample. */
  get zombies() {
    const times = new Map();
    for (const { zombies } of this.samples) for (const id of zombies) times.set(id, (times.get(id) ?? 0) + 1);
    return [...times].filter(([, seen]) => seen > 1).map(([id]) => id);
  }
}

module.exports = { Observation };
