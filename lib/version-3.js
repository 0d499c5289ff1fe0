"use strict";

// Translates the options of version 3 into today's. They stay: a program that was written for it runs unchanged.

const VERSION_3_OPTIONS = ["path", "addTimestamp", "OOMImplementation"];

const EXTENSION = ".heapsnapshot";

// `OOMImplementation` chose between two ways of which version 3 had one left.
function fromVersion3(options) {
  if (options === null || typeof options !== "object") return options;
  const { path, addTimestamp, OOMImplementation, ...today } = options;
  const name = today.name === undefined ? path : today.name;
  if (name === undefined) return today;
  return { ...today, name: addTimestamp === true && typeof name === "string" ? withTimestamp(name) : name };
}

// `my_heapdump-20260331T101112`, in local time as there.
function withTimestamp(name) {
  const stem = name.endsWith(EXTENSION) ? name.slice(0, -EXTENSION.length) : name;
  const now = new Date();
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString();
  return `${stem}-${local.slice(0, 19).replaceAll(/[-:]/g, "")}`;
}

module.exports = { VERSION_3_OPTIONS, fromVersion3 };
