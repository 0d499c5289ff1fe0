"use strict";

// `npm run soak -- [--minutes 60] [--only 24] [--write]`: an HTTP service under load that is dumped at its threshold each minute, for an
// hour, and what it takes before, during and after. The figures of an hour are written to proof/SOAK.md, all that was seen in
// any run to .cache/soak.json. `--write` only tells once more what was seen last.

const { fork } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const path = require("node:path");
const { parseArgs } = require("node:util");
const { cache, majors, node } = require("../__test__/support/node-versions");
const { run, temporaryDirectory } = require("../__test__/support/program");
const { Observation } = require("../__test__/soak/observation");
const { page } = require("../__test__/soak/page");
const { faultsIn } = require("../__test__/soak/verdict");
const { loadNative } = require("../lib/native");
const { count } = require("./proof-record");

const FOLDER = path.join(__dirname, "..", "__test__", "soak");
const results = path.join(__dirname, "..", "proof", "SOAK.md");
const record = path.join(cache, "soak.json");

const MINUTE = 60_000;

/** In minutes. */
const HOUR = 60;

const HEAP_MEGABYTES = 128;

/** V8 marks without end where less than a semi-space is left of the old generation, and Node 24 takes 64 MB. */
const SEMI_SPACE_MEGABYTES = 8;

const REQUESTS_A_SECOND = 500;
const KEEP = 3;

/** How full the heap is at the end of a wave: below the threshold, or above it. */
const THRESHOLD = 60;
const QUIET = 0.54;
const DUMPED = 0.66;

/** A second dump of the same wave would come earlier. */
const COOLDOWN = 40_000;

/** Under this name latencies of requests are recorded that were due while a dump was made. */
const DUMPING = "dumping";

/** By so much the median of resident memory after the hour may be above the median before it. */
const RSS_ALLOWED = 0.1;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The service under its load, its dumps, and what of it was observed under which name. */
class Soak {
  constructor(major) {
    this.directory = temporaryDirectory();
    this.asked = [];
    this.dumps = [];
    this.checks = [];
    this.failures = [];
    this.names = [];
    this.observations = {};
    const options = {
      name: path.join(this.directory, "soak"),
      threshold: THRESHOLD,
      maxDumps: 1000,
      cooldown: COOLDOWN,
      keep: KEEP,
    };
    this.service = fork(path.join(FOLDER, "service.js"), [JSON.stringify(options)], {
      execPath: node(major).path,
      execArgv: [
        "--expose-gc",
        `--max-old-space-size=${HEAP_MEGABYTES}`,
        `--max-semi-space-size=${SEMI_SPACE_MEGABYTES}`,
      ],
      silent: true,
    });
    this.service.stderr.setEncoding("utf8").on("data", (text) => this.#hear(text));
    this.service.on("message", ({ dump, failure }) => {
      if (dump) this.checks.push(this.#check(dump));
      if (failure) this.failures.push(failure);
    });
  }

  async begin() {
    const [{ port, bytesOfPage }] = await once(this.service, "message");
    this.bytesOfPage = bytesOfPage;
    this.load = fork(path.join(FOLDER, "load.js"), [port, REQUESTS_A_SECOND].map(String));
    const endOf = async (child, name) => {
      const [code, signal] = await once(child, "exit");
      throw new Error(`${name} ended with ${signal ?? code}`);
    };
    this.end = Promise.race([endOf(this.service, "the service"), endOf(this.load, "the load")]);
    this.end.catch(() => {}); // Whoever waits for a wave hears of it.
  }

  /** Lets the pages fill the heap to this share, once a minute. */
  async waves(minutes, share) {
    for (let wave = 0; wave < minutes; wave++) {
      this.service.send({ share });
      await Promise.race([pause(MINUTE), this.end]);
    }
  }

  /** Observes the service under a name while `work` is done. */
  async observe(name, work) {
    const observation = new Observation(this.service.pid);
    this.#record([...this.names, name]);
    await work();
    this.#record(this.names.filter((other) => other !== name));
    this.observations[name] = observation.end();
  }

  #record(names) {
    this.names = names;
    this.load.send({ record: names });
  }

  #hear(text) {
    process.stderr.write(text);
    for (const _ of text.matchAll(/: taking a heap snapshot/g)) this.asked.push(Date.now());
  }

