"use strict";

// `npm run test:robust -- [--dumps 200] [--kills 50] [--only 18,20]`: dumps of a busy program, and dumps whose frozen child
// or helper is killed at a random moment, on every Node version. The counts of a run with no options are written to
// proof/ROBUSTNESS.md.
const { fork } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const path = require("node:path");
const { parseArgs } = require("node:util");
const { majors, node } = require("../__test__/support/node-versions");
const { frozenChildrenOf, helpersOf } = require("../__test__/support/processes");
const { temporaryDirectory } = require("../__test__/support/program");
const { buildReader, readWithDevTools, readWithHeapParser } = require("../__test__/support/snapshot");

const program = path.join(__dirname, "..", "__test__", "robustness", "busy-program.js");
const results = path.join(__dirname, "..", "proof", "ROBUSTNESS.md");

/** A program that gives no answer for so many milliseconds hangs. */
const PATIENCE = 60_000;

/** One dump in so many is of a worker. */
const WORKER_EVERY = 4;

/** One file in so many is read by DevTools' engine too. */
const DEVTOOLS_EVERY = 20;

const columns = {
  dumps: "dumps",
  valid: "valid files",
  devTools: "also read by DevTools' engine",
  childKilled: "frozen child killed",
  helperKilled: "helper killed",
  tooLate: "killed too late: the file is valid",
  failed: "dump failed: no file, one message",
  spawned: "processes of the program",
  signals: "SIGCHLD seen",
  children: "children and zombies left",
  descriptors: "descriptors leaked",
  faults: "faults",
};

/** The busy program under a Node version. */
class BusyProgram {
  constructor(major, directory) {
    this.stderr = "";
    this.process = fork(program, { execPath: node(major).path, execArgv: [], cwd: directory, silent: true });
    this.process.stderr.setEncoding("utf8").on("data", (text) => {
      this.stderr += text;
    });
  }

  get lines() {
    return this.stderr.split("\n").length - 1;
  }

  /** Its answer to a command; a program that ends or hangs instead is an error. */
  async ask(command, details = {}) {
    const settled = new AbortController();
    const { signal } = settled;
    const timer = setTimeout(() => settled.abort(), PATIENCE);
    try {
      const answer = once(this.process, "message", { signal }).then(([message]) => message);
      const end = once(this.process, "exit", { signal }).then(([code, by]) => {
        throw new Error(`the program ended with ${by ?? code} after "${command}": ${this.stderr.slice(-2000)}`);
      });
      this.process.send({ command, ...details });
      return await Promise.race([answer, end]);
    } catch (error) {
      throw error.name === "AbortError" ? new Error(`the program hangs in "${command}"`) : error;
    } finally {
      clearTimeout(timer);
      settled.abort();
    }
  }
}

/** Everything on one Node version: what `columns` names, the faults in sentences. */
async function run(major, { dumps, kills }) {
  const counts = { ...Object.fromEntries(Object.keys(columns).map((name) => [name, 0])), faults: [] };
  const directory = temporaryDirectory();
  const busy = new BusyProgram(major, directory);
  try {
    await busy.ask("begin");
    for (let number = 0; number < dumps; number++) await dumpOnce(busy, directory, number, counts);
    for (let number = 0; number < 2 * kills; number++) await killOnce(busy, directory, number, counts);
    await end(busy, dumps + 2 * kills, counts);
  } catch (error) {
    counts.faults.push(error.message);
  } finally {
    busy.process.kill("SIGKILL");
    fs.rmSync(directory, { recursive: true, force: true });
  }
  return counts;
}

async function dumpOnce(busy, directory, number, counts) {
  const inWorker = number % WORKER_EVERY === 1;
  const { file, failure } = await busy.ask("dump", { file: path.join(directory, `dump-${number}`), inWorker });
  counts.dumps += 1;
  if (failure !== undefined) {
    counts.faults.push(`dump ${number}: ${failure}`);
    return;
  }
  if (await isValid(file, readWithHeapParser, inWorker, counts)) counts.valid += 1;
  if (number % DEVTOOLS_EVERY < 2 && (await isValid(file, readWithDevTools, inWorker, counts))) counts.devTools += 1;
  fs.rmSync(file);
}

/** Whether the file holds the heap of the thread that was asked for. */
async function isValid(file, read, inWorker, counts) {
  try {
    const { instances, ledger } = await read(file);
    if (ledger === (inWorker ? "500" : "2000") && String(instances) === ledger) return true;
    throw new Error(`${instances} leaked objects, and the ledger says ${ledger}`);
  } catch (error) {
    counts.faults.push(`${path.basename(file)} of ${inWorker ? "a worker" : "the main thread"}: ${error.message}`);
    return false;
  }
}

/** How long the last dump that was not cut short has taken, in milliseconds. */
let duration = 200;

