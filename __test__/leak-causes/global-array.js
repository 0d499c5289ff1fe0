"use strict";

// A log for debugging was left in a global variable.
globalThis.debugLog = [];

function log(level, message) {
  debugLog.push({ level, message, time: new Date() });
}

for (let number = 0; number < 40_000; number++) log("debug", `request ${number} was handled`);
