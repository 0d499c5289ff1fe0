"use strict";

// The application to which the faults happen. It does what it is told, a line of standard input at a time, and answers
// each with a line. The same program runs without the module, to tell what a fault does to it anyway.
const { spawn, fork } = require("node:child_process");
const crypto = require("node:crypto");
const path = require("node:path");
const readline = require("node:readline");
const { promisify } = require("node:util");
const { Worker, isMainThread, parentPort, workerData } = require("node:worker_threads");
const zlib = require("node:zlib");
const { Ledger } = require("../support/leaking-class");
const { leakedBy, liveInWorker, liveUntilStopped } = require("./leaks");

const {
  options,
  addon,
  root = path.join(__dirname, "..", ".."),
} = isMainThread ? JSON.parse(process.argv[2]) : workerData;
const own = addon && require(addon);

globalThis.ledger = new Ledger();
for (let made = 0; made < 10_000; made++) globalThis.ledger.leak({ made });

const name = isMainThread ? options?.name : `${options?.name}-worker`;
const instance = options && require(root)({ ...options, name });
const ask = () => void instance?.createHeapSnapshot(name).catch(() => {});

const ended = (child) => new Promise((resolve) => child.on("exit", resolve).on("error", resolve));

const commands = {
  /** With a threshold of 1 % this begins a dump. */
  collect: () => globalThis.gc(),
  async work() {
    const key = await promisify(crypto.pbkdf2)("password", "salt", 3000, 32, "sha256");
    const packed = await promisify(zlib.gzip)(key);
    return (await promisify(zlib.gunzip)(packed)).toString("hex");
  },
  async spawn() {
    const codes = [];
    for (let number = 0; number < 5; number++) {
      codes.push(await ended(spawn("sh", ["-c", `exit ${number}`])));
      codes.push(await ended(fork(path.join(__dirname, "empty.js"), { execArgv: [] })));
    }
    return codes.join();
  },
  fault: () => own.fault(),
  /** Two isolates ask for a dump at once. */
  async dumpBoth() {
    const worker = new Worker(__filename, { workerData: { options, root } });
    await new Promise((resolve) => worker.once("message", resolve));
    worker.postMessage("ask");
    ask();
  },
  die() {
    for (;;) globalThis.ledger.leak(new Array(64).fill(globalThis.ledger.count));
  },
  workers: (count) => leakedBy(Number(count), () => liveInWorker(options && root, options)),
  restarts: (count) => leakedBy(Number(count), () => liveUntilStopped(options && root, options)),
  exit: () => process.exit(7),
};

if (!isMainThread) {
  parentPort.once("message", ask);
  parentPort.postMessage("ready");
} else {
  readline.createInterface({ input: process.stdin }).on("line", async (line) => {
    const [command, argument] = line.split(" ");
    console.log(`${line}: ${(await commands[command](argument)) ?? "done"}`);
  });
  console.log("ready");
}
