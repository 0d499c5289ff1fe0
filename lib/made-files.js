"use strict";

// The files of one kind that this module has made, and the only ones that it deletes.

const { unlink } = require("node:fs/promises");
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
    const failures = [];
    const remove = async (file) => {
      try {
        await unlink(file);
      } catch (error) {
        if (error.code !== "ENOENT") return failures.push(error);
      }
      this.#paths.delete(file);
    };
    await Promise.all(files.map(remove));
    if (failures.length > 0) throw new AggregateError(failures, failures.map(({ message }) => message).join("; "));
    return files;
  }
}

module.exports = { MadeFiles };
