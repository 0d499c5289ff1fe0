"use strict";

// Who is compared: every way to a heap snapshot of a Node process that has no memory left, each as its documentation tells
// to use it. Knows nothing of heaps and tables.
//
// since    the first Node major that has it
// needs    the npm package, installed by the bench
// flags    what Node must be started with
// atDeath  makes the dump by itself when memory runs out; the others are asked, by a timer of the application
// arm      run in the application: begins to watch, and returns what takes a snapshot on request, or nothing

const { spawn } = require("node:child_process");
const { join } = require("node:path");

const inspected = ({ port }) => [`--inspect=${port}`];

const contenders = {
  nothing: {
    title: "no dump at all",
    isControl: true,
    atDeath: true,
    arm() {},
  },

  native: {
    title: "this package, native",
    isOurs: true,
    atDeath: true,
    arm: () => armOurs({ method: "native" }),
  },

  inspector: {
    title: "this package, inspector",
    isOurs: true,
    atDeath: true,
    flags: inspected,
    arm: ({ port }) => armOurs({ method: "inspector", port }),
  },

  "near-heap-limit": {
    title: "`--heapsnapshot-near-heap-limit=1`",
    atDeath: true,
    flags: () => ["--heapsnapshot-near-heap-limit=1"],
    arm() {},
  },

  "on-oom": {
    title: "`--heap-snapshot-on-oom`",
    since: 22,
    atDeath: true,
    flags: () => ["--heap-snapshot-on-oom"],
    arm() {},
  },

  "3.8-hook": {
    title: "node-oom-heapdump 3.8, OOM hook",
    needs: "node-oom-heapdump",
    atDeath: true,
    flags: inspected,
    arm: ({ installed, port }) => void require(installed)({ path: join(process.cwd(), "leak"), port }),
  },

  "3.8-worker": {
    title: "node-oom-heapdump 3.8, inspector worker",
    needs: "node-oom-heapdump",
    flags: inspected,
    arm({ installed, port }) {
      const instance = require(installed)({ heapdumpOnOOM: false, port });
      return (file) => instance.createHeapSnapshot(file);
    },
  },

  "chrome-remote-interface": {
    title: "chrome-remote-interface 0.34",
    needs: "chrome-remote-interface",
    flags: inspected,
    arm:
      ({ installed, port }) =>
      (file) =>
        endOf(spawn(process.execPath, [join(__dirname, "remote-interface.js"), installed, port, file])),
  },

  writeHeapSnapshot: {
    title: "`v8.writeHeapSnapshot()`",
    arm: () => (file) => require("node:v8").writeHeapSnapshot(file),
  },

  heapdump: {
    title: "heapdump 0.3.15",
    needs: "heapdump",
    arm:
      ({ installed }) =>
      (file) =>
        new Promise((resolve, reject) =>
          require(installed).writeSnapshot(file, (error) => (error ? reject(error) : resolve())),
        ),
  },
};

function armOurs(options) {
  const instance = require("../..")({ name: "leak", ...options });
  return (file) => instance.createHeapSnapshot(file);
}

function endOf(child) {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`the worker ended with ${code}`))));
  });
}

/** The names of those that make a snapshot, ours first. */
const dumpers = Object.keys(contenders).filter((name) => !contenders[name].isControl);

module.exports = { contenders, dumpers };
