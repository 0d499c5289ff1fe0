"use strict";

// `npm run test:faults -- [--long] [--fault <word of its name>] [--only 18,20]`: everything that can happen to a dump is
// let happen, on real Node, in a short form of some minutes or a long one with up to 20 tries of each fault. What a whole
// long run finds is written to proof/FAULTS.md.
const fs = require("node:fs");
const path = require("node:path");
const { parseArgs } = require("node:util");
const faults = require("../__test__/faults/catalogue");
const { Harm } = require("../__test__/faults/subject");
const { majors, node } = require("../__test__/support/node-versions");
const { buildReader } = require("../__test__/support/snapshot");

const results = path.join(__dirname, "..", "proof", "FAULTS.md");

/** How many tries of different faults run side by side. */
const ABREAST = 2;

const columns = {
  tried: "tried",
  survived: "survived",
  complete: "files complete",
  falselyComplete: "files falsely complete",
  harmed: "applications harmed",
  told: "no file, and told why",
  silent: "no file, and not told",
  parts: "`.part` left and not named",
  untold: "file that its summary does not tell",
};

/** What must never happen. */
const zero = ["falselyComplete", "harmed", "silent", "parts", "untold"];

/** One run of a fault: what is cleaned up after it stands in it. */
class Trial {
  #afterwards = [];

  constructor(details) {
    Object.assign(this, { hasHit: true }, details);
  }

  after(action) {
    this.#afterwards.push(action);
  }

