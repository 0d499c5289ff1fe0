"use strict";

// What leaks in each program of `leak-causes/`: the name or the line that the first suspect must tell, and how it grows.
module.exports = {
  "cached-buffers": { names: "`images` in cached-buffers.js", growth: "buffers" },
  "class-static": { names: "`UserRepository.found` in class-static.js:4", growth: "map" },
  "closure-chain": { names: "`current` in closure-chain.js", growth: "closureChain" },
  "closure-scope": { names: "`callbacks` in closure-scope.js", growth: "array" },
  connections: { names: "`clients` in connections.js", growth: "set" },
  dictionary: { names: "`counters` in dictionary.js", growth: "object" },
  errors: { names: "`failures` in errors.js", growth: "array" },
  express: { names: "`shutdown._events.close` in express.js", growth: "listeners" },
  generators: { names: "`cursors` in generators.js", growth: "array" },
  "global-array": { names: "`globalThis.debugLog`", growth: "array" },
  "linked-list": { names: "`lastStep` in linked-list.js", growth: "linkedList" },
  "listener-scope": { names: "`pages` in listener-scope.js", growth: "map", entries: 10_000 },
  listeners: { names: "`bus._events.config` in listeners.js", growth: "listeners" },
  memoize: { names: "`results` in memoize.js", growth: "map" },
  promises: { names: "`pending` in promises.js", growth: "map" },
  "sliced-strings": { names: "`titles` in sliced-strings.js", growth: "array" },
  timers: { names: "poll() in timers.js:13", growth: "timers" },
  transcript: { names: "`chat.transcript` in transcript.js", growth: "text" },
  "two-indexes": { names: "4\u00a0000 instances of `Tracker (two-indexes.js:5)`", growth: "instances" },
  "unbounded-map": { names: "`sessions` in unbounded-map.js", growth: "map", entries: 20_000 },
  "weak-map": { names: "`routes[2]` in weak-map.js", growth: "array" },
  "worker-queue": { names: "`thumbnails.jobs` in worker-queue.js", growth: "array" },
};
