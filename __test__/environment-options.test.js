"use strict";

// No code: options by environment, and `register`. And the options of version 3.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { run, temporaryDirectory } = require("./support/program");
const { leakForever, ourLines, printed, root, runWatched } = require("./support/watched");

const withVariables = (variables) => ({ env: { ...process.env, ...variables } });
const statusOf = (variables, options = "") =>
  runWatched(`console.log(JSON.stringify(watch(${options}).status()))`, withVariables(variables));

test("an option can come by the environment", async () => {
  const status = printed(await statusOf({ NODE_OOM_HEAPDUMP_THRESHOLD: "60" }));
  assert.equal(status.threshold, 60);
  assert.equal(printed(await statusOf({ NODE_OOM_HEAPDUMP_THRESHOLD: "false" })).threshold, false);
});

test("what the program gives wins", async () => {
  const variables = { NODE_OOM_HEAPDUMP_THRESHOLD: "60" };
  assert.equal(printed(await statusOf(variables, "{ threshold: 70 }")).threshold, 70);
  assert.equal(printed(await statusOf(variables, "{ threshold: undefined }")).threshold, 60);
});

for (const [variable, value] of [
  ["THRESHOLD", "60"],
  ["NAME", "x"],
  ["METHOD", "native"],
  ["PORT", "9230"],
  ["RSS", "500000000"],
  ["SIGNAL", "SIGUSR2"],
  ["TIMEOUT", "1000"],
  ["MAX_DUMPS", "2"],
  ["COOLDOWN", "0"],
  ["COMPRESS", "gzip"],
  ["KEEP", "Infinity"],
  ["EXEC", '["true", "{path}"]'],
  ["REDACT", "true"],
  ["HEAPDUMP_ON_OOM", "false"],
  ["PATH", "x"],
  ["ADD_TIMESTAMP", "true"],
]) {
  test(`NODE_OOM_HEAPDUMP_${variable}=${value} is understood`, async () => {
    const finished = await statusOf({ [`NODE_OOM_HEAPDUMP_${variable}`]: value });
    assert.equal(printed(finished).armed, true, finished.stderr);
    assert.doesNotMatch(finished.stderr, /is ignored/);
  });
}

for (const [variable, value, reason] of [
  ["THRESHOLD", "101", /THRESHOLD is ignored\. The option "threshold" must be an integer from 1 to 99/],
  ["TRESHOLD", "60", /TRESHOLD is ignored\. There is no such option\. Known are: .*NODE_OOM_HEAPDUMP_THRESHOLD/],
  ["EXEC", "[not json", /EXEC is ignored\. /],
]) {
  test(`NODE_OOM_HEAPDUMP_${variable}=${value} is one warning, and the program runs on with the default`, async () => {
    const finished = await statusOf({ [`NODE_OOM_HEAPDUMP_${variable}`]: value });
    assert.equal(printed(finished).threshold, 75);
    assert.match(finished.stderr, reason);
  });
}

/** Runs a leaking program of which no line knows the package, preloaded by these flags. */
async function dieUnaware(context, flags) {
  const directory = temporaryDirectory(context);
  fs.writeFileSync(path.join(directory, "program.js"), leakForever);
  fs.mkdirSync(path.join(directory, "node_modules"));
  fs.symlinkSync(root, path.join(directory, "node_modules", "node-oom-heapdump"));
  const finished = await run(process.execPath, ["--max-old-space-size=30", ...flags, "program.js"], {
    cwd: directory,
    ...withVariables({ NODE_OOM_HEAPDUMP_NAME: "unaware", NODE_OOM_HEAPDUMP_COMPRESS: "gzip" }),
  });
  return { directory, ...finished };
}

for (const flags of [
  ["-r", "node-oom-heapdump/register"],
  ["--import", "node-oom-heapdump/register"],
]) {
  test(`node ${flags.join(" ")} needs no code, and takes its options from the environment`, async (context) => {
    const finished = await dieUnaware(context, flags);
    assert.ok(
      ourLines(finished).some((line) => line.includes("is complete")),
      finished.stderr,
    );
    assert.ok(fs.existsSync(path.join(finished.directory, "unaware.heapsnapshot.gz")));
  });
}

test("a module imports the package as it is required", async (context) => {
  const directory = temporaryDirectory(context);
  fs.mkdirSync(path.join(directory, "node_modules"));
  fs.symlinkSync(root, path.join(directory, "node_modules", "node-oom-heapdump"));
  const script = `
    import watch from "node-oom-heapdump"; import { createRequire } from "node:module"
    const required = createRequire(process.cwd() + "/x")("node-oom-heapdump")
    console.log(JSON.stringify(watch === required && watch().status().armed)); process.exit()`;
  const finished = await run(process.execPath, ["--input-type=module", "-e", script], { cwd: directory });
  assert.equal(printed(finished), true);
});

/** The name of the file that a snapshot gets with these options. */
async function nameWith(context, options) {
  const script = `watch(${options}).createHeapSnapshot().then((path) => { console.log(JSON.stringify(path)); process.exit() })`;
  return path.basename(printed(await runWatched(script, { cwd: temporaryDirectory(context) })));
}

for (const options of [
  '{ path: "mine" }',
  '{ path: "mine.heapsnapshot", port: "9229", addTimestamp: false }',
  '{ path: "mine", OOMImplementation: "NATIVE_HOOK", heapdumpOnOOM: true }',
]) {
  test(`of version 3, ${options} is understood`, async (context) => {
    assert.equal(await nameWith(context, options), "mine.heapsnapshot");
  });
}

test("addTimestamp adds the local time of the call", async (context) => {
  for (const file of ["mine", "mine.heapsnapshot"]) {
    const name = await nameWith(context, `{ path: "${file}", addTimestamp: true }`);
    assert.match(name, /^mine-20\d{6}T\d{6}\.heapsnapshot$/);
  }
});
