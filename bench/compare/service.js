"use strict";

// An HTTP service that allocates for each request, watched by one contender. It tells its port, and on request the CPU time it took.
// node --expose-gc service.js <watcher> <path of the package>

const http = require("node:http");
const { watchers } = require("./watchers");

const [watcher, installed] = process.argv.slice(2);
watchers[watcher].watch(installed);

const recent = [];

function answer(request, response) {
  const rows = Array.from({ length: 200 }, (_, id) => ({
    id,
    name: `customer ${id}`,
    at: new Date(id),
    tags: [id, "tag"],
  }));
  recent.push(rows);
  if (recent.length > 200) recent.shift();
  response.end(JSON.stringify(rows.slice(0, 20)));
}

const server = http.createServer(answer).listen(0, "127.0.0.1", () => {
  setTimeout(() => {
    global.gc();
    setTimeout(() => process.send({ port: server.address().port, idle: process.memoryUsage.rss() }), 500);
  }, 500);
});

process.on("message", () => process.send(process.cpuUsage()));
process.on("disconnect", () => process.exit());
