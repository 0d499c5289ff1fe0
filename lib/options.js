"use strict";

// Checks the user's options. A mistake is thrown at once, in the words and with the codes of Node's own errors.

const { signals } = require("node:os").constants;
const { threadId, isMainThread } = require("node:worker_threads");

const EXTENSION = ".heapsnapshot";
const COMPRESSED = ".gz"; // The helper adds it, where the snapshot is compressed.

const DEFAULTS = {
  threshold: 75,
  port: 9229,
  method: "auto",
  compress: false,
  keep: Infinity,
  exec: [],
  redact: false,
  suspects: true,
  rss: false,
  signal: false,
  timeout: 300_000,
  heapdumpOnOOM: true,
  maxDumps: 1,
  cooldown: 600_000,
  get name() {
    return isMainThread ? `OoM-${process.pid}-${Date.now()}` : `OoM-${process.pid}-${threadId}-${Date.now()}`;
  },
};

const OPTIONS = Object.keys(DEFAULTS);

function readOptions(options = {}) {
  if (options === null || typeof options !== "object") {
    throw argumentType("options", options, "an object");
  }
  for (const option of Object.keys(options)) {
    if (!Object.hasOwn(DEFAULTS, option)) throw unknownOption(option);
  }
  const {
    threshold = DEFAULTS.threshold,
    port = DEFAULTS.port,
    method = DEFAULTS.method,
    name = DEFAULTS.name,
  } = options;
  return {
    threshold: threshold === false ? false : integer("threshold", threshold, 1, 99, ", or false for none"),
    port: integer("port", port, 1, 65535),
    method: oneOf("method", method, ["auto", "native", "inspector"]),
    file: fileName("name", name),
    ...whenToDump(options),
    files: whatToDoWithFiles(options),
  };
}

// Everything that decides when a dump is made, and how long anybody waits for it, but the threshold.
function whenToDump(options) {
  const { heapdumpOnOOM, rss, signal, timeout, maxDumps, cooldown } = { ...DEFAULTS, ...defined(options) };
  return {
    heapdumpOnOOM: boolean("heapdumpOnOOM", heapdumpOnOOM),
    ...memoryBound(rss),
    signal: signal === false ? undefined : signalNumber(signal),
    timeout: integer("timeout", timeout, 1, LONGEST),
    maxDumps: integer("maxDumps", maxDumps, 0, 1_000_000),
    cooldown: integer("cooldown", cooldown, 0, LONGEST),
  };
}

// Everything that the helper does with the files, but their name.
function whatToDoWithFiles(options) {
  const { compress, keep, exec, redact, suspects } = { ...DEFAULTS, ...defined(options) };
  return {
    gzip: compress !== false && oneOf("compress", compress, ["gzip"], ", or false for none") === "gzip",
    keep: keep === Infinity ? undefined : integer("keep", keep, 1, 1_000_000, ", or Infinity for all"),
    exec: command("exec", exec),
    redact: boolean("redact", redact),
    suspects: boolean("suspects", suspects),
  };
}

// A day. Nobody waits longer for a dump, nor between two of them.
const LONGEST = 86_400_000;

function defined(options) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function memoryBound(rss) {
  if (rss === false) return {};
  const accepted = 'a share such as "90%", a number of bytes, or false for none';
  const isShare = typeof rss === "string" && rss.trim().endsWith("%");
  const number = isShare ? Number(rss.trim().slice(0, -1) || NaN) : Number(rss || NaN);
  if (typeof rss !== "string" && typeof rss !== "number") throw argumentType("rss", rss, accepted);
  if (Number.isNaN(number)) throw argumentValue("rss", rss, accepted);
  if (number <= 0 || (isShare ? number > 100 : !Number.isSafeInteger(number))) throw outOfRange("rss", rss, accepted);
  return isShare ? { rssPercent: number } : { rssBytes: number };
}

// Signals that Node needs, that mean a fault of the program, and that cannot be handled.
const TAKEN = {
  SIGUSR1: "Node starts its inspector by it",
  SIGPROF: "V8's CPU profiler uses it",
  SIGCHLD: "it tells of the end of child processes",
  SIGKILL: "it cannot be handled",
  SIGSTOP: "it cannot be handled",
  ...Object.fromEntries(
    ["SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP", "SIGABRT", "SIGIOT", "SIGSYS"].map((name) => [
      name,
      "it tells of a fault of the program",
    ]),
  ),
};

