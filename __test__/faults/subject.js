"use strict";

// One run of the application, seen from outside: its answers, its end, the processes that dump it, the files they leave.
const { execFileSync, spawn } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { cache, node } = require("../support/node-versions");
const { temporaryDirectory } = require("../support/program");
const { readWithHeapParser } = require("../support/snapshot");
const { Patience } = require("./patience");

const application = path.join(__dirname, "application.js");

/** An application that gives no answer for so many milliseconds hangs: see `Patience`. */
const PATIENCE = 30_000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits until `look` finds something: that, or `null` when the patience is over. */
async function find(look, patience) {
  for (let found = look(); ; found = look()) {
    if (found) return found;
    if (patience.isOver) return null;
    await pause(2);
  }
}

function readProcess(id) {
  try {
    const read = (file) => fs.readFileSync(`/proc/${id}/${file}`, "utf8");
    const parent = Number(/^PPid:\s*(\d+)/m.exec(read("status"))[1]);
    return { id: Number(id), parent, name: read("comm").trim(), commandLine: read("cmdline") };
  } catch {
    return { id: Number(id), parent: 0, name: "", commandLine: "" }; // It has ended meanwhile.
  }
}

const allProcesses = () =>
  fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(readProcess);

class Subject {
  #expected = 1;

  /**
   * Starts the application on a Node version. `options` are the module's; `through` is a command
   * that runs it; `within` is the directory of its files, where it shall not be one of its own.
   */
  static async start(
    trial,
    { options = {}, root, addon, through = [], within, flags = [], environment = {}, ...rest } = {},
  ) {
    const home = temporaryDirectory(trial);
    const directory = within ?? home;
    const settings = {
      root,
      addon,
      options: trial.isWatched
        ? { method: "native", threshold: 1, name: path.join(directory, "dump"), ...options }
        : null,
      mark: home,
    };
    const command = [...through, node(trial.major).path, "--max-old-space-size=40", "--expose-gc", ...flags];
    const subject = new Subject();
    Object.assign(subject, { trial, home, directory, stderr: "", stdout: "" });
    const [program, ...args] = [...command, application, JSON.stringify(settings)];
    const env = { ...process.env, ...environment };
    subject.process = spawn(program, args, { cwd: home, env, stdio: ["pipe", "pipe", "pipe"], ...rest });
    subject.#listen();
    trial.after(() => subject.#processes().forEach(({ id }) => tryKill(id, "SIGKILL")));
    await subject.#answer("ready");
    return subject;
  }

  #listen() {
    const { process: child } = this;
    child.stdin.on("error", () => {});
    child.stderr?.setEncoding("utf8").on("data", (text) => (this.stderr += text));
    child.stdout.setEncoding("utf8").on("data", (text) => {
      this.stdout += text;
    });
    child.on("error", (error) => (this.stderr += error.message));
    this.exit = new Promise((resolve) => child.on("exit", (code, signal) => resolve({ code, signal })));
    this.exit.then(() => (this.hasEnded = true));
  }

  /** The application's own process, whatever has started it. */
  get id() {
    return this.#processes().find(({ name, commandLine }) => isApplication(name, commandLine))?.id;
  }

  helpers = () => this.#processes().filter(({ name }) => name === "node-oom-heapdu");
  readers = () => this.#processes().filter(({ name }) => name === "heap-reader");