/** Kills the frozen child or, every other time, the helper at a random moment of a dump. */
async function killOnce(busy, directory, number, counts) {
  const inWorker = number % WORKER_EVERY === 1;
  const [victims, kills] = number % 2 === 0 ? [frozenChildrenOf, "childKilled"] : [helpersOf, "helperKilled"];
  const linesBefore = busy.lines;
  const started = performance.now();
  let isOver = false;
  const answer = busy.ask("dump", { file: path.join(directory, `killed-${number}`), inWorker }).finally(() => {
    isOver = true;
  });
  let killed = 0;
  for (let pause = Math.random() * duration; killed === 0 && !isOver; pause = 1) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    killed = victims(busy.process.pid).filter(({ id }) => killIfThere(id)).length;
  }
  const { file, failure } = await answer;
  if (killed > 0) counts[kills] += 1;
  if (file !== undefined) {
    duration = performance.now() - started;
    if ((await isValid(file, readWithHeapParser, inWorker, counts)) && killed > 0) counts.tooLate += 1;
    fs.rmSync(file);
    return;
  }
  // The line, which another process writes, may come a moment after the answer.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const lines = busy.lines - linesBefore;
  const files = fs.readdirSync(directory).filter((name) => name.endsWith(".heapsnapshot"));
  if (killed > 0 && kills === "helperKilled" && files.length === 1) {
    // It was killed between the move of the whole file and its answer.
    const whole = path.join(directory, files[0]);
    if (await isValid(whole, readWithHeapParser, inWorker, counts)) counts.tooLate += 1;
    fs.rmSync(whole);
    return;
  }
  // The child's end is told by the helper; of the helper's own end the rejected promise tells.
  const expectedLines = kills === "childKilled" ? 1 : 0;
  if (killed > 0 && lines === expectedLines && files.length === 0) counts.failed += 1;
  else counts.faults.push(`${kills} ${killed} times: "${failure}", ${lines} lines, and the files ${files.join(", ")}`);
}

function killIfThere(id) {
  try {
    return process.kill(id, "SIGKILL");
  } catch {
    return false;
  }
}

/** When the program has come to rest nothing of the dumps is left. */
async function end(busy, dumps, counts) {
  const exit = once(busy.process, "exit");
  const { signals, spawned, failed, children, descriptors } = await busy.ask("end");
  Object.assign(counts, { signals, spawned, descriptors, children: children.length });
  // Signals that come together are seen as one.
  if (signals > spawned + dumps) counts.faults.push(`${signals} SIGCHLD for ${spawned} processes and ${dumps} helpers`);
  if (failed > 0) counts.faults.push(`${failed} processes of the program failed`);
  if (children.length > 0) counts.faults.push(`left: ${JSON.stringify(children)}`);
  if (descriptors !== 0) counts.faults.push(`${descriptors} descriptors leaked`);
  const hang = setTimeout(() => {
    counts.faults.push("the program hangs at its end");
    busy.process.kill("SIGKILL");
  }, PATIENCE);
  const [code, signal] = await exit;
  clearTimeout(hang);
  if (code !== 0) counts.faults.push(`the program ended with ${signal ?? code}`);
}

function options() {
  const { values } = parseArgs({
    options: {
      dumps: { type: "string", default: "200" },
      kills: { type: "string", default: "50" },
      only: { type: "string", default: majors.join(",") },
    },
  });
  const number = (name) => {
    if (!/^\d+$/.test(values[name])) throw new Error(`--${name} ${values[name]}: give a whole number`);
    return Number(values[name]);
  };
  const only = values.only.split(",").map(Number);
  const unknown = only.find((major) => !majors.includes(major));
  if (unknown !== undefined) throw new Error(`--only ${values.only}: give Node versions of ${majors.join(", ")}`);
  const isWhole = process.argv.length === 2;
  return { dumps: number("dumps"), kills: number("kills"), majors: only, isWhole };
}

function table(countsOf) {
  const names = Object.keys(columns);
  const rows = Object.entries(countsOf).map(([version, counts]) => {
    const cells = names.map((name) => (name === "faults" ? counts.faults.length : counts[name]));
    return `| ${[version, ...cells].join(" | ")} |`;
  });
  return [
    "# Robustness of native dumps",
    "",
    "`npm run test:robust` takes dumps, one after the other, of a program whose main thread and three workers allocate, collect,",
    "compress, hash and spawn processes all the time. Every fourth dump is of a worker. Then it kills the frozen child or the",
    "helper at a random moment of each dump. A file is valid when the reader in Rust finds in it each leaked object of the",
    "thread that was asked for, and no other thread's. Of a killed child the helper tells in one line; of a killed helper",
    "the rejected promise tells. The helper is an ordinary child, so the program sees SIGCHLD for it, once a dump, and",
    "none for the frozen child; signals that come together are seen as one.",
    "",
    `| Node | ${names.map((name) => columns[name]).join(" | ")} |`,
    `|---|${names.map(() => "---|").join("")}`,
    ...rows,
    "",
  ].join("\n");
}

async function main() {
  const { majors, isWhole, ...amounts } = options();
  buildReader();
  const countsOf = {};
  for (const major of majors) {
    const counts = await run(major, amounts);
    countsOf[node(major).version] = counts;
    console.log(`Node ${major}: ${JSON.stringify(counts, null, 1)}`);
    if (counts.faults.length > 0) process.exitCode = 1;
  }
  if (!isWhole) return;
  fs.mkdirSync(path.dirname(results), { recursive: true });
  fs.writeFileSync(results, table(countsOf));
  console.log(`The table: ${results}`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
