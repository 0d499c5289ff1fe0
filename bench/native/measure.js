"use strict";

// One heap in one process, dumped by V8 and by us in turns. Prints one line of JSON. Times are in milliseconds, memory in bytes.
//
// node --expose-gc measure.js <shape> <heap in MB> <turns> <with V8: yes or no> <folder for the files>

const { readFileSync, rmSync, statSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const v8 = require("node:v8");
const { arm } = require("../../__test__/support/arm");
const { ADDON, HELPER } = require("./artefacts");
const shapes = require("./shapes");

const STALL_PAIRS = 15;
const [shapeName, megabytes, turns, withV8, folder] = process.argv.slice(2);

function armedAddon() {
  const addon = require(ADDON);
  arm(addon, { file: join(folder, "unused.heapsnapshot"), helper: HELPER });
  return addon;
}

// The peak since the last reset, and the use now, of this process's resident memory, and how much of that are pages of files.
function residentMemory() {
  const status = readFileSync("/proc/self/status", "latin1");
  const field = (name) => Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)[1]) * 1024;
  return { peak: field("VmHWM"), now: field("VmRSS"), files: field("RssFile") };
}

function growthWhile(work) {
  global.gc();
  writeFileSync("/proc/self/clear_refs", "5");
  const before = residentMemory();
  const result = work();
  const after = residentMemory();
  // Who first reads the sources of Node's own modules has pages of the executable mapped, which are no memory of its own.
  return { result, growth: after.peak - before.now - (after.files - before.files) };
}

function fileSize(file) {
  const { size } = statSync(file);
  rmSync(file);
  return size;
}

function dumpByV8() {
  const file = join(folder, `v8-${process.pid}.heapsnapshot`);
  const { result, growth } = growthWhile(() => {
    const before = { cpu: process.cpuUsage(), wall: performance.now() };
    v8.writeHeapSnapshot(file);
    const { user, system } = process.cpuUsage(before.cpu);
    return { cpu: (user + system) / 1e3, wall: performance.now() - before.wall };
  });
  return { ...result, memory: growth, file: fileSize(file) };
}

function dumpByUs(addon, shared) {
  const file = join(folder, `ours-${process.pid}.heapsnapshot`);
  const { result: costs, growth } = growthWhile(() => addon.measureDump(shared, file));
  return {
    cpu: costs.ownCpu + costs.childCpu + costs.helperCpu,
    childCpu: costs.childCpu,
    helperCpu: costs.helperCpu,
    wall: costs.wall,
    held: costs.held,
    childMemory: costs.childMemory,
    helperMemory: costs.helperMemory,
    // The shared child's memory is this process's, so what it took is seen from outside, too.
    memory: shared ? growth + costs.helperMemory : costs.childMemory + costs.helperMemory,
    file: fileSize(costs.file),
  };
}

// What writing to every object costs the application while a child has a copy of the memory, beside what it costs alone.
function copyOnWrite(addon, heap) {
  const touch = () => {
    const before = { ...process.resourceUsage(), wall: performance.now() };
    for (const array of heap) for (const point of array) point.x++;
    return {
      faults: process.resourceUsage().minorPageFault - before.minorPageFault,
      wall: performance.now() - before.wall,
    };
  };
  touch();
  const alone = touch();
  let beside;
  addon.writeBesideFrozenChild(() => void (beside = touch()));
  return { faults: beside.faults - alone.faults, wall: beside.wall - alone.wall };
}

const repeat = (count, work) => Array.from({ length: count }, (_, index) => work(index));

function main() {
  const shape = shapes[shapeName];
  const heap = shape.make(Math.round((megabytes * 2 ** 20) / shape.bytes));
  global.gc();
  const heapBytes = v8.getHeapStatistics().used_heap_size;
  const addon = armedAddon();
  const stall = repeat(STALL_PAIRS, (index) => addon.measureStall(index % 2 === 1));
  const sharedStart = repeat(STALL_PAIRS, () => addon.measureSharedStart());
  const writes = shapeName === "objects" ? copyOnWrite(addon, heap) : null;
  const dumps = { shared: [], copied: [], v8: [] };
  for (let turn = 0; turn < turns; turn++) {
    dumps.shared.push(dumpByUs(addon, true));
    dumps.copied.push(dumpByUs(addon, false));
    if (withV8 === "yes") dumps.v8.push(dumpByV8());
  }
  console.log(JSON.stringify({ heapBytes, stall, sharedStart, writes, dumps, kept: heap ? 1 : 0 }));
}

main();
