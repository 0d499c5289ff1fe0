"use strict";

// Heap snapshots and CPU profiles that the program asks for. One kind at a time, for a profile would show the snapshot.
// Knows nothing of how either is made.

const { resolve } = require("node:path");
const { MadeFiles } = require("./made-files");
const { fileName, profileDuration } = require("./options");

class OnDemand {
  #takeHeapSnapshot;
  #recordCpuProfile;
  #underWay = { snapshots: 0, profiles: 0 };

  heapSnapshots = new MadeFiles();
  cpuProfiles = new MadeFiles();

  // Both functions resolve to the path of the file they made.
  constructor({ takeHeapSnapshot, recordCpuProfile }) {
    this.#takeHeapSnapshot = takeHeapSnapshot;
    this.#recordCpuProfile = recordCpuProfile;
  }

  async createHeapSnapshot(path) {
    const file = path === undefined ? undefined : fileName("path", path);
    return this.#whileNo(["profiles"], "snapshots", async () =>
      this.heapSnapshots.add(await this.#takeHeapSnapshot(file)),
    );
  }

  async createCpuProfile(path = `CPU-${process.pid}-${Date.now()}`, durationMs = 30_000) {
    const file = resolve(fileName("path", path, ".cpuprofile"));
    const duration = profileDuration(durationMs);
    return this.#whileNo(["profiles", "snapshots"], "profiles", async () =>
      this.cpuProfiles.add(await this.#recordCpuProfile(file, duration)),
    );
  }

  async #whileNo(others, kind, make) {
    if (others.some((other) => this.#underWay[other] > 0)) {
      throw new Error("A CPU profile or heap snapshot is already being created, please retry later.");
    }
    this.#underWay[kind]++;
    try {
      return await make();
    } finally {
      this.#underWay[kind]--;
    }
  }
}

module.exports = { OnDemand };
