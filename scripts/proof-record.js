"use strict";

// What `npm run proof` has proved so far, kept in .cache/ so that an interrupted proof goes on where it was.
const { execFileSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { cache } = require("../__test__/support/node-versions");
const { BUILT_HERE } = require("../lib/native");

const root = path.join(__dirname, "..");
const record = path.join(cache, "proof.json");

/** Names the build of the package that is proved. */
function build() {
  const hash = createHash("sha256");
  for (const file of Object.values(BUILT_HERE)) hash.update(fs.readFileSync(file));
  return hash.digest("hex").slice(0, 12);
}

/** What the package is made of. */
const sources = ["--", "src", "build.rs", "Cargo.toml", "Cargo.lock", "lib", "index.js", "register.js"];

const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();

/** Names the state of the sources, for people: the last commit that changed them, and whether there is more. */
function commit() {
  const isChanged = git("status", "--porcelain", ...sources) !== "";
  return `${git("log", "-1", "--format=%h", ...sources)}${isChanged ? " and changes" : ""}`;
}

/** The proofs: `{ <method>: { build, runs: { <cell>: [run, …] } } }`. */
const readRecord = () => (fs.existsSync(record) ? JSON.parse(fs.readFileSync(record, "utf8")) : {});

const writeRecord = (proofs) => replaceFile(record, JSON.stringify(proofs, null, 1));

/** Writes a file so that nobody sees half of it. */
function replaceFile(file, text) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.part`, text);
  fs.renameSync(`${file}.part`, file);
}

/** Does `work` with each of `all`, `jobs` at a time. */
async function inTurns(all, jobs, work) {
  const left = [...all];
  const takeTurns = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: jobs }, takeTurns));
}

/** A whole number from a command line. */
function count(text, name) {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${name} ${text}: give a whole number from 1`);
  return Number(text);
}

/** Of each list in `lists` those that `only` names, or all where it names none of the list. */
function choose(only, lists) {
  const words = only.split(",").filter(Boolean);
  const unknown = words.find((word) => !Object.values(lists).flat().map(String).includes(word));
  if (unknown !== undefined)
    throw new Error(`--only ${unknown}: give some of ${Object.values(lists).flat().join(", ")}, with commas between`);
  const chosen = (all) => {
    const named = all.filter((one) => words.includes(String(one)));
    return named.length > 0 ? named : all;
  };
  return Object.fromEntries(Object.entries(lists).map(([name, all]) => [name, chosen(all)]));
}

module.exports = { build, commit, readRecord, writeRecord, replaceFile, inTurns, count, choose };
