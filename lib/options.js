"use strict";

// Checks the user's options. A mistake is thrown at once, in the words and with the codes of Node's own errors.

const { threadId, isMainThread } = require("node:worker_threads");

const EXTENSION = ".heapsnapshot";

const DEFAULTS = {
  threshold: 75,
  port: 9229,
  method: "auto",
  get name() {
    return isMainThread ? `OoM-${process.pid}-${Date.now()}` : `OoM-${process.pid}-${threadId}-${Date.now()}`;
  },
};

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
  };
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

function oneOf(option, value, words) {
  const accepted = words.map((word) => `"${word}"`).join(" or ");
  if (typeof value !== "string") throw argumentType(option, value, accepted);
  if (!words.includes(value)) throw argumentValue(option, value, accepted);
  return value;
}

function fileName(option, name, extension = EXTENSION) {
  const accepted = "a non-empty string without null bytes";
  if (typeof name !== "string") throw argumentType(option, name, accepted);
  if (name === "" || name.includes("\0")) throw argumentValue(option, name, accepted);
  return name.endsWith(extension) ? name : name + extension;
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
  const known = Object.keys(DEFAULTS);
  const nearest = known.reduce((best, name) => (distance(option, name) < distance(option, best) ? name : best));
  const message = `The option "${option}" is unknown. Did you mean "${nearest}"? Known options: ${known.join(", ")}.`;
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

module.exports = { fileName, profileDuration, readOptions };
