"use strict";

// The analysis of snapshots, on native snapshots of real leaks and on V8's own, on every Node version.
const assert = require("node:assert/strict");
const { execFileSync, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { test, before, after } = require("node:test");
const zlib = require("node:zlib");
const causes = require("./analyze/causes");
const { majors, node } = require("./support/node-versions");
const { temporaryDirectory } = require("./support/program");
const { loadNative } = require("../lib/native");

const helper = loadNative().helper;
const folder = temporaryDirectory();
after(() => fs.rmSync(folder, { recursive: true, force: true }));

const run = (...args) => spawnSync(helper, args, { encoding: "utf8", maxBuffer: 2 ** 28 });
const analyze = (file, ...args) => JSON.parse(run("analyze", file, "--json", ...args).stdout);

/** A native snapshot of a leaking program. */
function snapshotOf(program, major) {
  const file = path.join(folder, `${program}-${major}.heapsnapshot`);
  const programs = path.join(__dirname, "leak-causes");
  const args = [path.join(programs, "take.cjs"), path.join(programs, `${program}.js`), file];
  execFileSync(node(major).path, args, { stdio: "ignore" });
  return file;
}

test("the corpus and the causes that are known are the same", () => {
  const programs = fs.readdirSync(path.join(__dirname, "leak-causes")).filter((name) => name.endsWith(".js"));
  assert.deepEqual(programs, Object.keys(causes).sort().map((name) => `${name}.js`));
});

for (const major of majors) {
  test(`Node ${major}: the first suspect names what leaks, in every program of the corpus`, async (t) => {
    for (const [program, { names, growth, entries }] of Object.entries(causes)) {
      await t.test(program, () => {
        const file = snapshotOf(program, major);
        const [first] = analyze(file).suspects;
        fs.rmSync(file);
        assert.ok(first, "there is a suspect");
        assert.ok(first.sentence.includes(names), first.sentence);
        assert.equal(first.growth.shape, growth);
        if (entries) assert.equal(first.growth.entries, entries);
      });
    }
  });

  test(`Node ${major}: dominators and retained sizes are those of DevTools, object by object`, async () => {
    const { buildExample, differences } = await import("./analyze/devtools.mjs");
    buildExample();
    const [theirs, ours] = ["v8", "ours"].map((name) => path.join(folder, `${name}-${major}.heapsnapshot`));
    const program = path.join(__dirname, "fidelity", "snapshots.cjs");
    execFileSync(node(major).path, [program, theirs, ours], { stdio: "ignore" });
    for (const file of [theirs, ours]) {
      const { nodes, found } = await differences(file);
      assert.ok(nodes > 100_000, `${nodes} nodes`);
      assert.deepEqual(found, [], file);
    }
  });
}

let leak;
before(() => {
  leak = snapshotOf("listeners", majors.at(-1));
});

test("check tells of a complete snapshot how large it is, and exits with 0", () => {
  const { status, stdout, stderr } = run("check", leak);
  assert.match(stdout, /^.*listeners.*: complete, \d+ nodes, \d+ edges, \d+ strings\n$/);
  assert.deepEqual([status, stderr], [0, ""]);
});

test("check tells why a file is no complete snapshot and at which byte, and exits with 1", () => {
  const damaged = path.join(folder, "damaged.heapsnapshot");
  const whole = fs.readFileSync(leak);
  const edges = whole.indexOf('"edges":[');
  for (const [content, message] of [
    [whole.subarray(0, whole.length / 2), /: byte \d+: the file ends within its .*: it is cut off; --salvage/],
    [whole.subarray(0, whole.length - 1), /: byte \d+: the file ends within its/],
    ["", /: byte 0: this is not a V8 heap snapshot/],
    ["<html>", /: byte 0: this is not a V8 heap snapshot/],
    [Buffer.concat([whole, whole]), new RegExp(`: byte ${whole.length}: the snapshot is complete here, but more`)],
    [Buffer.concat([whole.subarray(0, edges + 9), Buffer.from("1,1,3,"), whole.subarray(edges + 9)]), /leads to 3, which/],
  ]) {
    fs.writeFileSync(damaged, content);
    const { status, stdout, stderr } = run("check", damaged);
    assert.match(stderr, message);
    assert.deepEqual([status, stdout], [1, ""]);
    assert.equal(stderr.split("\n").length, 2, "one line");
  }
});

test("a file that is missing, a folder and a wrong command line are told in one line each", () => {
  for (const [args, status, message] of [
    [["check", path.join(folder, "none")], 1, /cannot be opened/],
    [["check", folder], 1, /is not a file/],
    [["check"], 2, /a file is missing; see node-oom-heapdump check --help/],
    [["analyze", leak, "--top", "many"], 2, /--help/],
    [["analyze", leak, leak], 2, /--help/],
  ]) {
    const result = run(...args);
    assert.match(result.stderr, message);
    assert.deepEqual([result.status, result.stdout, result.stderr.split("\n").length], [status, "", 2]);
  }
});

test("a compressed snapshot is analysed like a plain one", () => {
  const compressed = path.join(folder, "compressed.heapsnapshot.gz");
  fs.writeFileSync(compressed, zlib.gzipSync(fs.readFileSync(leak), { level: 1 }));
  assert.deepEqual({ ...analyze(compressed), file: "" }, { ...analyze(leak), file: "" });
});

test("what is left of a snapshot that is cut off in its strings is analysed by --salvage", () => {
  const cut = path.join(folder, "cut.heapsnapshot");
  const whole = fs.readFileSync(leak);
  fs.writeFileSync(cut, whole.subarray(0, whole.length - 100_000));
  assert.equal(run("analyze", cut).status, 1);
  const { damage, overview } = analyze(cut, "--salvage");
  assert.match(damage, /byte \d+: the file ends within its strings/);
  assert.equal(overview.nodes, analyze(leak).overview.nodes);
});

test("the text tells the first suspect, its path and the classes", () => {
  const { stdout, status } = run("analyze", leak, "--top", "3");
  assert.equal(status, 0);
  for (const line of [/^1\. `bus\._events\.config` in listeners\.js/m, /^ +variable bus +EventEmitter/m, /^Classes by/m])
    assert.match(stdout, line);
});

test("a class retains what nothing but its instances reaches, and at least what DevTools shows", async () => {
  const { createReadStream } = fs;
  const { parse } = await import("heap-snapshot-toolkit");
  const snapshot = await parse(createReadStream(leak, "utf8"));
  const theirs = Object.values(snapshot.aggregatesWithFilter({}));
  const { classes } = analyze(leak);
  for (const name of ["EventEmitter", "(string)", "(compiled code)"]) {
    const ours = classes.find((entry) => entry.name === name);
    if (!ours) continue;
    const least = theirs.filter((entry) => entry.name === name).reduce((sum, { maxRet }) => Math.max(sum, maxRet), 0);
    assert.ok(ours.retained >= least, `${name}: ${ours.retained}, DevTools: ${least}`);
  }
  assert.ok(classes.every((entry) => entry.retained >= entry.shallow));
});
