"use strict";

// require("node-oom-heapdump")({ threshold: 75, name: "my_heapdump" })
//
// The instance of a thread: options in, promises, events and a status out. The watching and the dumping are done natively (src/).

const { EventEmitter } = require("node:events");
const { HeapWatch } = require("./lib/heap-watch");
const { OnDemand } = require("./lib/on-demand");
const { readSettings } = require("./lib/settings");
const { summaryOf } = require("./lib/summary-path");

// Two copies of this package in one program share one instance for each thread.
const INSTANCE = Symbol.for("node-oom-heapdump");

function watchHeap(options) {
  const mistakes = [];
  const settings = readSettings(options, (mistake) => mistakes.push(mistake));
  if (!globalThis[INSTANCE]) {
    Object.defineProperty(globalThis, INSTANCE, { value: new OomHeapdump(settings, mistakes), configurable: true });
  }
  return globalThis[INSTANCE];
}

class OomHeapdump extends EventEmitter {
  #watch;
  #onDemand = new OnDemand({
    takeHeapSnapshot: (file) => this.#watch.takeHeapSnapshot(file),
    // Loaded when asked for: Node's modules for processes and sockets are objects that every collection would visit.
    recordCpuProfile: (...profile) => require("./lib/cpu-profile").recordCpuProfile(...profile),
  });

  constructor(settings, mistakes) {
    super();
    mistakes.forEach((mistake) => this.#warn(mistake));
    this.#watch = new HeapWatch(settings, {
      warn: (message) => this.#warn(message),
      tell: (told) => this.#tell(told),
    });
  }

  // What is watched and what has been written; `reason` says what stands in the way of a dump.
  status() {
    return this.#watch.status();
  }

  // Ceases to watch; the next call of the package watches anew.
  stop() {
    this.#watch.stop();
    if (globalThis[INSTANCE] === this) delete globalThis[INSTANCE];
  }

  // Takes a snapshot now and resolves to its path; the program runs on.
  createHeapSnapshot(path) {
    return this.#onDemand.createHeapSnapshot(path);
  }

  // Resolves to the path; rejects for a file that createHeapSnapshot did not make.
  deleteHeapSnapshot(path) {
    return this.#onDemand.heapSnapshots.delete(path);
  }

  // Those that createHeapSnapshot made; what is left of a danger stays.
  deleteAllHeapSnapshots() {
    return this.#onDemand.heapSnapshots.deleteAll();
  }

  // Records for so many milliseconds and resolves to the path of the profile.
  createCpuProfile(path, durationMs) {
    return this.#onDemand.createCpuProfile(path, durationMs);
  }

  deleteCpuProfile(path) {
    return this.#onDemand.cpuProfiles.delete(path);
  }

  deleteAllCpuProfiles() {
    return this.#onDemand.cpuProfiles.deleteAll();
  }

  #tell({ failure, ...dump }) {
    if (failure === undefined) {
      this.emit("dump", { ...dump, pauseMs: dump.pauseMs ?? null, summaryPath: summaryOf(dump.path) });
    } else if (this.listenerCount("error") > 0) {
      this.emit("error", new Error(failure)); // Without a listener this would throw.
    }
  }

  // Listeners are told a moment later: the first warnings come before anybody can listen.
  #warn(message) {
    process.emitWarning(message, "OomHeapdumpWarning");
    process.nextTick(() => this.emit("warning", message));
  }
}

module.exports = watchHeap;
