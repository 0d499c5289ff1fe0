"use strict";

// One run of the application with one contender: what became of its file, and what it took.

const { spawn } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const { dirname, join } = require("node:path");
const { executable } = require("../../__test__/support/node-versions");
const { run } = require("../../__test__/support/program");
const { readWithHeapParser } = require("../../__test__/support/snapshot");
const { loadNative } = require("../../lib/native");
const { openAccount } = require("./accounting");
const { contenders } = require("./contenders");
const { folderFor } = require("./folder");
const { installed } = require("./install");

const APPLICATION = join(__dirname, "application.js");

/** Of the limit, what the application holds before it begins to leak. */
const HELD_BEFORE_LEAK = 0.6;

/** The independent reader takes about five times this. */
const MOST_FOR_READER = 10 ** 9;

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** What a run is: `{ contender, major, shape, happening, megabytes }`; held are `megabytes` if asked, else they are the limit. */
async function commandOf({ contender: name, major, shape, happening, megabytes }) {
  const contender = contenders[name];
  const port = await freePort();
  const isAsked = happening === "asked";
  const limit = isAsked ? 2 * megabytes + 512 : megabytes;
  const held = isAsked ? megabytes : megabytes * HELD_BEFORE_LEAK;
  const arming = JSON.stringify({ port, installed: contender.needs && installed(major, contender.needs) });
  const flags = [`--max-old-space-size=${limit}`, ...(contender.flags?.({ port }) ?? [])];
  return [executable(major), ...flags, APPLICATION, name, shape, happening, held, arming].map(String);
}

/** Lets it happen once. `limit` bounds the memory of the application and of all that it starts, in bytes. */
async function runOnce(what, { limit, timeout, isTimed = false }) {
  const directory = folderFor({ isTimed });
  const account = openAccount(limit);
  try {
    const finished = await follow(what, { account, directory, timeout });
    return { ...finished, ...(await verdict(directory, finished)), load: os.loadavg()[0] };
  } finally {
    await account.remove();
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

async function follow(what, { account, directory, timeout }) {
  const [program, ...args] = account.enter(await commandOf(what));
  const child = spawn(program, args, {
    cwd: directory,
    // A session of its own, which gets its own share of the processors.
    detached: true,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // Who starts `node` gets this one.
    env: { ...process.env, PATH: `${dirname(executable(what.major))}:${process.env.PATH}` },
  });
  const told = {};
  let stderr = "";
  let costs;
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr = (stderr + text).slice(-4000)));
  child.on("message", (message) => {
    Object.assign(told, message);
    if (message.held) {
      account.begin(child.pid);
      child.send("go on", () => {});
    }
    if (message.took) costs = account.end();
  });
  return new Promise((resolve, reject) => {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeout);
    child.once("error", reject);
    child.once("exit", () => {
      // The last beat of a process that dies was when it began to leak.
      if (told.began) told.untilDeath = (Number(process.hrtime.bigint()) - told.began) / 1e6;
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (told.held) costs ??= account.end();
      const kills = account.kills ?? 0;
      resolve({ ...costs, ...told, ending: endingOf({ code, signal, timedOut, kills, stderr }) });
    });
  });
}

function endingOf({ code, signal, timedOut, kills, stderr }) {
  if (timedOut) return "not within the time";
  if (kills > 0) return "killed by the kernel for want of memory";
  if (/FATAL ERROR: .*JavaScript heap out of memory/.test(stderr)) return "died of V8's limit";
  if (/^FATAL ERROR: .*/m.test(stderr)) return /^FATAL ERROR: .*/m.exec(stderr)[0].slice(0, 90);
  return signal ? `ended by ${signal}` : `exit code ${code}`;
}

/** `complete`, `cut short` or `none`, and the bytes of the file. */
async function verdict(directory) {
  const files = fs.readdirSync(directory).filter((name) => name.endsWith(".heapsnapshot"));
  let found = { file: "none" };
  for (const name of files) {
    const file = join(directory, name);
    const bytes = fs.statSync(file).size;
    if (await isComplete(file)) return { file: "complete", bytes };
    found = { file: "cut short", bytes };
  }
  return found;
}

/**
 * A complete file is read by an independent reader, which finds each leaked object in it. Where that reader would take more
 * memory than the machine has, the file is complete by the word of our own `check`.
 */
async function isComplete(file, timeout = 600_000) {
  try {
    if (fs.statSync(file).size > MOST_FOR_READER)
      return (await run(loadNative().helper, ["check", file], { timeout })).code === 0;
    const { instances, ledger } = await readWithHeapParser(file);
    return Number(ledger) > 0 && [Number(ledger), Number(ledger) + 1].includes(instances);
  } catch {
    return false;
  }
}

module.exports = { runOnce };
