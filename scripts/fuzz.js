"use strict";

// `npm run fuzz -- [--minutes 10] [--target <word of its name>] [--keep]`: everything that parses is fuzzed, each target of
// fuzz/ for so long, beginning with what is in fuzz/corpus and what earlier runs have left in .cache. With --keep the
// smallest inputs of all these are kept in fuzz/corpus. What the last run of each target came to is kept in proof/record and
// written to proof/FUZZING.md.
const { spawn, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { parseArgs } = require("node:util");
const { commit, replaceFile } = require("./proof-record");

const root = path.join(__dirname, "..");
const crate = path.join(root, "fuzz");
const record = path.join(root, "proof", "record", "fuzzing.json");
const results = path.join(root, "proof", "FUZZING.md");

/** How many targets are fuzzed side by side. */
const ABREAST = 2;

/** What the process that fuzzes may take, and one input, before that counts as a crash. */
const MOST_MEGABYTES = 1024;
const MOST_SECONDS = 10;

/** The inputs of a target that are kept, beside those that were written by hand. */
const MOST_CORPUS_BYTES = 40_000;

/** What is fuzzed, and the longest input in bytes. */
const targets = [
  { name: "snapshot", reads: "a file, plain and gzip, for `check` and salvage", longest: 16384 },
  { name: "analysis", reads: "graphs of any shape, whole and cut off, for `analyze`, `diff`, `show`", longest: 4096 },
  { name: "heap", reads: "V8's heap with wrong words, in every layout", longest: 1024 },
  { name: "frames", reads: "the stream from the frozen child to the helper", longest: 8192 },
  { name: "devtools_messages", reads: "the inspector's messages during a snapshot", longest: 4096 },
  { name: "mappings", reads: "`/proc/self/maps` and `smaps`", longest: 4096 },
  { name: "control_groups", reads: "the files of control groups", longest: 1024 },
];

const isThere = (...command) => spawnSync("cargo", command, { cwd: root, stdio: "ignore" }).status === 0;

function demandTools() {
  if (!isThere("+nightly", "--version"))
    throw new Error("fuzzing needs nightly Rust: rustup toolchain install nightly");
  if (!isThere("+nightly", "fuzz", "--version"))
    throw new Error("cargo-fuzz is missing: cargo install cargo-fuzz --locked");
}

function cargoFuzz(...command) {
  const { status } = spawnSync("cargo", ["+nightly", "fuzz", ...command], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error(`cargo fuzz ${command.join(" ")} failed`);
}

const seedsOf = ({ name }) => path.join(crate, "corpus", name);

/** Where the inputs that a run finds are left. */
function scratchOf({ name }) {
  const folder = path.join(root, ".cache", "fuzz", name);
  fs.mkdirSync(folder, { recursive: true });
  return folder;
}

/** Fuzzes a target for so long, or until it crashes; returns of what commit, and what libFuzzer says at the end. */
async function fuzz(target, minutes) {
  const limits = [`-max_len=${target.longest}`, `-rss_limit_mb=${MOST_MEGABYTES}`, `-timeout=${MOST_SECONDS}`];
  const flags = [`-max_total_time=${Math.round(60 * minutes)}`, "-print_final_stats=1", "-detect_leaks=0", ...limits];
  const command = ["+nightly", "fuzz", "run", target.name, scratchOf(target), seedsOf(target), "--", ...flags];
  const fuzzer = spawn("cargo", command, { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  fuzzer.stderr.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  const status = await new Promise((resolve, reject) => fuzzer.on("error", reject).on("close", resolve));
  const last = (pattern) => Number([...said.matchAll(pattern)].at(-1)?.[1] ?? Number.NaN);
  const executions = last(/^stat::number_of_executed_units:\s*(\d+)/gm);
  if (status !== 0) console.log(said.slice(-8000));
  return {
    commit: commit(),
    minutes,
    executions,
    aSecond: last(/^stat::average_exec_per_sec:\s*(\d+)/gm),
    edges: last(/ cov: (\d+) /g),
    features: last(/ ft: (\d+) /g),
    crashes: status === 0 ? 0 : 1,
    megabytes: last(/^stat::peak_rss_mb:\s*(\d+)/gm),
  };
}

/** Puts the smallest of the inputs that reach every edge of the code beside those that were written by hand. */
function keep(target) {
  const least = `${scratchOf(target)}-least`;
  fs.rmSync(least, { recursive: true, force: true });
  for (const folder of [seedsOf(target), scratchOf(target)]) fs.cpSync(folder, least, { recursive: true });
  cargoFuzz("cmin", target.name, least, "--", "-set_cover_merge=1", "-use_counters=0");
  const isFound = (name) => /^[0-9a-f]{40}$/.test(name);
  for (const name of fs.readdirSync(seedsOf(target)).filter(isFound)) fs.rmSync(path.join(seedsOf(target), name));
  const inputs = fs.readdirSync(least).map((name) => ({ name, bytes: fs.statSync(path.join(least, name)).size }));
  let room = MOST_CORPUS_BYTES;
  for (const { name, bytes } of inputs.sort((one, other) => one.bytes - other.bytes)) {
    room -= bytes;
    if (room < 0) break;
    fs.copyFileSync(path.join(least, name), path.join(seedsOf(target), name));
  }
  fs.rmSync(least, { recursive: true });
}

/** The last run of each target that was ever fuzzed: `{ <target>: <what fuzz() returned> }`. */
const readRecord = () => (fs.existsSync(record) ? JSON.parse(fs.readFileSync(record, "utf8")) : {});

function remember(target, run) {
  replaceFile(record, `${JSON.stringify({ ...readRecord(), [target.name]: run }, null, 1)}\n`);
  replaceFile(results, table(readRecord()));
}

function table(runs) {
  const number = (value) => value.toLocaleString("en-US").replaceAll(",", " ");
  return [
    "# Fuzzing",
    "",
    "`npm run fuzz`: libFuzzer with AddressSanitizer and debug assertions. A crash is a panic, an overflow, a read outside of what",
    `was allocated, more than ${MOST_SECONDS} s or ${MOST_MEGABYTES} MB, or the breach of what the first lines of a target in \`fuzz/targets/\` demand. Edges`,
    "are those of the code that is built into a target, the libraries with it; features tell how often as well. Peak memory is",
    'that of the process, with the sanitizer\'s own. Each row is the last run of its target; "of" is the commit of the sources.',
    "",
    "| target | what is read | of | minutes | executions | a second | edges | features | crashes | peak memory |",
    "|---|---|---|---|---|---|---|---|---|---|",
    ...targets
      .filter(({ name }) => runs[name])
      .map(({ name, reads }) => {
        const { commit, minutes, megabytes, executions, aSecond, edges, features, crashes } = runs[name];
        const counts = [executions, aSecond, edges, features, crashes].map(number);
        const cells = [`[${name}](../fuzz/targets/${name}.rs)`, reads, commit, minutes, ...counts, `${megabytes} MB`];
        return `| ${cells.join(" | ")} |`;
      }),
    "",
  ].join("\n");
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "10" },
      target: { type: "string", default: "" },
      keep: { type: "boolean", default: false },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes}: give a number above 0`);
  const chosen = targets.filter(({ name }) => name.includes(values.target));
  if (chosen.length === 0) throw new Error(`--target ${values.target}: there is none in fuzz/targets`);
  return { ...values, minutes, chosen };
}

async function main() {
  const options = readOptions();
  demandTools();
  cargoFuzz("build");
  const waiting = [...options.chosen];
  const work = async () => {
    for (let target = waiting.shift(); target; target = waiting.shift()) {
      const run = await fuzz(target, options.minutes);
      console.log(`${run.crashes === 0 ? "right" : "CRASHED"}: ${target.name}: ${JSON.stringify(run)}`);
      if (run.crashes > 0) process.exitCode = 1;
      remember(target, run);
    }
  };
  await Promise.all(Array.from({ length: ABREAST }, work));
  if (options.keep) options.chosen.forEach(keep);
  console.log(`The table: ${results}`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
