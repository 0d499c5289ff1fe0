"use strict";

// The files of one kind that this module has made, and the only ones that it deletes.

const { rm, unlink } = require("node:fs/promises");
const { resolve } = require("node:path");

class MadeFiles {
  #paths = new Set();

  add(path) {
    this.#paths.add(path);
    return path;
  }

  // Deletes one of them; `path` as it was given by the promise, or any other that leads to the same name.
  async delete(path) {
    const file = resolve(path);
    if (!this.#paths.has(file)) throw new Error(`File not found: ${path} was not made by node-oom-heapdump`);
    await unlink(file);
    this.#paths.delete(file);
    return path;
  }

  // Deletes all that are still there, and resolves to their paths. What cannot be deleted rejects, after all others are.
  async deleteAll() {
    const files = [...this.#paths];
    const results = await Promise.allSettled(files.map((file) => rm(file, { force: true })));
    const failures = results.filter(({ status }) => status === "rejected").map(({ reason }) => reason);
    files.forEach((file, index) => results[index].status === "fulfilled" && this.#paths.delete(file));
    if (failures.length > 0) throw new AggregateError(failures, failures.map(({ message }) => message).join("; "));
    return files;
  }
}

module.exports = { MadeFiles };
