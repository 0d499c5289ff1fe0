"use strict";

// How long a program may do nothing before it counts as hanging. Where many programs share a processor, most of the time that
// passes is the time of others: what the kernel says that a task has waited for its turn (run_delay of schedstat) does not
// count.
const fs = require("node:fs");

/** Nobody needs to know sooner. */
const INTERVAL = 250;

/** How long each task of a process has waited for a processor, in milliseconds. */
function delaysOf(process) {
  try {
    return fs.readdirSync(`/proc/${process}/task`).map((task) => {
      const [, delay] = fs.readFileSync(`/proc/${process}/task/${task}/schedstat`, "utf8").split(" ");
      return [task, Number(delay) / 1e6];
    });
  } catch {
    return []; // It has ended meanwhile.
  }
}

class Patience {
  #processes;
  #whole;
  #left;
  #delays;
  #looked = performance.now();

  /** `processes` gives the ids of those who are waited for. */
  constructor(processes, milliseconds) {
    this.#processes = processes;
    this.#whole = this.#left = milliseconds;
    this.#delays = this.#look();
  }

  get isOver() {
    const passed = performance.now() - this.#looked;
    if (passed < INTERVAL) return false;
    this.#looked += passed;
    const before = this.#delays;
    this.#delays = this.#look();
    const waited = [...this.#delays].reduce((sum, [task, delay]) => sum + delay - (before.get(task) ?? 0), 0);
    // A task is told to have waited when its turn comes, so the wait may be that of some intervals.
    this.#left = Math.min(this.#whole, this.#left - passed + waited);
    return this.#left <= 0;
  }

  #look = () => new Map(this.#processes().flatMap(delaysOf));
}

module.exports = { Patience };
