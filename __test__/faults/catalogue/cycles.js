"use strict";

// The watch begins and ends again and again, in workers one after the other, and leaves nothing behind.
const { Subject } = require("../subject");

const CYCLES = { short: 100, long: 1000 };

module.exports = [
  {
    name: "the watch begins and ends in 1000 workers (short form: 100), one after the other",
    tries: { short: 1, long: 5 },
    hasNoDump: true,
    async run(trial) {
      const subject = await Subject.start(trial, { options: { threshold: 90 } });
      await subject.ask(`cycles ${CYCLES[trial.form]}`, 600_000);
      subject.tell("exit");
      await subject.ends();
      return subject;
    },
  },
];
