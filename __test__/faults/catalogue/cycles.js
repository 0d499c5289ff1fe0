"use strict";

// The watch begins and ends again and again, and leaves nothing behind.
const { Subject } = require("../subject");

const CYCLES = { short: 100, long: 1000 };

const lives = {
  "in 1000 workers (short form: 100), one after the other": "workers",
  "1000 times (short form: 100) by stop() in one thread": "restarts",
};

module.exports = Object.entries(lives).map(([where, command]) => ({
  name: `the watch begins and ends ${where}`,
  tries: { short: 1, long: 5 },
  hasNoDump: true,
  async run(trial) {
    const subject = await Subject.start(trial, { options: { threshold: 90 } });
    await subject.ask(`${command} ${CYCLES[trial.form]}`, 600_000);
    subject.tell("exit");
    await subject.ends();
    return subject;
  },
}));
