"use strict";

// The watch of this thread's heap: arms the addon, says what stands in the way of a dump, and passes on what becomes of dumps.

const { accessSync, constants } = require("node:fs");
const {
  totalmem,
  constants: { signals },
} = require("node:os");
const { dirname, resolve } = require("node:path");
const { debuglog } = require("node:util");
const { threadId, isMainThread, resourceLimits } = require("node:worker_threads");
const { inspectorUrl, mayBeInspected } = require("./inspector-url");
const { loadNative } = require("./native");
const { runProbe } = require("./probe");

// NODE_DEBUG=oom-heapdump
const debug = debuglog("oom-heapdump");

// The native method is put to the test when the program has been running for a while: short programs are never bothered.
const SELF_TEST_AFTER_MS = 3000;

class HeapWatch {
  #settings;
  #warn;
  #tell;
  #native = null;
  #obstacle = null;
  #selfTest = null;

  // `warn` takes sentences; `tell` takes what becomes of each dump (src/addon/told.rs).
  constructor(settings, { warn, tell }) {
    this.#settings = settings;
    this.#warn = warn;
    this.#tell = (told) => {
      debug("thread %d is told %j", threadId, told);
      tell(told);
    };
    let unwatched = [];
    try {
      unwatched = this.#arm();
      this.#obstacle = this.#findObstacle();
    } catch (error) {
      this.#native = null;
      this.#obstacle = error.message;
    }
    const notNative = this.#native?.watchStatus().distrust;
    if (this.#obstacle) {
      const reasons = [notNative, this.#obstacle].filter(Boolean).join("; and ");
      warn(`No heap snapshot will be made: ${reasons}`);
    } else if (notNative) {
      warn(`Heap snapshots are made over the inspector: ${notNative}`);
    }
    unwatched.forEach(warn);
    if (debug.enabled) debug("thread %d is watched with %j: %j", threadId, settings, this.status());
    if (this.status().method === "native") {
      this.#selfTest = setTimeout(() => this.#testNativeMethod(), SELF_TEST_AFTER_MS).unref();
    }
  }

  // What is watched and what has been written; `reason` says what stands in the way of a dump.
  status() {
    if (this.#native) this.#obstacle = this.#findObstacle();
    const seen = this.#native?.watchStatus();
    return {
      armed: this.#obstacle === null,
      method: seen?.method ?? null,
      reason: this.#obstacle ?? seen.failure ?? null,
      threshold: this.#settings.threshold,
      limitBytes: seen?.limitBytes ?? null,
      usedBytes: seen?.usedBytes ?? null,
      dumps: seen?.dumps ?? [],
    };
  }

  // Takes a snapshot now and resolves to its path.
  async takeHeapSnapshot(file) {
    if (!this.#native) throw new Error(`No heap snapshot can be made: ${this.#obstacle}`);
    debug("thread %d asks for a snapshot", threadId);
    this.#noteInspector();
    return this.#native.createHeapSnapshot(file);
  }

  stop() {
    clearTimeout(this.#selfTest);
    for (const event of SIGNAL_EVENTS) process.off(event, this.#chainSignal);
    this.#native?.stop();
    this.#native = null;
    this.#obstacle = "the watch was stopped";
    debug("thread %d is watched no more", threadId);
  }

  async #testNativeMethod() {
    const failure = await this.#native.selfTest();
    debug("the self-test of the native method %s", failure ?? "passed");
    if (failure) this.#warn(`The inspector is used for heap snapshots from now on: ${failure}`);
  }

  #arm() {
    const { addon, helper } = loadNative();
    const options = {
      threshold: this.#settings.threshold || undefined,
      file: this.#settings.file,
      fileOptions: { ...this.#settings.files, program: mainScript() },
      port: this.#settings.port,
      thread: threadId,
      method: this.#settings.method,
      helper,
      execArgv: process.execArgv,
      probe: runProbe(addon),
      nodeOptions: process.env.NODE_OPTIONS ?? "",
      nodeVersion: process.versions.node,
      v8Version: process.versions.v8,
      workerYoungGenerationMb: resourceLimits.maxYoungGenerationSizeMb,
      memory: memoryForV8(),
      timeout: this.#settings.timeout,
      maxDumps: this.#settings.maxDumps,
      cooldown: this.#settings.cooldown,
      heapdumpOnOom: this.#settings.heapdumpOnOOM,
      ...(isMainThread && this.#forWholeProcess()),
    };
    const unwatched = addon.arm(options, (told) => this.#tell(told));
    this.#native = addon;
    if (isMainThread && this.#settings.signal) this.#keepSignal();
    return unwatched;
  }

  // What one thread watches for all. In a worker these options do nothing.
  #forWholeProcess() {
    const { rssPercent, rssBytes, signal } = this.#settings;
    return { rssPercent, rssBytes, signal };
  }

  // Node replaces the handler of a signal when a program begins or ceases to listen to it.
  #keepSignal() {
    for (const event of SIGNAL_EVENTS) process.on(event, this.#chainSignal);
  }

  #chainSignal = (name) => {
    if (signals[name] === this.#settings.signal) this.#native.chainSignal(signals[name]);
  };

  // What stands in the way of a dump as things are now; it may be gone when memory runs out.
  #findObstacle() {
    return this.#findInspector() ?? this.#findFolder();
  }

  #findFolder() {
    const folder = dirname(resolve(this.#settings.file));
    try {
      accessSync(`${folder}/.`, constants.W_OK); // The dot refuses what is no folder.
      return null;
    } catch (error) {
      if (error.code === "ERR_ACCESS_DENIED") return null; // Node's permissions bind this process, not the helper.
      return `the folder ${folder} cannot be written to (${error.code}); create it, or give \`name\` in another one`;
    }
  }

  // Only the main thread can ask for the inspector's address; a worker uses what the main thread told the addon.
  #noteInspector() {
    const isOfUse = this.#native.watchStatus().method !== "native" || mayBeInspected();
    if (isMainThread && isOfUse) this.#native.setInspectorUrl(inspectorUrl());
  }

  #findInspector() {
    this.#noteInspector();
    const { method, inspectorUrl: url } = this.#native.watchStatus();
    if (method === "native" || url) return null;
    const otherwise = `it will be looked for at 127.0.0.1:${this.#settings.port} when memory runs out`;
    return isMainThread
      ? `the inspector of this process is not active; start Node with --inspect, or ${otherwise}`
      : `the address of the inspector is not known in this worker; load the module in the main thread too, or ${otherwise}`;
  }
}

const SIGNAL_EVENTS = ["newListener", "removeListener"];

// Node sizes V8's heap by the machine's memory, or by the control group's where that is less.
function memoryForV8() {
  return Math.min(totalmem(), process.constrainedMemory?.() || Infinity);
}

// By this the dumps of one program are known, whatever their names are.
function mainScript() {
  return process.argv[1] ?? process.cwd();
}

module.exports = { HeapWatch };
