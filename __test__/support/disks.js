"use strict";

// Real file systems with something wrong. Mounting needs root: a test that may not mount fails and says so.
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { temporaryDirectory } = require("./program");

function run(program, args) {
  try {
    execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    throw new Error(`this test needs root, to mount file systems: ${error.stderr || error.message}`);
  }
}

function mount(context, args) {
  const directory = temporaryDirectory();
  run("mount", [...args, directory]);
  context.after(() => {
    run("umount", ["--lazy", directory]);
    fs.rmdirSync(directory);
  });
  return directory;
}

/** A tmpfs that takes so many bytes. */
const smallDisk = (context, bytes) => mount(context, ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs"]);

/** A disk that promises 180 MB and, when it is written back, takes about 10 MB of them. */
function brokenDisk(context) {
  const image = path.join(smallDisk(context, 12 << 20), "image");
  fs.writeFileSync(image, "");
  fs.truncateSync(image, 200 << 20);
  run("mkfs.ext4", ["-q", "-F", image]);
  return mount(context, ["-o", "loop", image]);
}

/** A directory that nobody may write to, not even root. */
function readOnlyDisk(context) {
  const directory = smallDisk(context, 200 << 20);
  run("mount", ["-o", "remount,ro", directory]);
  return directory;
}

module.exports = { smallDisk, brokenDisk, readOnlyDisk };
