"use strict";

// The usual course of a try: a dump at the threshold of an application that lives on, and every other time one at its death.
const { Subject } = require("./subject");

const isAtDeath = (trial) => trial.number % 2 === 1;

/**
 * `settings` are those of `Subject.start`, for a trial. `prepare` is called with the process id of the application before
 * the dump, and the application gets the `commands` during it.
 */
const dumpUnder = (settings, { prepare, commands = ["work"] } = {}) =>
  async function run(trial) {
    const { options, ...rest } = (await settings?.(trial)) ?? {};
    const when = { threshold: isAtDeath(trial) ? false : 1 };
    const subject = await Subject.start(trial, { options: { ...when, ...options }, ...rest });
    // Once, so that the thread pool is there: Node aborts where it cannot have it.
    await subject.ask("work");
    prepare?.(subject.id);
    await subject.ask("collect");
    for (const command of commands) await subject.ask(command);
    if (!isAtDeath(trial)) await subject.isDumped();
    subject.tell(isAtDeath(trial) ? "die" : "exit");
    await subject.ends();
    return subject;
  };

module.exports = { dumpUnder, isAtDeath };
