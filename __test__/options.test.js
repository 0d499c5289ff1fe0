"use strict";

// What the package accepts as options, and what it says about the rest.
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { printed, runWatched } = require("./support/watched");

/** What the package throws for these options, given as source text: `{ name, code, message }`; null if it accepts them. */
async function thrownFor(options) {
  const script = `
    let thrown = null
    try { watch(${options}) } catch ({ name, code, message }) { thrown = { name, code, message } }
    console.log(JSON.stringify(thrown))
    process.exit()`;
  return printed(await runWatched(script, { flags: ["--inspect=0", "--no-warnings"] }));
}

const accepted = [
  "",
  "{}",
  "undefined",
  "{ threshold: 1 }",
  "{ threshold: 99 }",
  '{ threshold: "75" }',
  "{ threshold: false }",
  "{ threshold: undefined }",
  '{ name: "my_heapdump" }',
  '{ name: "a b%c" }',
  "{ port: 9229 }",
  '{ port: "9230" }',
  "{ port: 65535 }",
  '{ rss: "90%" }',
  '{ rss: "87.5%" }',
  "{ rss: 1e9 }",
  '{ rss: "1000000000" }',
  "{ rss: false }",
  '{ signal: "SIGUSR2" }',
  "{ signal: false }",
  "{ timeout: 1 }",
  "{ maxDumps: 0 }",
  "{ cooldown: 0 }",
  '{ compress: "gzip" }',
  "{ compress: false }",
  "{ keep: 3 }",
  "{ keep: Infinity }",
  '{ exec: ["cp", "{path}", "/mnt"] }',
  "{ exec: [] }",
  "{ redact: true }",
  "{ suspects: false }",
];
for (const options of accepted) {
  test(`watch(${options}) is accepted`, async () => {
    const script = `console.log(JSON.stringify(watch(${options}).status().armed)); process.exit()`;
    assert.equal(printed(await runWatched(script, { flags: ["--inspect=0", "--no-warnings"] })), true);
  });
}

