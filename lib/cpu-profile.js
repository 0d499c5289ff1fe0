"use strict";

// Records what this thread spends its time on. The helper does it over the inspector where that is open; else the thread
// records itself, and no port is opened. Either way the helper writes the file, whole or not at all.

const { spawn } = require("node:child_process");
const { promisify } = require("node:util");
const { setTimeout: wait } = require("node:timers/promises");
const { inspectorUrl } = require("./inspector-url");
const { loadNative } = require("./native");

async function recordCpuProfile(file, durationMs) {
  const { helper } = loadNative();
  const url = inspectorUrl();
  if (url) return askHelper(helper, file, ["--inspector-url", url, "--duration", String(durationMs)]);
  return askHelper(helper, file, ["--standard-input"], JSON.stringify(await recordThisThread(durationMs)));
}

async function recordThisThread(durationMs) {
  const { Session } = require("node:inspector");
  const session = new Session();
  session.connect();
  try {
    const post = promisify(session.post.bind(session));
    await post("Profiler.enable");
    await post("Profiler.start");
    await wait(durationMs);
    return (await post("Profiler.stop")).profile;
  } finally {
    session.disconnect();
  }
}

// Resolves to the path of the file, which the helper answers: `complete <bytes> <path>` or `failed <reason>`, and NUL.
function askHelper(helper, file, source, input = "") {
  const args = ["profile", "--process", String(process.pid), "--file", file, ...source];
  return new Promise((resolve, reject) => {
    const child = spawn(helper, args, { stdio: ["pipe", "pipe", "inherit"] });
    let answer = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (answer += text));
    child.on("error", reject);
    child.on("close", () => {
      const [, path] = /^complete \d+ (.*)\0$/s.exec(answer) ?? [];
      if (path) return resolve(path);
      const [, reason] = /^failed (.*)\0$/s.exec(answer) ?? [];
      reject(new Error(`No CPU profile was made: ${reason ?? "the helper process was ended"}`));
    });
    // A helper that cannot take the profile says why, or has been killed.
    child.stdin.on("error", () => {}).end(input);
  });
}

module.exports = { recordCpuProfile };