  async run(fault) {
    try {
      const subject = await fault.run(this);
      return { subject, left: await subject.leftovers() };
    } finally {
      for (const action of this.#afterwards.reverse()) await action();
    }
  }
}

/** How an application ends under this fault without the module; it is tried once for each Node version and kind. */
const endings = new Map();
async function endingWithout(fault, details) {
  const key = [fault.name, details.major, details.number % 2].join();
  if (!endings.has(key)) {
    endings.set(
      key,
      new Trial({ ...details, isMute: fault.isMute, isWatched: false })
        .run(fault)
        .then(({ subject }) => describe(subject)),
    );
  }
  return endings.get(key);
}

const describe = ({ ending, stdout }) => `ended with ${ending} after the answers ${JSON.stringify(stdout)}`;

const isExplained = ({ stderr }) => /^node-oom-heapdump: .*(no heap snapshot|cannot|refused)/m.test(stderr);

/** One try of a fault, counted; returns whether the fault has happened at all. */
async function attempt(fault, details, counts) {
  const expected = await endingWithout(fault, details).catch((error) => {
    throw new Error(`without the module, too: ${error.message}`);
  });
  const trial = new Trial({ ...details, isMute: fault.isMute, isWatched: true });
  let run;
  try {
    run = await trial.run(fault);
  } catch (error) {
    if (!(error instanceof Harm)) throw error;
    counts.tried += 1;
    counts.harmed += 1;
    counts.remarks.push(error.message);
    return true;
  }
  const { subject, left } = run;
  if (!trial.hasHit) return false;
  counts.tried += 1;
  const parts = left.parts.filter((name) => !subject.stderr.includes(name));
  for (const kind of ["complete", "falselyComplete", "untold"]) counts[kind] += left[kind].length;
  counts.parts += parts.length;
  const remark = (text) => counts.remarks.push(`${text}; it said ${JSON.stringify(subject.stderr.slice(-1500))}`);
  if (left.falselyComplete.length > 0) remark(`falsely complete: ${left.falselyComplete}`);
  if (left.untold.length > 0) remark(`not told in the summary: ${left.untold}`);
  if (parts.length > 0) remark(`left: ${parts}`);

  const isLeftBehind = left.processes.length > 0;
  if (isLeftBehind) remark(`still there: ${left.processes.map(({ name }) => name)}`);
  const isOther = !fault.isKilled && describe(subject) !== expected;
  if (isOther) remark(`it ${describe(subject)}, and without the module it ${expected}`);
  counts[isLeftBehind || isOther ? "harmed" : "survived"] += 1;

  if (left.complete.length === 0 && !fault.hasNoDump && !fault.isMute && !fault.isKilled) {
    counts[isExplained(subject) ? "told" : "silent"] += 1;
    if (!isExplained(subject)) remark("no file and no word of it");
  }
  for (const note of subject.stderr.match(/^cycles: .*$/gm) ?? []) counts.notes.push(`Node ${details.major}, ${note}`);
  return true;
}

/** All tries of a fault. The versions of Node take turns, and so do the two kinds of a try on each of them. */
async function tryFault(fault, position, { form, only }) {
  const counts = { ...Object.fromEntries(Object.keys(columns).map((name) => [name, 0])), remarks: [], notes: [] };
  const tries = fault.tries[form];
  for (let number = 0; counts.tried < tries && number < 4 * tries; number++) {
    const major = only[(position + number) % only.length];
    const kind = fault.isOnlyLiving ? 0 : number;
    try {
      await attempt(fault, { form, major, number: kind }, counts);
    } catch (error) {
      counts.remarks.push(`on Node ${major} the fault could not be made: ${error.message}`);
      break;
    }
  }
  return counts;
}

const isRight = (counts, tries) => counts.tried >= tries && zero.every((name) => counts[name] === 0);

function table(countsOf) {
  const names = Object.keys(columns);
  const rows = [...countsOf].map(
    ([{ name }, counts]) => `| ${[name, ...names.map((each) => counts[each])].join(" | ")} |`,
  );
  const sums = names.map((name) => [...countsOf.values()].reduce((sum, counts) => sum + counts[name], 0));
  return [
    "# Faults injected into dumps",
    "",
    `\`npm run test:faults -- --long\`, with Node ${majors.map((major) => node(major).version).join(", ")} in turns. An application is harmed when`,
    "it hangs, when it leaves a process behind, or when its end or one of its answers differs from those of the same application",
    "under the same fault without the module. A file is complete when the reader in Rust finds in it every object that the",
    "application's ledger tells of, and falsely complete when it has its final name and that is not so. Of an application that",
    "is killed, to survive means that it leaves nobody behind; nobody can tell then, nor where standard error is broken.",
    "",
    `| fault | ${names.map((name) => columns[name]).join(" | ")} |`,
    `|---|${names.map(() => "---|").join("")}`,
    ...rows,
    `| all | ${sums.join(" | ")} |`,
    "",
    ...[...countsOf.values()].flatMap(({ notes }) => notes.map((note) => `- ${note}`)),
    "",
  ].join("\n");
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      long: { type: "boolean", default: false },
      fault: { type: "string", default: "" },
      only: { type: "string", default: majors.join(",") },
    },
  });
  const only = values.only.split(",").map(Number);
  const unknown = only.find((major) => !majors.includes(major));
  if (unknown !== undefined) throw new Error(`--only ${values.only}: give Node versions of ${majors.join(", ")}`);
  return { form: values.long ? "long" : "short", word: values.fault, only };
}

async function main() {
  if (process.getuid() !== 0) throw new Error("the faults need root: they mount, limit and forbid");
  const { word, ...options } = readOptions();
  buildReader();
  const chosen = faults.filter(({ name }) => name.includes(word));
  const countsOf = new Map(chosen.map((fault) => [fault, null]));
  const waiting = [...chosen.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [position, fault] = next;
      const started = performance.now();
      const counts = await tryFault(fault, position, options);
      countsOf.set(fault, counts);
      const right = isRight(counts, fault.tries[options.form]);
      if (!right) process.exitCode = 1;
      const { remarks, notes, ...numbers } = counts;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${right ? "right" : "WRONG"}: ${fault.name}: ${JSON.stringify(numbers)} in ${seconds} s`);
      for (const remark of remarks) console.log(`  ${remark}`);
    }
  };
  await Promise.all(Array.from({ length: ABREAST }, work));
  if (options.form === "short" || word !== "" || options.only.length < majors.length) return;
  fs.writeFileSync(results, table(countsOf));
  console.log(`The table: ${results}`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
