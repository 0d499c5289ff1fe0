"use strict";

// Who watches a heap, each as it is used to know of a heap that fills up.

const v8 = require("node:v8");

let danger = 0;

/** What a watcher in JavaScript does with a collection: it compares the heap with the limit. */
function look({ used_heap_size: used, heap_size_limit: limit } = v8.getHeapStatistics()) {
  if (used > 0.75 * limit) danger += 1;
}

const watchers = {
  none: { title: "no hook", watch() {} },
  ours: { title: "this package", isOurs: true, watch: () => void require("../..")({ method: "native", name: "leak" }) },
  "gc-stats": {
    title: "gc-stats 1.4.1",
    needs: "gc-stats",
    watch: (installed) =>
      void require(installed)().on("stats", ({ after }) => after.usedHeapSize > 0.75 * after.heapSizeLimit && danger++),
  },
  observer: {
    title: "`PerformanceObserver('gc')`",
    watch() {
      const { PerformanceObserver } = require("node:perf_hooks");
      new PerformanceObserver((list) => list.getEntries().forEach(() => look())).observe({ entryTypes: ["gc"] });
    },
  },
};

module.exports = { watchers };
