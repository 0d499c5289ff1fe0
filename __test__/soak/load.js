"use strict";

// Makes the load of the service: so many requests a second, whether answers come or not. A latency counts from the moment at
// which a request was due. Load generators for HTTP on Node send by turns of a second, and count milliseconds.
// node load.js <port> <requests a second>
//
// Its parent tells over IPC `{ record: [name, …] }`: under which names latencies are recorded from now on; `{ window: { from,
// to, name } }`: under which name those are recorded too that were due meanwhile (milliseconds since the epoch); and
// `{ tell: true }`, which is answered.

const http = require("node:http");
const { createHistogram } = require("node:perf_hooks");

const [port, rate] = process.argv.slice(2).map(Number);
const INTERVAL = 1000 / rate;
const CONNECTIONS = 20;
const PATIENCE = 10_000;

/** Of four requests one asks for a page of these last ones. */
const RECENT_PAGES = 1000;

/** Requests of so many milliseconds are remembered for windows. */
const REMEMBERED = 120_000;

const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS, scheduling: "fifo" });

/** In microseconds. */
const newHistogram = () => createHistogram({ lowest: 1, highest: 60_000_000, figures: 3 });

const records = {};
let active = [];
let remembered = [];

function recordOf(name) {
  return (records[name] ??= { latency: newHistogram(), lateness: newHistogram(), failed: 0 });
}

function record(record, { latency, lateness, failed }) {
  record.latency.record(Math.max(1, Math.round(latency * 1e3)));
  record.lateness.record(Math.max(1, Math.round(lateness * 1e3)));
  if (failed) record.failed += 1;
}

let pages = 0;

function nextPath() {
  const asksForNew = Math.random() < 0.75 || pages === 0;
  const page = asksForNew ? pages++ : pages - 1 - Math.floor(Math.random() * Math.min(pages, RECENT_PAGES));
  return `/pages/${page}`;
}

function send(due) {
  const lateness = performance.now() - due;
  const names = active;
  const end = (failed) => {
    const request = { due: performance.timeOrigin + due, latency: performance.now() - due, lateness, failed };
    for (const name of names) record(recordOf(name), request);
    remembered.push(request);
  };
  http
    .get({ agent, port, host: "127.0.0.1", path: nextPath(), timeout: PATIENCE }, (response) => {
      response.resume().once("close", () => end(!response.complete || response.statusCode !== 200));
    })
    .once("timeout", function () {
      this.destroy(new Error("no answer"));
    })
    .once("error", () => end(true));
}

let due = performance.now();

function sendWhatIsDue() {
  for (; due <= performance.now(); due += INTERVAL) send(due);
  setTimeout(sendWhatIsDue, Math.max(0, due - performance.now()));
}

function forget() {
  const oldest = Date.now() - REMEMBERED;
  remembered = remembered.filter((request) => request.due >= oldest);
}

const inMilliseconds = (histogram) => ({
  p50: histogram.percentile(50) / 1e3,
  p90: histogram.percentile(90) / 1e3,
  p99: histogram.percentile(99) / 1e3,
  "p99.9": histogram.percentile(99.9) / 1e3,
  max: histogram.max / 1e3,
});

const tell = () =>
  Object.fromEntries(
    Object.entries(records).map(([name, { latency, lateness, failed }]) => [
      name,
      { requests: latency.count, failed, latency: inMilliseconds(latency), lateness: inMilliseconds(lateness) },
    ]),
  );

process.on("message", (message) => {
  if (message.record) active = message.record;
  if (message.window) {
    const { from, to, name } = message.window;
    for (const request of remembered.filter(({ due }) => due >= from && due <= to)) record(recordOf(name), request);
  }
  if (message.tell) process.send(tell());
});
process.on("disconnect", () => process.exit());

// Each connection is opened now, and not when an answer is late for the first time.
for (let connection = 0; connection < CONNECTIONS; connection++) send(due);
setInterval(forget, 10_000);
sendWhatIsDue();
