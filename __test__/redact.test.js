"use strict";

// `redact: true`: nothing that a string says is in the file, in the summary, or in the pipe that both come through.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { before, test } = require("node:test");
const { majors, node } = require("./support/node-versions");
const { temporaryDirectory } = require("./support/program");
const { buildReader, readSummary, readWithDevTools, readWithHeapParser, snapshotsIn } = require("./support/snapshot");
const { dieWatched, ourLines, printed, runWatched } = require("./support/watched");

before(buildReader);

// Each secret is made from two halves at run time, as a flat string, so that no source has it; what the source has is planted as well.
const planting = `
  const half = (name) => ["planted", name].join("-")
  const kept = {
    oneByte: (half("one-byte") + "!").split("").join(""),
    twoByte: (half("two-byte") + "\\u6f22").split("").join(""),
    cons: half("cons-left-part-") + half("cons-right-part"),
    sliced: (half("sliced-of-a-much-longer-string") + ".".repeat(100)).split("").join("").slice(3, 60),
    external: process.version && require("node:buffer").Buffer.from(half("external").repeat(100_000)).latin1Slice(),
    fastKey: { [half("fast-key")]: 1 },
    dictionary: Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [half("dictionary-key-") + n, n])),
    map: new Map([[half("map-key"), { value: half("map-value") }]]),
    weak: [],
    set: new Set([half("set-member")]),
    symbol: Symbol(half("symbol")),
    elements: { 987654321: {}, 1987654321: {} },
    regExp: new RegExp(half("regexp")),
    error: new Error(half("error")),
    getter: Object.defineProperty({}, half("getter"), { get() { return 1 }, enumerable: true }),
    literal: "planted-in-the-source",
    json: JSON.parse('{"' + half("json-key") + '":"' + half("json-value") + '"}'),
  }
  class LeakingSecrets { constructor() { this.kept = kept } }
  const leak = new LeakingSecrets()`;

const dump = `
  const instance = watch({ method: "auto", threshold: false, redact: true })
  instance.createHeapSnapshot("mine").then(() => { console.log(JSON.stringify(Object.keys(leak.kept).length)); process.exit() })`;

/** What of the secrets is in these bytes, in one byte or two a character, or as JSON has it. */
function secretsIn(bytes) {
  const found = [];
  for (const encoding of ["latin1", "utf16le"]) {
    const text = bytes.toString(encoding);
    found.push(...(text.match(/planted[-\w]{0,40}/g) ?? []), ...(text.match(/1?987654321/g) ?? []));
  }
  return found;
}

for (const major of majors) {
  test(`on Node ${major} no file holds what strings and keys say, and the snapshot is whole`, async (context) => {
    const directory = temporaryDirectory(context);
    const finished = await runWatched(`${planting}; ${dump}`, {
      node: node(major).path,
      cwd: directory,
      flags: ["--title=planted-title", "--no-warnings"],
    });
    assert.equal(printed(finished), 17);
    const file = path.join(directory, "mine.heapsnapshot");
    assert.deepEqual(secretsIn(fs.readFileSync(file)), []);
    assert.deepEqual(secretsIn(fs.readFileSync(path.join(directory, "mine.summary.json"))), []);
    assert.deepEqual(await readWithDevTools(file), await readWithHeapParser(file));
    const names = JSON.parse(fs.readFileSync(file, "utf8")).strings;
    assert.ok(names.includes("LeakingSecrets"), "classes keep their names");
    assert.ok(names.some((name) => /^\(redacted: \d+ characters, [0-9a-f]{16}\)$/.test(name)));
  });
}

test("without redact the secrets are there, so that the test can find them", async (context) => {
  const directory = temporaryDirectory(context);
  await runWatched(`${planting}; ${dump.replace(", redact: true", "")}`, { cwd: directory });
  const found = secretsIn(fs.readFileSync(path.join(directory, "mine.heapsnapshot"))).join("\n");
  for (const secret of ["one-byte", "two-byte", "cons", "sliced", "external", "fast-key", "dictionary-key"]) {
    assert.ok(found.includes(`planted-${secret}`), secret);
  }
  for (const secret of ["map-key", "map-value", "set-member", "symbol", "regexp", "error", "getter", "json-key"]) {
    assert.ok(found.includes(`planted-${secret}`), secret);
  }
  assert.ok(found.includes("987654321") && found.includes("planted-in-the-source"));
});

