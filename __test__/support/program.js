"use strict";

// Runs programs as a user would start them, and gives them a directory to leave files in.
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

/** A new empty directory, gone when `context` (a test) is over. Without a test the caller removes it. */
function temporaryDirectory(context) {
  const directory = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "node-oom-heapdump-"));
  context?.after(() => {
    fs.chmodSync(directory, 0o700);
    fs.rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/**
 * Runs a program to its end: `{ pid, code, signal, stdout, stderr, milliseconds }`. One that is still running after
 * `timeout` milliseconds is killed, and `timedOut` is true.
 */
function run(program, args, { timeout = 60_000, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    let stdout = "";
    let stderr = "";
    let timedOut = false;
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeout);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ pid: child.pid, code, signal, stdout, stderr, timedOut, milliseconds: performance.now() - started });
    });
  });
}

/** How the process ended, in words for a failed assertion. */
const ending = ({ code, signal, timedOut }) =>
  timedOut
    ? "was still running and had to be killed"
    : signal === null
      ? `exited with code ${code}`
      : `was ended by ${signal}`;

module.exports = { temporaryDirectory, run, ending };