  /** Reads a dump before `keep` removes it, and without hurry: this is no part of what is measured. */
  async #check(dump) {
    const to = Date.now();
    const from = to - dump.durationMs;
    this.load.send({ window: { from, to, name: DUMPING } });
    const { code, stderr } = await run("nice", ["-n", "19", loadNative().helper, "check", dump.path]);
    if (code !== 0) this.failures.push(`${dump.path} is not complete: ${stderr}`);
    this.dumps.push({ ...dump, began: from, isComplete: code === 0 });
  }

  /** Everything that was seen: `{ stretches, dumping, dumps, files, failures }`. */
  async findings() {
    await Promise.all(this.checks);
    this.load.send({ tell: true });
    const [latencies] = await once(this.load, "message");
    const stretches = Object.entries(this.observations).map(([name, observation]) => {
      const includes = (moment) => moment >= observation.began && moment < observation.ended;
      const asked = this.asked.filter(includes);
      const dumps = this.dumps.filter(({ began }) => includes(began));
      return [name, { name, observation, asked, dumps, ...latencies[name] }];
    });
    const { dumps, failures } = this;
    const files = fs.readdirSync(this.directory).sort();
    return { stretches: Object.fromEntries(stretches), dumping: latencies[DUMPING], dumps, files, failures };
  }

  close() {
    this.service.kill("SIGKILL");
    this.load?.kill("SIGKILL");
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

async function observeSoak(minutes, major) {
  const [around, step] = [Math.ceil(minutes / 12), Math.ceil(minutes / 6)];
  const parts = [];
  const soak = new Soak(major);
  try {
    await soak.begin();
    // V8 keeps the pages of the fullest heap there was, so that the warm-up fills it as the dumped waves will do.
    await soak.waves(1, DUMPED);
    soak.service.send({ share: QUIET, isWatched: true });
    await soak.observe("before", () => soak.waves(around, QUIET));
    await soak.observe("during", async () => {
      for (let done = 0; done < minutes; done += step) {
        const end = Math.min(minutes, done + step);
        parts.push(`${done + 1} to ${end}`);
        await soak.observe(parts.at(-1), () => soak.waves(end - done, DUMPED));
      }
    });
    await soak.observe("after", () => soak.waves(around, QUIET));
    return { ...(await soak.findings()), parts, terms: terms(minutes, major, soak.bytesOfPage) };
  } finally {
    soak.close();
  }
}

/** What the soak went by. */
const terms = (minutes, major, bytesOfPage) => ({
  minutes,
  bytesOfPage,
  version: node(major).version,
  heapMegabytes: HEAP_MEGABYTES,
  semiSpaceMegabytes: SEMI_SPACE_MEGABYTES,
  quiet: QUIET,
  dumped: DUMPED,
  threshold: THRESHOLD,
  keep: KEEP,
  requestsASecond: REQUESTS_A_SECOND,
  rssAllowed: RSS_ALLOWED,
});

function options() {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "60" },
      only: { type: "string", default: "24" },
      write: { type: "boolean", default: false },
    },
  });
  const major = Number(values.only);
  if (!majors.includes(major)) throw new Error(`--only ${values.only}: give one Node version of ${majors.join(", ")}`);
  return { minutes: count(values.minutes, "--minutes"), major, onlyWrites: values.write };
}

async function main() {
  const { minutes, major, onlyWrites } = options();
  if (!onlyWrites) fs.writeFileSync(record, JSON.stringify(await observeSoak(minutes, major)));
  const findings = JSON.parse(fs.readFileSync(record, "utf8"));
  const faults = faultsIn(findings);
  const text = page(findings, faults);
  console.log(text);
  if (findings.terms.minutes >= HOUR) fs.writeFileSync(results, text);
  if (faults.length > 0) process.exitCode = 1;
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
