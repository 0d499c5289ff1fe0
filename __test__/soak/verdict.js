"use strict";

// What must not be in the findings of a soak.

const { median } = require("../../bench/compare/statistics");
const { atRest, zombiesIn } = require("./observation");

const MINUTE = 60_000;

/** The end of a minute, when the heap is full. */
const FULL = 20_000;

const greatest = (samples, name) => Math.max(...samples.map((sample) => sample[name]));
const medianOf = ({ samples }, name) => median(samples.map((sample) => sample[name]));

/**
 * The minutes in which no dump was asked for, from 1: those at whose end the dump before was still being made, beside which there
 * is no other, and those in which one is missing.
 */
function minutesWithoutDump({ stretches: { during }, dumps, terms: { minutes } }) {
  const stillMade = [];
  const missing = [];
  for (let minute = 1; minute <= minutes; minute++) {
    const end = during.observation.began + minute * MINUTE;
    if (during.asked.some((moment) => moment >= end - MINUTE && moment < end)) continue;
    const isMade = dumps.some(({ began, durationMs }) => began < end - FULL && began + durationMs > end - FULL);
    (isMade ? stillMade : missing).push(minute);
  }
  return { stillMade, missing };
}

/** The faults in sentences. */
function faultsIn(findings) {
  const { stretches, dumps, files, failures, terms } = findings;
  const { before, during, after } = stretches;
  const faults = [...failures];
  const expect = (holds, fault) => holds || faults.push(fault);
  const { missing } = minutesWithoutDump(findings);
  expect(missing.length === 0, `no dump was asked for in the minutes ${missing.join(", ")}`);
  const complete = dumps.filter(({ isComplete }) => isComplete).length;
  expect(complete === during.asked.length, `of ${during.asked.length} dumps ${complete} were complete`);
  for (const [name, { asked }] of Object.entries({ before, after }))
    expect(asked.length === 0, `${asked.length} dumps were asked for ${name} the soak`);
  for (const name of ["descriptors", "threads"]) {
    const [one, other] = [before, after].map(({ observation }) => greatest(atRest(observation), name));
    expect(other <= one, `${other} ${name} at rest after the soak, ${one} before it`);
  }
  for (const [name, { observation, failed }] of Object.entries({ before, during, after })) {
    const zombies = zombiesIn(observation);
    expect(zombies.length === 0, `zombies stayed ${name} the soak: ${zombies.join(", ")}`);
    expect(failed === 0, `${failed} requests failed ${name} the soak`);
  }
  expect(after.observation.samples.at(-1).isAtRest, "a child of the service is left");
  const growth = medianOf(after.observation, "rss") / medianOf(before.observation, "rss") - 1;
  expect(
    growth <= terms.rssAllowed,
    `the median RSS after the soak is ${(100 * growth).toFixed(1)} % above that before it`,
  );
  const snapshots = files.filter((name) => name.endsWith(".heapsnapshot"));
  expect(snapshots.length <= terms.keep, `${snapshots.length} snapshots are left, and \`keep\` is ${terms.keep}`);
  const temporary = files.filter((name) => name.includes(".part"));
  expect(temporary.length === 0, `temporary files are left: ${temporary.join(", ")}`);
  return faults;
}

module.exports = { faultsIn, minutesWithoutDump };
