"use strict";

// What the surroundings can lack. The program that watches must never suffer from it.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { cache, node } = require("./support/node-versions");
const { ending, run, temporaryDirectory } = require("./support/program");
const { assertFailureIsTold, copyPackage, dieWatched, printed, root, runWatched } = require("./support/watched");

/** Source text that watches and prints the warnings of the process and the status. */
const report = (options = "") => `
  const warnings = []
  process.on('warning', (warning) => { if (warning.name === 'OomHeapdumpWarning') warnings.push(warning.message) })
  const instance = watch(${options})
  setTimeout(() => { console.log(JSON.stringify({ warnings, status: instance.status() })); process.exit() }, 100)`;

function assertUnarmedWithOneWarning({ warnings, status }, cause) {
  assert.equal(warnings.length, 1, `one warning, not: ${JSON.stringify(warnings)}`);
  assert.match(warnings[0], cause);
  assert.equal(status.armed, false);
  assert.match(status.reason, cause);
}

test("without --inspect the method inspector costs one warning and the program runs on", async () => {
  const { warnings, status } = printed(await runWatched(report('{ method: "inspector" }')));
  assert.equal(warnings.length, 1, JSON.stringify(warnings));
  assert.match(warnings[0], /--inspect/);
  assert.match(status.reason, /--inspect/);
});

for (const major of [22, 24, 26]) {
  test(`under --permission without --allow-addons on Node ${major} one warning says so and the program runs on`, async () => {
    const finished = await runWatched(report(), {
      node: node(major).path,
      flags: ["--permission", "--allow-fs-read=*"],
    });
    assertUnarmedWithOneWarning(printed(finished), /--allow-addons/);
  });
}

test("NODE_DEBUG=oom-heapdump logs what is watched, and how, what is asked for, and what becomes of it", async (context) => {
  const script = `const instance = watch({ threshold: 60 })
    instance.once("dump", () => { instance.stop(); process.exit() })
    instance.createHeapSnapshot("asked")`;
  const { stderr } = await runWatched(script, {
    cwd: temporaryDirectory(context),
    env: { ...process.env, NODE_DEBUG: "oom-heapdump" },
  });
  const logged = stderr.split("\n").filter((line) => line.startsWith("OOM-HEAPDUMP"));
  const expected = [
    /is watched with .*"threshold":60.*"method":"native"/,
    /asks for/,
    /is told .*asked\.heapsnapshot/,
    /no more/,
  ];
  assert.equal(logged.length, expected.length, stderr);
  expected.forEach((line, index) => assert.match(logged[index], line));
});

test("under --no-addons one warning says so and the program runs on", async () => {
  assertUnarmedWithOneWarning(printed(await runWatched(report(), { flags: ["--inspect=0", "--no-addons"] })), /addons/);
});

for (const [runtime, args] of [
  ["bun", ["run"]],
  ["deno", ["run", "--allow-all"]],
  ["deno", ["run", "--allow-read", "--no-prompt"]],
]) {
  test(`under "${runtime} ${args.join(" ")}" one warning says that it is not supported and the program runs on`, async (context) => {
    const program = path.join(temporaryDirectory(context), "program.cjs");
    fs.writeFileSync(program, `const watch = require(${JSON.stringify(root)}); ${report()}`);
    assertUnarmedWithOneWarning(printed(await run(path.join(cache, runtime), [...args, program])), /./);
  });
}

for (const artefact of ["addon", "helper"]) {
  test(`without the ${artefact} one warning says what is missing and the program runs on`, async (context) => {
    const copy = copyPackage(path.join(temporaryDirectory(context), "copy"));
    const isAddon = (file) => file.endsWith(".node");
    for (const file of fs.readdirSync(path.join(copy, "native"))) {
      if (isAddon(file) === (artefact === "addon")) fs.rmSync(path.join(copy, "native", file));
    }
    assertUnarmedWithOneWarning(printed(await runWatched(report(), { watch: copy, flags: ["--inspect=0"] })), /native/);
  });
}

for (const [what, folder] of [
  ["does not exist", "missing"],
  ["is a file", "file"],
]) {
  test(`a directory that ${what} costs one warning at the start and the program runs on`, async (context) => {
    const directory = temporaryDirectory(context);
    fs.writeFileSync(path.join(directory, "file"), "");
    const name = path.join(directory, folder, "mine");
    const finished = await runWatched(report(JSON.stringify({ name })), { flags: ["--inspect=0"] });
    assertUnarmedWithOneWarning(printed(finished), new RegExp(path.join(directory, folder)));
  });
}

const unusable = [
  ["that does not exist", (directory) => path.join(directory, "missing")],
  [
    "that is a file",
    (directory) => {
      fs.writeFileSync(path.join(directory, "file"), "");
      return path.join(directory, "file");
    },
  ],
  ["that takes no new files", () => "/sys"],
];
for (const [what, make] of unusable) {
  test(`a directory ${what} is named when the dump fails and the process dies as it would have`, async (context) => {
    const directory = temporaryDirectory(context);
    const unusableDirectory = make(directory);
    const finished = await dieWatched({ name: path.join(unusableDirectory, "mine") }, { cwd: directory });
    assert.equal(finished.signal, "SIGABRT", ending(finished));
    assert.equal(finished.stderr.match(/FATAL ERROR/g)?.length, 1);
    assertFailureIsTold(finished, `process ${finished.pid}`, new RegExp(`${unusableDirectory}/mine`));
  });
}
