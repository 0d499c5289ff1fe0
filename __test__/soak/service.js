"use strict";

// An HTTP service under the package: it renders pages and keeps them. Its parent tells over IPC when a new wave begins: the
// pages are let go, and from then on they may fill a given share of the heap's limit; and when it is to be dumped at its
// threshold. It tells its port and its dumps.
// node --expose-gc --max-old-space-size=<MB> service.js <options of the package as JSON>

const http = require("node:http");
const watchHeap = require("../..");

const options = JSON.parse(process.argv[2]);

/** So far nothing is dumped. */
let instance = watchHeap({ ...options, threshold: false });

const ROWS = 32;
const SAMPLE = 2000;

class Page {
  constructor(id) {
    this.id = id;
    this.rendered = new Date();
    this.rows = Array.from({ length: ROWS }, (_, row) => ({
      id: row,
      name: `customer ${row} of page ${id}`,
      balance: Math.random() * 1000,
      tags: [row, "tag"],
    }));
  }
}

const pages = new Map();
const order = [];
let mostPages = Infinity;

function pageOf(id) {
  const known = pages.get(id);
  if (known !== undefined) return known;
  const page = new Page(id);
  pages.set(id, page);
  order.push(id);
  // The oldest goes where there is no room; a Map would pass over all that was deleted before it finds its first key.
  pages.delete(order.at(-1 - mostPages));
  return page;
}

const answer = (url) => JSON.stringify(pageOf(url));

/** What the old generation holds when garbage is gone, in bytes. Scavenges let go of the pieces that strings were made of. */
function bytesInUse() {
  for (const type of ["minor", "minor", "major"]) global.gc({ type });
  return instance.status().usedBytes;
}

const bytesAtStart = bytesInUse();
for (let id = 0; id < SAMPLE; id++) answer(`/sample/${id}`);
const bytesOfPage = (bytesInUse() - bytesAtStart) / SAMPLE;

/** From now on pages are kept until the heap is full to this share of its limit. */
function beginWave(share) {
  pages.clear();
  order.length = 0;
  mostPages = Math.floor((share * instance.status().limitBytes - bytesAtStart) / bytesOfPage);
}

function watch() {
  instance.stop();
  instance = watchHeap(options);
  instance.on("dump", (dump) => process.send({ dump }));
  instance.on("error", ({ message }) => process.send({ failure: message }));
  instance.on("warning", (warning) => process.send({ failure: warning }));
}

process.on("message", ({ share, isWatched }) => {
  beginWave(share);
  if (isWatched) watch();
});
process.on("disconnect", () => process.exit());

const server = http.createServer(({ url }, response) => response.end(answer(url)));
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port, bytesOfPage }));
