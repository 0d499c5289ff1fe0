"use strict";

// Where the inspector of this thread is; nothing where none is open. A worker's own has no address.

function inspectorUrl() {
  try {
    return require("node:inspector").url();
  } catch {
    return undefined; // Node was built without an inspector.
  }
}

module.exports = { inspectorUrl };
