"use strict";

// The commands that read snapshots: check, analyze, diff, path and show.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test, before } = require("node:test");
const zlib = require("node:zlib");
const { folder, json, run, snapshotOf } = require("./analyze/support");

const analyze = (file, ...args) => json("analyze", file, ...args);

let leak, otherLeak;
before(() => {
  leak = snapshotOf("listeners", 24);
  otherLeak = snapshotOf("connections", 24);
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
    [
      Buffer.concat([whole.subarray(0, edges + 9), Buffer.from("1,1,3,"), whole.subarray(edges + 9)]),
      /leads to 3, which/,
    ],
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
  for (const line of [
    /^1\. `bus\._events\.config` in listeners\.js/m,
    /^ +variable bus +EventEmitter/m,
    /^Classes by/m,
  ])
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

test("path tells what keeps an object, by the id that a report gives", () => {
  const [{ object }] = analyze(leak).suspects;
  for (const id of [`${object.id}`, `@${object.id}`]) {
    const { status, stdout } = run("path", leak, id);
    assert.equal(status, 0);
    assert.match(stdout, /^the program calls it bus\._events\.config$/m);
    assert.match(stdout, /^ +variable bus +EventEmitter/m);
  }
});

test("show tells what an object refers to and what refers to it", () => {
  const [{ object }] = analyze(leak).suspects;
  const shown = json("show", leak, String(object.id), "--top", "5");
  assert.ok(shown.contentCount >= 10_000);
  assert.equal(shown.contents.length, 5);
  assert.ok(shown.contents.some(({ edge, node }) => /^\[\d+\]$/.test(edge) && node.name === "reload()"));
  assert.ok(shown.retainers.some(({ edge, isRetaining }) => edge === ".config" && isRetaining));
});

test("an id that the file does not have is told", () => {
  const { status, stderr } = run("show", leak, "4294967295");
  assert.equal(status, 1);
  assert.match(stderr, /has no object @4294967295; ids are those of one file\n$/);
});

test("diff tells the new suspect, its holder and its class, though no id is the same", () => {
  const { matching, newSuspects, holders, classes } = json("diff", leak, otherLeak);
  assert.match(matching, /ids are not compared/);
  assert.deepEqual(
    newSuspects.map(({ name }) => name),
    ["clients"],
  );
  assert.ok(holders.some(({ name, before, after }) => name.startsWith("clients (Set)") && before === 0 && after > 5e6));
  const client = classes.find(({ name }) => name === "Client");
  assert.deepEqual([client.count, client.place.line], [6_000, 5]);
});

test("a snapshot does not differ from itself", () => {
  const { bytes, nodes, newSuspects, holders, classes } = json("diff", leak, leak);
  assert.deepEqual([bytes, nodes, newSuspects, holders, classes], [0, 0, [], [], []]);
});
