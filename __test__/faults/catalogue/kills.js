"use strict";

// Those who take part in a dump are killed or stopped at a random moment of it.
const { isAtDeath } = require("../course");
const { Subject, pause, tryKill } = require("../subject");

/** How long a dump took that was not cut short, in milliseconds: the moments of a kill lie within it. */
const durations = { threshold: 150, death: 300 };

const onlyAtDeath = { threshold: false, timeout: 20_000 };

/** Begins a dump: at the threshold, and every other time at the application's death. */
async function begin(trial) {
  const kind = isAtDeath(trial) ? "death" : "threshold";
  const subject = await Subject.start(trial, { options: kind === "death" ? onlyAtDeath : {} });
  subject.tell(kind === "death" ? "die" : "collect");
  return { subject, kind };
}

async function finish(subject, kind) {
  if (kind === "threshold") {
    await subject.ask("work");
    await subject.isDumped();
    subject.tell("exit");
  }
  await subject.ends();
  return subject;
}

const killed = (victims) => async (trial) => {
  const { subject, kind } = await begin(trial);
  if (!trial.isWatched) return finish(subject, kind);
  await subject.find(() => victims(subject).length > 0 || subject.hasEnded, 10_000);
  const started = performance.now();
  await pause(Math.random() * durations[kind]);
  trial.hasHit = victims(subject).filter(({ id }) => tryKill(id, "SIGKILL")).length > 0;
  await finish(subject, kind);
  if (!trial.hasHit) durations[kind] = Math.max(10, (performance.now() - started) / 4);
  return subject;
};

module.exports = [
  {
    name: "the frozen child is killed (threshold and death by turns)",
    tries: { short: 4, long: 20 },
    run: killed((subject) => subject.readers()),
  },
  {
    name: "the helper is killed (threshold and death by turns)",
    tries: { short: 4, long: 20 },
    run: killed((subject) => subject.helpers()),
  },
  {
    name: "the application is killed (threshold and death by turns)",
    tries: { short: 4, long: 20 },
    isKilled: true,
    async run(trial) {
      const { subject, kind } = await begin(trial);
      if (trial.isWatched) await subject.find(() => subject.helpers().length > 0 || subject.hasEnded, 10_000);
      await pause(Math.random() * durations[kind]);
      trial.hasHit = !subject.hasEnded && tryKill(subject.process.pid, "SIGKILL");
      await subject.ends();
      return subject;
    },
  },
  {
    name: "the helper is stopped: the application works on, and ends",
    tries: { short: 2, long: 20 },
    async run(trial) {
      const subject = await Subject.start(trial);
      await subject.ask("collect");
      const [helper] =
        (trial.isWatched && (await subject.find(() => subject.helpers().length > 0 && subject.helpers()))) || [];
      if (helper) trial.hasHit = tryKill(helper.id, "SIGSTOP");
      await subject.ask("work");
      if (trial.number % 2 === 0) {
        if (helper) tryKill(helper.id, "SIGCONT");
        await subject.isDumped();
      }
      subject.tell("exit");
      await subject.ends();
      if (helper) tryKill(helper.id, "SIGCONT");
      return subject;
    },
  },
];