const refused = [
  ["{ threshold: 0 }", "RangeError", "ERR_OUT_OF_RANGE", ["threshold", "0", "1", "99", "false"]],
  ["{ threshold: 100 }", "RangeError", "ERR_OUT_OF_RANGE", ["threshold", "100", "1", "99"]],
  ['{ threshold: "100" }', "RangeError", "ERR_OUT_OF_RANGE", ["threshold", "100", "1", "99"]],
  ["{ threshold: -1 }", "RangeError", "ERR_OUT_OF_RANGE", ["threshold", "-1", "1", "99"]],
  ["{ threshold: 7.5 }", "RangeError", "ERR_OUT_OF_RANGE", ["threshold", "7.5", "integer"]],
  ["{ threshold: NaN }", "RangeError", "ERR_OUT_OF_RANGE", ["threshold", "NaN"]],
  ["{ threshold: true }", "TypeError", "ERR_INVALID_ARG_TYPE", ["threshold", "true"]],
  ["{ threshold: null }", "TypeError", "ERR_INVALID_ARG_TYPE", ["threshold", "null"]],
  ['{ threshold: "high" }', "RangeError", "ERR_OUT_OF_RANGE", ["threshold", "high", "integer"]],
  ["{ name: 7 }", "TypeError", "ERR_INVALID_ARG_TYPE", ["name", "7", "string"]],
  ['{ name: "" }', "TypeError", "ERR_INVALID_ARG_VALUE", ["name"]],
  ['{ name: "a\\0b" }', "TypeError", "ERR_INVALID_ARG_VALUE", ["name"]],
  ["{ port: 0 }", "RangeError", "ERR_OUT_OF_RANGE", ["port", "0", "1", "65535"]],
  ["{ port: 65536 }", "RangeError", "ERR_OUT_OF_RANGE", ["port", "65536", "65535"]],
  ["{ port: {} }", "TypeError", "ERR_INVALID_ARG_TYPE", ["port"]],
  ['{ rss: "0%" }', "RangeError", "ERR_OUT_OF_RANGE", ["rss", "0%", "90%", "bytes", "false"]],
  ['{ rss: "101%" }', "RangeError", "ERR_OUT_OF_RANGE", ["rss", "101%"]],
  ["{ rss: -1 }", "RangeError", "ERR_OUT_OF_RANGE", ["rss", "-1"]],
  ["{ rss: 0.9 }", "RangeError", "ERR_OUT_OF_RANGE", ["rss", "0.9"]],
  ['{ rss: "much" }', "TypeError", "ERR_INVALID_ARG_VALUE", ["rss", "much"]],
  ['{ rss: "%" }', "TypeError", "ERR_INVALID_ARG_VALUE", ["rss", "%"]],
  ["{ rss: true }", "TypeError", "ERR_INVALID_ARG_TYPE", ["rss", "true"]],
  ['{ signal: "SIGUSR1" }', "TypeError", "ERR_INVALID_ARG_VALUE", ["signal", "SIGUSR1", "inspector", "SIGUSR2"]],
  ['{ signal: "SIGSEGV" }', "TypeError", "ERR_INVALID_ARG_VALUE", ["signal", "SIGSEGV", "fault"]],
  ['{ signal: "SIGABRT" }', "TypeError", "ERR_INVALID_ARG_VALUE", ["signal", "SIGABRT", "fault"]],
  ['{ signal: "SIGKILL" }', "TypeError", "ERR_INVALID_ARG_VALUE", ["signal", "SIGKILL", "handled"]],
  ['{ signal: "SIGNOT" }', "TypeError", "ERR_INVALID_ARG_VALUE", ["signal", "SIGNOT"]],
  ["{ signal: 12 }", "TypeError", "ERR_INVALID_ARG_TYPE", ["signal", "12"]],
  ["{ timeout: 0 }", "RangeError", "ERR_OUT_OF_RANGE", ["timeout", "0"]],
  ["{ maxDumps: -1 }", "RangeError", "ERR_OUT_OF_RANGE", ["maxDumps", "-1"]],
  ["{ cooldown: 1.5 }", "RangeError", "ERR_OUT_OF_RANGE", ["cooldown", "1.5"]],
  ["{ treshold: 75 }", "TypeError", "ERR_INVALID_ARG_VALUE", ["treshold", "threshold"]],
  ["{ prot: 9229 }", "TypeError", "ERR_INVALID_ARG_VALUE", ["prot", "port"]],
  ["75", "TypeError", "ERR_INVALID_ARG_TYPE", ["options", "75", "object"]],
  ["null", "TypeError", "ERR_INVALID_ARG_TYPE", ["options", "null", "object"]],
  ['{ compress: "zip" }', "TypeError", "ERR_INVALID_ARG_VALUE", ["compress", "gzip"]],
  ["{ compress: true }", "TypeError", "ERR_INVALID_ARG_TYPE", ["compress", "gzip", "false"]],
  ["{ keep: 0 }", "RangeError", "ERR_OUT_OF_RANGE", ["keep", "1", "Infinity"]],
  ['{ exec: "cp {path} /mnt" }', "TypeError", "ERR_INVALID_ARG_TYPE", ["exec", "array"]],
  ['{ exec: [""] }', "TypeError", "ERR_INVALID_ARG_VALUE", ["exec"]],
  ['{ redact: "yes" }', "TypeError", "ERR_INVALID_ARG_TYPE", ["redact", "true", "false"]],
];
for (const [options, name, code, words] of refused) {
  test(`watch(${options}) is refused with ${name}, and the message says ${words.join(", ")}`, async () => {
    const thrown = await thrownFor(options);
    assert.ok(thrown !== null, "nothing was thrown");
    assert.equal(thrown.name, name);
    assert.equal(thrown.code, code);
    for (const word of words) assert.ok(thrown.message.includes(word), `"${thrown.message}" does not say "${word}"`);
  });
}
