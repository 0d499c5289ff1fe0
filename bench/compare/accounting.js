"use strict";

// What a process and everything it starts take from the machine, as the kernel counts it: control groups of version 1 where
// they can be made, else /proc. Times in milliseconds, memory in bytes.

const fs = require("node:fs");
const { join } = require("node:path");

const HIERARCHIES = { memory: "/sys/fs/cgroup/memory", cpu: "/sys/fs/cgroup/cpuacct" };
const SAMPLE = 10;

const field = (text, name) => Number(new RegExp(`^${name}\\s+(\\d+)$`, "m").exec(text)?.[1] ?? 0);

/** Groups of its own for one run. */
class ControlGroups {
  constructor(limit) {
    const name = `compare-${process.pid}-${Math.random().toString(36).slice(2)}`;
    this.memory = join(HIERARCHIES.memory, name);
    this.cpu = join(HIERARCHIES.cpu, name);
    fs.mkdirSync(this.memory);
    fs.mkdirSync(this.cpu);
    if (limit) fs.writeFileSync(join(this.memory, "memory.limit_in_bytes"), String(limit));
    this.anonymousPeak = 0;
  }

  /** The command that runs `command` inside of them. */
  enter(command) {
    return [
      "sh",
      "-c",
      'echo $$ > "$0/cgroup.procs"; echo $$ > "$1/cgroup.procs"; shift; exec "$@"',
      this.memory,
      this.cpu,
    ].concat(command);
  }

  read(folder, file) {
    return fs.readFileSync(join(folder, file), "utf8");
  }

  get anonymous() {
    return field(this.read(this.memory, "memory.stat"), "total_rss");
  }

  /** From now on peaks and CPU time count. */
  begin() {
    fs.writeFileSync(join(this.memory, "memory.max_usage_in_bytes"), "0");
    this.before = { anonymous: this.anonymous, usage: this.usage("usage"), cpu: this.cpuTime };
    this.anonymousPeak = this.before.anonymous;
    this.sampler = setInterval(() => {
      this.anonymousPeak = Math.max(this.anonymousPeak, this.anonymous);
    }, SAMPLE);
  }

  usage(name) {
    return Number(this.read(this.memory, `memory.${name}_in_bytes`));
  }

  get cpuTime() {
    return Number(this.read(this.cpu, "cpuacct.usage")) / 1e6;
  }

  get kills() {
    return field(this.read(this.memory, "memory.oom_control"), "oom_kill");
  }

  /** What was taken since `begin`. `charged` has the pages of files that were read and written. */
  end() {
    clearInterval(this.sampler);
    return {
      cpu: this.cpuTime - this.before.cpu,
      memory: this.anonymousPeak - this.before.anonymous,
      charged: this.usage("max_usage") - this.before.usage,
      kills: this.kills,
    };
  }

  async remove() {
    clearInterval(this.sampler);
    for (const id of this.read(this.memory, "cgroup.procs").split("\n").filter(Boolean)) {
      try {
        process.kill(Number(id), "SIGKILL");
      } catch {} // It has ended by itself.
    }
    for (const folder of [this.memory, this.cpu]) await removeGroup(folder);
  }
}

async function removeGroup(folder) {
  for (let attempt = 0; fs.existsSync(folder) && attempt < 100; attempt++) {
    try {
      fs.rmdirSync(folder);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20)); // A process of it is still ending.
    }
  }
}

/** Without control groups: the peaks of the process and of its children, by their ids, sampled while it runs. */
class ProcessTree {
  constructor() {
    this.peaks = new Map();
    this.times = new Map();
  }

  enter(command) {
    return command;
  }

  begin(id) {
    this.id = id;
    this.sample();
    this.before = { memory: this.rss, cpu: this.cpuTime };
    this.sampler = setInterval(() => this.sample(), SAMPLE);
  }

  get rss() {
    return [...this.peaks.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  get cpuTime() {
    return [...this.times.values()].reduce((sum, time) => sum + time, 0);
  }

  sample(id = this.id) {
    try {
      const status = fs.readFileSync(`/proc/${id}/status`, "latin1");
      const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status);
      if (peak) this.peaks.set(id, Number(peak[1]) * 1024); // A process that has ended has none any more.
      const words = fs.readFileSync(`/proc/${id}/stat`, "latin1").split(") ")[1].split(" ");
      this.times.set(id, (Number(words[11]) + Number(words[12])) * 10);
      const children = fs.readFileSync(`/proc/${id}/task/${id}/children`, "latin1").split(" ").filter(Boolean);
      for (const child of children) this.sample(child);
    } catch {} // It has ended.
  }

  end() {
    clearInterval(this.sampler);
    return { cpu: this.cpuTime - this.before.cpu, memory: this.rss - this.before.memory, charged: null, kills: 0 };
  }

  async remove() {
    clearInterval(this.sampler);
  }
}

function canMakeGroups() {
  try {
    for (const hierarchy of Object.values(HIERARCHIES)) {
      const folder = fs.mkdtempSync(join(hierarchy, "compare-"));
      fs.rmdirSync(folder);
    }
    return true;
  } catch {
    return false;
  }
}

const hasGroups = canMakeGroups();

/** An account for one run; a limit needs control groups. */
const openAccount = (limit) => (hasGroups ? new ControlGroups(limit) : new ProcessTree());

module.exports = { ProcessTree, hasGroups, openAccount };
