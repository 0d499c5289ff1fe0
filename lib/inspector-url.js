"use strict";

// Where the inspector of this thread is; nothing where none is open. A worker's own has no address.

// Whether anything says that an inspector is open, or will be. Node's module of the inspector costs a program 2 MB and makes each
// collection of its heap longer, so that it is not loaded to find out.
function mayBeInspected() {
  const options = [...process.execArgv, process.env.NODE_OPTIONS ?? ""];
  const isLoaded = process.moduleLoadList?.includes("NativeModule inspector");
  return isLoaded || options.some((option) => option.includes("--inspect"));
}

function inspectorUrl() {
  try {
    return require("node:inspector").url();
  } catch {
    return undefined; // Node was built without an inspector.
  }
}

module.exports = { inspectorUrl, mayBeInspected };
