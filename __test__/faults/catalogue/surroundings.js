"use strict";

// Where the application runs, something is missing, forbidden, or not as usual.
const { constants } = require("node:os");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { copyPackage } = require("../../support/watched");
const { temporaryDirectory } = require("../../support/program");
const { dumpUnder } = require("../course");
const { compile } = require("../subject");

/** A pipe that is full and that nobody reads: a descriptor of it. */
function fullPipe(trial, flags) {
  const file = path.join(temporaryDirectory(trial), "pipe");
  execFileSync("mkfifo", [file]);
  const { O_RDWR, O_NONBLOCK } = fs.constants;
  const filler = fs.openSync(file, O_RDWR | O_NONBLOCK);
  const descriptor = fs.openSync(file, O_RDWR | flags);
  trial.after(() => [filler, descriptor].forEach((each) => fs.closeSync(each)));
  try {
    for (;;) fs.writeSync(filler, Buffer.alloc(4096, "."));
  } catch (error) {
    if (error.code !== "EAGAIN") throw error;
  }
  return descriptor;
}

/** A copy of the package whose helper nobody may run. */
function withoutRunnableHelper(trial) {
  const root = copyPackage(path.join(temporaryDirectory(trial), "node-oom-heapdump"));
  fs.chmodSync(path.join(root, "native", "node-oom-heapdump"), 0o600);
  return root;
}

const shell = (script) => ["sh", "-c", `${script}exec "$0" "$@"`];

module.exports = [
  {
    name: "/proc is not mounted",
    tries: { short: 2, long: 10 },
    run: dumpUnder(() => ({ through: ["unshare", "--mount", ...shell("mount -t tmpfs none /proc && ")] })),
  },
  {
    name: "the application is pid 1 of a namespace",
    tries: { short: 2, long: 10 },
    run: dumpUnder(() => ({ through: ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"] })),
  },
  ...["ENOSYS", "EPERM"].map((error) => ({
    name: `seccomp forbids clone3, close_range and pidfd_open (${error})`,
    tries: { short: 1, long: 10 },
    run: dumpUnder(() => ({ through: [compile("forbid.c"), String(constants.errno[error])] })),
  })),
  {
    name: "the helper is not executable",
    tries: { short: 1, long: 10 },
    run: dumpUnder((trial) => ({ root: withoutRunnableHelper(trial) })),
  },
  {
    name: "standard error is closed",
    tries: { short: 1, long: 10 },
    isMute: true,
    run: dumpUnder(() => ({ through: ["sh", "-c", 'exec "$0" "$@" 2>&-'] })),
  },
  {
    name: "standard error is on a full disk",
    tries: { short: 1, long: 10 },
    isMute: true,
    run: dumpUnder(() => ({ through: ["sh", "-c", 'exec "$0" "$@" 2>/dev/full'] })),
  },
  // At a death Node itself waits for ever for somebody to read its message; Node 24 even where the pipe is non-blocking.
  {
    name: "standard error is a full pipe, non-blocking",
    tries: { short: 1, long: 10 },
    isMute: true,
    isOnlyLiving: true,
    run: dumpUnder((trial) => ({ stdio: ["pipe", "pipe", fullPipe(trial, fs.constants.O_NONBLOCK)] })),
  },
  {
    name: "standard error is a full pipe, blocking",
    tries: { short: 1, long: 10 },
    isMute: true,
    isOnlyLiving: true,
    run: dumpUnder((trial) => ({ stdio: ["pipe", "pipe", fullPipe(trial, 0)] })),
  },
];
