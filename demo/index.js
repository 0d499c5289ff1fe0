"use strict";

// `npm run demo`: starts the service of demo/service.js with little memory, sends it visitors until it dies of
// out-of-memory, and shows what is left: a heap snapshot.
const { fork } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { removeEarlierDumps } = require("./earlier-dumps");

const root = path.join(__dirname, "..");
const mostVisitors = 200_000;
const visitorsAtOnce = 8;

const agent = new http.Agent({ keepAlive: true, maxSockets: visitorsAtOnce });

/** One visitor looks at one page. Rejects when the service is gone. */
function visit(port, visitor) {
  return new Promise((resolve, reject) => {
    http
      .get({ agent, host: "127.0.0.1", port, path: `/offers?visitor=${visitor}` }, (response) => {
        response.on("error", reject).on("end", resolve).resume();
      })
      .on("error", reject);
  });
}

/** Sends visitors until the service is gone or has seen the most that the demo sends. Resolves to their number. */
async function sendVisitors(port) {
  let sent = 0;
  const send = async () => {
    while (sent < mostVisitors) await visit(port, ++sent);
  };
  await Promise.allSettled(Array.from({ length: visitorsAtOnce }, send));
  return sent;
}

const snapshots = () => fs.readdirSync(root).filter((file) => /^demo_snapshot(-\d+)?\.heapsnapshot$/.test(file));

async function main() {
  removeEarlierDumps("demo_snapshot");

  console.log("Starting an HTTP service with 60 MB of heap and a cache without bounds, and sending it visitors.");
  const service = fork(path.join(__dirname, "service.js"), {
    cwd: root,
    execArgv: ["--max-old-space-size=60", "--inspect=0"],
  });
  const ended = new Promise((resolve) =>
    service.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`)),
  );
  const listening = new Promise((resolve) => service.once("message", resolve));
  const first = await Promise.race([listening, ended]);
  if (typeof first === "string") throw new Error(`the service ended before it listened: ${first}`);

  const visitors = await sendVisitors(first.port);
  service.disconnect();
  console.log(`The service is gone after ${visitors} visitors: ${await ended}.`);

  const [file] = snapshots();
  if (file === undefined) throw new Error("it left no heap snapshot; the lines above say why");
  const { size } = fs.statSync(path.join(root, file));
  console.log(`
What it left: ${path.join(root, file)} (${(size / 1048576).toFixed(1)} MB)
To open it: Chrome > DevTools > Memory > Load profile. Sort by "Retained Size": the class RenderedPage is the leak,
and its Retainers lead to the Map "pages" in demo/service.js.`);
}

main()
  .catch((error) => {
    console.error(`The demo failed: ${error.message}.`);
    process.exitCode = 1;
  })
  .finally(() => agent.destroy());
