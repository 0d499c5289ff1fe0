"use strict";

// The files of one kind that this module has made, and the only ones that it deletes. A snapshot's summary goes with it.

const fs = require("node:fs");
const { resolve } = require("node:path");
const { summaryOf } = require("./summary-path");

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
    await this.#remove(file);
    return path;
  }

  // Deletes all that are still there, and resolves to their paths. What cannot be deleted rejects, after all others are.
  async deleteAll() {
    const files = [...this.#paths];
    const results = await Promise.allSettled(files.map((file) => this.#remove(file)));
    const failures = results.map(({ reason }) => reason).filter((error) => error && error.code !== "ENOENT");
    if (failures.length > 0) throw new AggregateError(failures, failures.map(({ message }) => message).join("; "));
    return files;
  }

  async #remove(file) {
    const summary = summaryOf(file);
    await Promise.all([file, summary].filter(Boolean).map((path) => fs.promises.unlink(path)));
    this.#paths.delete(file);
  }
}

module.exports = { MadeFiles };
