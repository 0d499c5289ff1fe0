"use strict";

// The application does itself what a dump does too: it ends, starts processes, minds signals and children, in several
// threads.
const { dumpUnder } = require("../course");
const { Subject, compile, pause } = require("../subject");

const addon = (own) => () => ({
  addon: compile("own-handlers.c", "-shared", "-fPIC"),
  environment: { OWN_HANDLERS: own },
});

module.exports = [
  {
    name: "two isolates are dumped at once",
    tries: { short: 2, long: 20 },
    run: dumpUnder(() => ({ options: { threshold: false } }), { commands: ["dumpBoth", "work"] }),
  },
  {
    name: "process.exit at a random moment of a dump",
    tries: { short: 3, long: 20 },
    async run(trial) {
      const subject = await Subject.start(trial);
      await subject.ask("collect");
      if (trial.isWatched) await subject.find(() => subject.helpers().length > 0, 300);
      await pause(Math.random() * 150);
      subject.tell("exit");
      await subject.ends();
      return subject;
    },
  },
  {
    name: "fork and spawn during a dump",
    tries: { short: 2, long: 20 },
    run: dumpUnder(null, { commands: ["spawn", "work"] }),
  },
  {
    name: "the application handles SIGSEGV",
    tries: { short: 2, long: 20 },
    run: dumpUnder(addon("SIGSEGV"), { commands: ["fault", "work", "fault"] }),
  },
  {
    name: "the application handles SIGCHLD",
    tries: { short: 1, long: 20 },
    run: dumpUnder(addon("SIGCHLD"), { commands: ["spawn"] }),
  },
  {
    name: "the application ignores SIGCHLD",
    tries: { short: 1, long: 20 },
    run: dumpUnder(addon("ignored"), { commands: ["work"] }),
  },
  {
    name: "the application waits for any child (waitpid -1) in a thread",
    tries: { short: 2, long: 20 },
    run: dumpUnder(addon("waitpid"), { commands: ["work"] }),
  },
];