  /** All that this run has started and that has not ended: their command lines tell its directory. */
  #processes(all = allProcesses()) {
    const marks = [this.home, this.directory];
    return all.filter(({ commandLine }) => marks.some((mark) => commandLine.includes(mark)));
  }

  /** The same, and what they have started. */
  #family() {
    const all = allProcesses();
    const ids = new Set(this.#processes(all).map(({ id }) => id));
    for (const { id, parent } of all) if (ids.has(parent)) ids.add(id);
    return [...ids];
  }

  /** Waits until `look` finds something, as long as this run makes use of the time. */
  find = (look, milliseconds = PATIENCE) => find(look, new Patience(() => this.#family(), milliseconds));

  tell(command) {
    this.#expected += 1;
    this.process.stdin.write(`${command}\n`);
  }

  /** Gives a command and waits for its answer. */
  async ask(command, milliseconds = PATIENCE) {
    this.tell(command);
    await this.#answer(`${command}: `, milliseconds);
  }

  async #answer(word, milliseconds = PATIENCE) {
    const isAnswered = () => this.stdout.split("\n").length > this.#expected;
    await this.find(() => isAnswered() || this.hasEnded, milliseconds);
    if (!isAnswered()) {
      const what = this.hasEnded ? "ended" : "hangs";
      throw new Harm(`the application ${what} before "${word.replace(": ", "")}"`);
    }
  }

  /** Waits until nobody dumps it any more. */
  async isDumped() {
    if (!this.trial.isWatched) return;
    // The monitor begins a dump a moment after the application has caused it, and where it can tell, it tells the end.
    if (this.trial.isMute) await this.find(() => this.helpers().length > 0, 1000);
    else await this.find(() => /no heap snapshot|is complete/.test(this.stderr));
    await this.find(() => this.helpers().length === 0 && this.readers().length === 0);
  }

  /** Waits for its end. */
  async ends() {
    if (!(await this.find(() => this.hasEnded, 2 * PATIENCE))) throw new Harm("the application does not end");
    const end = await this.exit;
    this.ending = `${end.signal ?? end.code}`;
  }

  /** What it has left when it and all who dumped it have ended. */
  async leftovers() {
    const processes = () => [...this.helpers(), ...this.readers()];
    await this.find(() => processes().length === 0);
    const files = fs.existsSync(this.directory) ? fs.readdirSync(this.directory) : [];
    const kinds = {
      complete: [],
      falselyComplete: [],
      untold: [],
      parts: files.filter((name) => name.endsWith(".part")),
    };
    for (const name of files.filter((name) => name.endsWith(".heapsnapshot"))) {
      if (!isTold(path.join(this.directory, name))) kinds.untold.push(name);
      kinds[(await isWhole(path.join(this.directory, name))) ? "complete" : "falselyComplete"].push(name);
    }
    return { ...kinds, processes: processes() };
  }
}

const isApplication = (name, commandLine) =>
  /node|MainThread/.test(name) && commandLine.split("\0")[0].endsWith("/node");

/** The application has come to harm. */
class Harm extends Error {}

/** Whether a snapshot holds each object that the application's ledger in it tells of. */
async function isWhole(file) {
  try {
    const { instances, ledger } = await readWithHeapParser(file);
    return instances >= 10_000 && [0, 1].includes(instances - Number(ledger));
  } catch {
    return false;
  }
}

/** Whether the summary of a snapshot, where it has one, says that it is complete. */
function isTold(file) {
  const summary = file.replace(/\.heapsnapshot$/, ".summary.json");
  return !fs.existsSync(summary) || JSON.parse(fs.readFileSync(summary, "utf8")).snapshot.state === "complete";
}

function tryKill(id, signal) {
  try {
    return process.kill(id, signal);
  } catch {
    return false; // It has ended meanwhile.
  }
}

const compiled = new Map();

/** Compiles a program or an addon of `native/`, once, and returns where it is. */
function compile(name, ...flags) {
  if (!compiled.has(name)) {
    const output = path.join(cache, "faults", name.replace(".c", flags.length > 0 ? ".node" : ""));
    // A running program may have the old file loaded, so it is replaced and not written over.
    const fresh = `${output}.${process.pid}`;
    fs.mkdirSync(path.dirname(output), { recursive: true });
    execFileSync("cc", ["-O1", "-Wall", ...flags, "-o", fresh, path.join(__dirname, "native", name), "-lpthread"]);
    fs.renameSync(fresh, output);
    compiled.set(name, output);
  }
  return compiled.get(name);
}

module.exports = { Subject, Harm, pause, tryKill, compile };
