"use strict";

// A program that is busy in every way that could get in the way of a dump: workers, timers, zlib and crypto in the thread
// pool, and processes that come and go. Its parent tells it over IPC what to do, one command at a time.
const { execFile } = require("node:child_process");
const crypto = require("node:crypto");
const { once } = require("node:events");
const { Worker, isMainThread, parentPort } = require("node:worker_threads");
const zlib = require("node:zlib");
const { Ledger } = require("../support/leaking-class");
const { childrenOf, descriptorsOf } = require("../support/processes");
const instance = require("../..")({ method: "native", threshold: false });

const WORKERS = 3;

/** How many objects each thread leaks, so that its snapshot can be told from another thread's. */
const leaked = isMainThread ? 2000 : 500;

globalThis.ledger = new Ledger();
for (let made = 0; made < leaked; made++) globalThis.ledger.leak({ made });

let isBusy = false;
let underWay = 0;
let spawned = 0;
let failed = 0;

/** Does `work`, which calls its argument when it is done, again and again until the thread shall rest. */
function repeat(work) {
  if (!isBusy) return;
  underWay += 1;
  work(() => {
    underWay -= 1;
    setImmediate(repeat, work);
  });
}

const input = crypto.randomBytes(64 * 1024);
const works = [
  (done) => zlib.gzip(input, done),
  (done) => crypto.pbkdf2("password", "salt", 2000, 32, "sha256", done),
  (done) => {
    const garbage = Array.from({ length: 5000 }, (_, number) => ({ number, text: `number ${number}` }));
    setTimeout(done, garbage.length / 1000);
  },
  (done) => {
    spawned += 1;
    execFile("true", (error) => {
      if (error !== null) failed += 1;
      setTimeout(done, 50);
    });
  },
];

/** What a thread does on its own. */
const ownCommands = {
  dump: ({ file }) =>
    instance.createHeapSnapshot(file).then(
      (file) => ({ file }),
      (error) => ({ failure: error.message }),
    ),
  begin() {
    isBusy = true;
    works.forEach(repeat);
    return {};
  },
  async rest() {
    isBusy = false;
    while (underWay > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    return { spawned, failed };
  },
};

if (!isMainThread) {
  parentPort.on("message", async ({ command, ...rest }) => parentPort.postMessage(await ownCommands[command](rest)));
} else {
  const workers = Array.from({ length: WORKERS }, () => new Worker(__filename));
  const ask = async (worker, message) => {
    worker.postMessage(message);
    return (await once(worker, "message"))[0];
  };
  const everywhere = (command) =>
    Promise.all([ownCommands[command](), ...workers.map((worker) => ask(worker, { command }))]);
  let descriptors;
  let signals = 0;
  process.on("SIGCHLD", () => {
    signals += 1;
  });

  const commands = {
    async begin() {
      // After a first round of work each thread has the descriptors that it keeps.
      await everywhere("begin");
      await new Promise((resolve) => setTimeout(resolve, 500));
      await everywhere("rest");
      descriptors = descriptorsOf(process.pid);
      await everywhere("begin");
      return {};
    },
    dump: ({ file, inWorker }) => (inWorker ? ask(workers[0], { command: "dump", file }) : ownCommands.dump({ file })),
    async end() {
      const counts = await everywhere("rest");
      await new Promise((resolve) => setTimeout(resolve, 100));
      const sum = (name) => counts.reduce((total, thread) => total + thread[name], 0);
      return {
        signals,
        spawned: sum("spawned"),
        failed: sum("failed"),
        children: childrenOf(process.pid),
        descriptors: descriptorsOf(process.pid) - descriptors,
      };
    },
  };
  // Not process.exit: on Node 26 it joins V8's compiler threads, one of which may wait for a collection of the very thread that
  // joins it.
  const leave = async () => {
    await Promise.all(workers.map((worker) => worker.terminate()));
    process.disconnect();
  };
  process.on("message", async ({ command, ...rest }) => {
    process.send(await commands[command](rest), () => command === "end" && leave());
  });
}
