"use strict";

// Options by environment: NODE_OOM_HEAPDUMP_MAX_DUMPS is the option `maxDumps`. Who sets them need not know the program, so
// a mistake is told and left out; it does not end the program.

const PREFIX = "NODE_OOM_HEAPDUMP_";

// Reads all of them. `options` are the names of the options, `check` throws for a wrong one, `tell` takes sentences.
function fromEnvironment(options, check, tell) {
  const byVariable = new Map(options.map((option) => [variableOf(option), option]));
  const read = {};
  for (const [variable, text] of variables()) {
    if (!variable.startsWith(PREFIX) || text === "") continue;
    const option = byVariable.get(variable);
    try {
      if (!option) throw new Error(`There is no such option. Known are: ${[...byVariable.keys()].join(", ")}.`);
      const value = valueOf(option, text);
      check({ [option]: value });
      read[option] = value;
    } catch (error) {
      tell(`The environment variable ${variable} is ignored. ${error.message}`);
    }
  }
  return read;
}

// A runtime that lets nobody see the environment has none.
function variables() {
  try {
    return Object.entries(process.env);
  } catch {
    return [];
  }
}

function variableOf(option) {
  return PREFIX + option.replaceAll(/([a-z])([A-Z])/g, "$1_$2").toUpperCase();
}

const WORDS = new Map([
  ["true", true],
  ["false", false],
  ["Infinity", Infinity],
]);

// Numbers stay text, which every option that is a number accepts. `exec` is a list in JSON.
function valueOf(option, text) {
  if (option === "name" || option === "path") return text;
  if (text.startsWith("[")) return JSON.parse(text);
  return WORDS.get(text) ?? text;
}

module.exports = { fromEnvironment };
