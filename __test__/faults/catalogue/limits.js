"use strict";

// The system has no more of something when the dump needs it.
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const { smallDisk } = require("../../support/disks");
const { Subject } = require("../subject");

/** A dump at the threshold and then the application's death, with what `prepare` does to the running application. */
const dumpAndDie = (settings, prepare) => async (trial) => {
  const subject = await Subject.start(trial, settings?.(trial));
  if (prepare) prepare(subject.id);
  await subject.ask("collect");
  await subject.ask("work");
  await subject.isDumped();
  subject.tell(trial.number % 2 === 0 ? "exit" : "die");
  await subject.ends();
  return subject;
};

const limit = (id, resource, amount) => execFileSync("prlimit", [`--pid=${id}`, `--${resource}=${amount}`]);

/** Only a user without privileges has a limit of processes. It keeps root's right to read the files of this test. */
const UNPRIVILEGED = ["setpriv", "--ruid=54321", "--bounding-set=-sys_resource,-sys_admin"];

module.exports = [
  {
    name: "the disk is full",
    tries: { short: 2, long: 10 },
    run: dumpAndDie((trial) => ({ within: smallDisk(trial, 1 << 20) })),
  },
  {
    name: "RLIMIT_FSIZE is reached",
    tries: { short: 2, long: 10 },
    run: dumpAndDie(() => ({ through: ["prlimit", "--fsize=200000"] })),
  },
  {
    name: "RLIMIT_NOFILE is reached",
    tries: { short: 2, long: 10 },
    run: dumpAndDie(null, (id) => {
      const descriptors = fs.readdirSync(`/proc/${id}/fd`).map(Number);
      limit(id, "nofile", Math.max(...descriptors) + 1);
    }),
  },
  {
    name: "RLIMIT_NPROC is reached",
    tries: { short: 2, long: 10 },
    run: dumpAndDie(
      () => ({ through: UNPRIVILEGED }),
      (id) => limit(id, "nproc", 1),
    ),
  },
];
