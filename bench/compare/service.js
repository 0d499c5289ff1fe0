"use strict";

// An HTTP service that allocates for each request, watched by one contender. It tells its port, and when asked what it took
// since it was asked before: CPU time, and the time from the first request to the last.
// node --expose-gc service.js <watcher> <path of the package>

const http = require("node:http");
const { watchers } = require("./watchers");

const [watcher, installed] = process.argv.slice(2);
watchers[watcher].watch(installed);

const recent = [];
let first = null;
let last = null;
let before = process.cpuUsage();

function answer(request, response) {
  first ??= performance.now();
  const rows = Array.from({ length: 200 }, (_, id) => ({
    id,
    name: `customer ${id}`,
    at: new Date(id),
    tags: [id, "tag"],
  }));
  recent.push(rows);
  if (recent.length > 200) recent.shift();
  response.end(JSON.stringify(rows.slice(0, 20)));
  last = performance.now();
}

const server = http.createServer(answer).listen(0, "127.0.0.1", () => {
  setTimeout(() => {
    global.gc();
    setTimeout(() => process.send({ port: server.address().port, idle: process.memoryUsage.rss() }), 500);
  }, 500);
});

process.on("message", () => {
  const { user, system } = process.cpuUsage(before);
  process.send({ cpu: user + system, milliseconds: last - first });
  before = process.cpuUsage();
  first = null;
});
process.on("disconnect", () => process.exit());