function signalNumber(signal) {
  const accepted = 'the name of a signal such as "SIGUSR2", or false for none';
  if (typeof signal !== "string") throw argumentType("signal", signal, accepted);
  if (!Object.hasOwn(signals, signal)) throw argumentValue("signal", signal, accepted);
  if (Object.hasOwn(TAKEN, signal))
    throw argumentValue("signal", signal, `${accepted}, and not ${signal}: ${TAKEN[signal]}`);
  return signals[signal];
}

function integer(option, value, least, most, alternative = "") {
  const accepted = `an integer from ${least} to ${most}${alternative}`;
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number !== "number") throw argumentType(option, value, accepted);
  if (!Number.isInteger(number) || number < least || number > most) throw outOfRange(option, value, accepted);
  return number;
}

// What setTimeout can wait for, in milliseconds.
const LONGEST_TIMER = 2 ** 31 - 1;

function profileDuration(value) {
  return integer("durationMs", value, 1, LONGEST_TIMER);
}

function boolean(option, value) {
  if (typeof value !== "boolean") throw argumentType(option, value, "true or false");
  return value;
}

// A program and its arguments; an empty array is none.
function command(option, words) {
  const accepted = 'an array of strings without null bytes, such as ["cp", "{path}", "/mnt/dumps"]';
  if (!Array.isArray(words) || !words.every((word) => typeof word === "string")) {
    throw argumentType(option, words, accepted);
  }
  if (words[0] === "" || words.some((word) => word.includes("\0"))) throw argumentValue(option, words, accepted);
  return [...words];
}

function oneOf(option, value, words, alternative = "") {
  const accepted = words.map((word) => `"${word}"`).join(" or ") + alternative;
  if (typeof value !== "string") throw argumentType(option, value, accepted);
  if (!words.includes(value)) throw argumentValue(option, value, accepted);
  return value;
}

function fileName(option, name, extension = EXTENSION) {
  const accepted = "a non-empty string without null bytes";
  if (typeof name !== "string") throw argumentType(option, name, accepted);
  if (name === "" || name.includes("\0")) throw argumentValue(option, name, accepted);
  if (extension !== EXTENSION) return name.endsWith(extension) ? name : name + extension;
  const plain = name.endsWith(EXTENSION + COMPRESSED) ? name.slice(0, -COMPRESSED.length) : name;
  return plain.endsWith(EXTENSION) ? plain : plain + EXTENSION;
}

function argumentType(option, value, accepted) {
  return withCode(new TypeError(describe(option, value, accepted)), "ERR_INVALID_ARG_TYPE");
}

function argumentValue(option, value, accepted) {
  return withCode(new TypeError(describe(option, value, accepted)), "ERR_INVALID_ARG_VALUE");
}

function outOfRange(option, value, accepted) {
  return withCode(new RangeError(describe(option, value, accepted)), "ERR_OUT_OF_RANGE");
}

function unknownOption(option) {
  const nearest = OPTIONS.reduce((best, name) => (distance(option, name) < distance(option, best) ? name : best));
  const message = `The option "${option}" is unknown. Did you mean "${nearest}"? Known options: ${OPTIONS.join(", ")}.`;
  return withCode(new TypeError(message), "ERR_INVALID_ARG_VALUE");
}

function describe(option, value, accepted) {
  const { inspect } = require("node:util");
  return `The option "${option}" must be ${accepted}. Received ${inspect(value, { depth: 0 })}.`;
}

function withCode(error, code) {
  error.code = code;
  return error;
}

// How many letters must be added, removed or replaced to turn one word into the other (Levenshtein).
function distance(from, to) {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [line, letter] of [...from.toLowerCase()].entries()) {
    const next = [line + 1];
    for (let column = 0; column < to.length; column++) {
      const replaced = row[column] + (letter === to[column].toLowerCase() ? 0 : 1);
      next.push(Math.min(replaced, row[column + 1] + 1, next[column] + 1));
    }
    row = next;
  }
  return row.at(-1);
}

module.exports = { OPTIONS, defined, fileName, profileDuration, readOptions };
