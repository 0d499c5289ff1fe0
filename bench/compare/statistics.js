"use strict";

// Figures as people read them. Of several runs the median is told.

function median(values) {
  const sorted = values.filter((value) => Number.isFinite(value)).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of one field of runs; NaN where none has it. */
const medianOf = (runs, field) => median(runs.map((run) => run[field]));

/** How far the middle half of the runs lies around their median, as a share of it. */
function spreadOf(runs, field) {
  const sorted = runs.map((run) => run[field]).sort((a, b) => a - b);
  const quartile = (share) => sorted[Math.round(share * (sorted.length - 1))];
  return (quartile(0.75) - quartile(0.25)) / 2 / medianOf(runs, field);
}

const isNumber = (value) => Number.isFinite(value);
const digits = (value) => value.toFixed(value < 1 ? 2 : value < 10 ? 1 : 0);
const megabytes = (bytes) => (isNumber(bytes) ? digits(bytes / 2 ** 20) : "–");
const seconds = (milliseconds) =>
  isNumber(milliseconds) ? (milliseconds / 1e3).toFixed(milliseconds < 9950 ? 2 : 1) : "–";
const milliseconds = (value) => (isNumber(value) ? digits(value) : "–");
const times = (ratio) => (isNumber(ratio) ? `${digits(ratio)}x` : "–");

/** A table in Markdown. */
function markdown(heads, rows) {
  return [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

module.exports = { median, medianOf, spreadOf, megabytes, seconds, milliseconds, times, markdown };
