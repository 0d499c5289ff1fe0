"use strict";

// Short programs that require the package, each in a process of its own. In every script `watch` is the package.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { run } = require("./program");

const root = path.join(__dirname, "..", "..");

/** A leak for scripts: small objects in a chain, until the process dies. */
const leakForever =
  "let chain; setInterval(() => { for (let i = 0; i < 200; i++) chain = { chain, numbers: new Array(64).fill(i) } }, 1)";

/** Runs a script that has `watch`. `flags` are Node's, `node` its executable, the rest as for `run`. */
function runWatched(script, { node = process.execPath, flags = [], watch = root, ...options } = {}) {
  return run(node, [...flags, "-e", `const watch = require(${JSON.stringify(watch)}); ${script}`], options);
}

/** What a script has written with `console.log(JSON.stringify(…))`. */
const printed = ({ stdout, stderr }) => {
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`the program printed no result. It printed: ${stdout}\n${stderr}`);
  }
};

/** Lets a process die of out-of-memory while it watches with these options. */
function dieWatched(options, { flags = ["--inspect=0"], ...rest } = {}) {
  return runWatched(`watch(${JSON.stringify(options)}); ${leakForever}`, {
    flags: ["--max-old-space-size=30", ...flags],
    ...rest,
  });
}

/**
 * Makes a process take one dump although it is well: with a threshold of 1 % the first full collection is a danger.
 * Resolves to the paths in `status().dumps`.
 */
async function dumpWatched(options, { then = "", ...rest } = {}) {
  const script = `
    const instance = watch(${JSON.stringify({ threshold: 1, ...options })}); ${then}
    gc()
    setInterval(() => { if (instance.status().dumps.length > 0) { console.log(JSON.stringify(instance.status().dumps)); process.exit() } }, 10)`;
  return printed(
    await runWatched(script, {
      flags: ["--max-old-space-size=60", "--inspect=0", "--expose-gc"],
      timeout: 15_000,
      ...rest,
    }),
  );
}

/** The lines of standard error that this package wrote, but those of summaries. */
const ourLines = ({ stderr }) =>
  stderr.split("\n").filter((line) => /^node-oom-heapdump: (?!summary: |suspects: )/.test(line));

/** The lines of standard error that tell a summary. */
const summaryLines = ({ stderr }) =>
  stderr.split("\n").filter((line) => line.startsWith("node-oom-heapdump: summary: "));

/**
 * Asserts that no attempt at a dump came to anything and that each told its danger and its failure in one line, both for
 * `whose` ("process 7"). The package tries when the threshold is crossed, when the limit is near and when V8 gives up.
 */
function assertFailureIsTold(finished, whose, reason) {
  const lines = ourLines(finished).filter((line) => !/is let go|the summary of the heap is not written/.test(line));
  const attempts = lines.length / 2;
  assert.ok([1, 2, 3].includes(attempts), finished.stderr);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const [danger, failure] = lines.slice(attempt * 2);
    assert.ok(danger.includes(whose) && danger.endsWith("taking a heap snapshot"), danger);
    assert.ok(failure.includes(`no heap snapshot of ${whose}: `), failure);
    assert.match(failure, reason);
  }
}

/** Copies what is published, and the built artefacts, so that it is a second installed copy of the package. */
function copyPackage(directory) {
  const { files = [] } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
  for (const file of new Set(["package.json", "index.js", "native", ...files])) {
    if (fs.existsSync(path.join(root, file)))
      fs.cpSync(path.join(root, file), path.join(directory, file), { recursive: true });
  }
  return directory;
}

module.exports = {
  root,
  leakForever,
  runWatched,
  printed,
  dieWatched,
  dumpWatched,
  ourLines,
  summaryLines,
  assertFailureIsTold,
  copyPackage,
};