test("nothing of the contents reaches the pipe", async (context) => {
  const directory = temporaryDirectory(context);
  // A helper that keeps what comes, in place of the real one.
  const copy = path.join(directory, "copy");
  require("./support/watched").copyPackage(copy);
  const helper = path.join(copy, "native", "node-oom-heapdump");
  fs.writeFileSync(helper, `#!/bin/sh\ncat > ${directory}/pipe\n`, { mode: 0o755 });
  const script = `${planting}; ${dump.replace(".then(", ".catch(() => {}).then(")}`;
  await runWatched(script, { cwd: directory, watch: copy });
  const bytes = fs.readFileSync(path.join(directory, "pipe"));
  assert.ok(bytes.length > 1_000_000, `${bytes.length} bytes went through the pipe`);
  assert.deepEqual(secretsIn(bytes), []);
});

test("equal strings stay equal in one dump, and differ between two", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `
    const text = (n) => ["a text of its own", n].join(" ")
    const kept = [text(1), text(1), text(2)].map((text) => ({ text }))
    const instance = watch({ method: "native", threshold: false, redact: true });
    (async () => {
      await instance.createHeapSnapshot("one")
      await instance.createHeapSnapshot("two")
      return kept.length
    })().then((length) => { console.log(length); process.exit() })`;
  await runWatched(script, { cwd: directory });
  const [one, two] = ["one", "two"].map((name) => {
    const { strings } = JSON.parse(fs.readFileSync(path.join(directory, `${name}.heapsnapshot`), "utf8"));
    return new Set(strings.filter((name) => /^\(redacted: 19 characters/.test(name)));
  });
  assert.ok(one.size >= 2);
  assert.deepEqual(
    [...one].filter((name) => two.has(name)),
    [],
  );
});

test("a method that cannot redact is refused in one sentence", async () => {
  const script = `
    const warnings = []
    process.on("warning", ({ name, message }) => { if (name === "OomHeapdumpWarning") warnings.push(message) })
    const { armed } = watch({ method: "inspector", redact: true }).status()
    setTimeout(() => { console.log(JSON.stringify({ warnings, armed })); process.exit() }, 50)`;
  const { warnings, armed } = printed(await runWatched(script, { flags: ["--inspect=0"] }));
  assert.equal(armed, false);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /the inspector cannot redact/);
});

test("the inspector is never asked where a redacted dump fails", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `
    const { frozenChildrenOf } = require(${JSON.stringify(path.join(__dirname, "support", "processes.js"))})
    const instance = watch({ method: "auto", threshold: false, redact: true })
    const dump = instance.createHeapSnapshot("mine").catch((error) => error.message)
    while (frozenChildrenOf(process.pid).length === 0);
    for (const { id } of frozenChildrenOf(process.pid)) try { process.kill(id, "SIGKILL") } catch {}
    dump.then((told) => { console.log(JSON.stringify(told)); process.exit() })`;
  const finished = await runWatched(script, { cwd: directory, flags: ["--inspect=0"] });
  assert.doesNotMatch(finished.stderr, /the inspector is asked/);
  assert.deepEqual(snapshotsIn(directory), printed(finished).startsWith("no heap") ? [] : ["mine.heapsnapshot"]);
});

test("a death writes a redacted summary too", async (context) => {
  const directory = temporaryDirectory(context);
  const options = { method: "native", threshold: false, name: "mine", redact: true };
  const finished = await dieWatched(options, { cwd: directory, flags: [] });
  assert.ok(
    ourLines(finished).some((line) => line.includes("is complete")),
    finished.stderr,
  );
  assert.deepEqual(readSummary(directory, "mine").dump.execArgv, [
    "--max-old-space-size=(redacted)",
    "-e",
    "(redacted)",
  ]);
});
