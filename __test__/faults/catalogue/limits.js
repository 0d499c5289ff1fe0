"use strict";

// The system has no more of something when the dump needs it.
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const { smallDisk } = require("../../support/disks");
const { dumpUnder } = require("../course");

const limit = (id, resource, amount, through = []) => {
  const [program, ...args] = [...through, "prlimit", `--pid=${id}`, `--${resource}=${amount}`];
  execFileSync(program, args);
};

/** Root has no limit of processes. */
const SOMEBODY = ["setpriv", "--reuid=54321"];

/** Somebody who may read and write the files of this test all the same, wherever it lies. */
const SOMEBODY_WITH_FILES = [
  ...SOMEBODY,
  "--inh-caps=+dac_override",
  "--ambient-caps=+dac_override",
  "--bounding-set=-sys_resource,-sys_admin",
];

/** The number that the next descriptor of a process would have. */
function nextDescriptor(id) {
  const descriptors = fs.readdirSync(`/proc/${id}/fd`).map(Number);
  let next = 0;
  while (descriptors.includes(next)) next += 1;
  return next;
}

module.exports = [
  {
    name: "the disk is full",
    tries: { short: 2, long: 10 },
    run: dumpUnder((trial) => ({ within: smallDisk(trial, 1 << 20) })),
  },
  {
    name: "RLIMIT_FSIZE is reached",
    tries: { short: 2, long: 10 },
    run: dumpUnder(() => ({ through: ["prlimit", "--fsize=200000"] })),
  },
  {
    name: "RLIMIT_NOFILE is reached",
    tries: { short: 2, long: 10 },
    run: dumpUnder(null, { prepare: (id) => limit(id, "nofile", nextDescriptor(id)) }),
  },
  {
    name: "RLIMIT_NPROC is reached",
    tries: { short: 2, long: 10 },
    run: dumpUnder(() => ({ through: SOMEBODY_WITH_FILES }), { prepare: (id) => limit(id, "nproc", 1, SOMEBODY) }),
  },
];
