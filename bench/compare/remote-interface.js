"use strict";

// The worker of the original: a process that asks for the snapshot over chrome-remote-interface and writes what comes.
// node remote-interface.js <path of chrome-remote-interface> <port> <file> [target]

const { createWriteStream } = require("node:fs");

const [installed, port, file, target] = process.argv.slice(2);
const connect = require(installed);

async function main() {
  const client = await connect({ host: "127.0.0.1", port: Number(port), ...(target && { target, local: true }) });
  const output = createWriteStream(file);
  client.HeapProfiler.addHeapSnapshotChunk(({ chunk }) => output.write(chunk));
  await client.HeapProfiler.enable();
  await client.HeapProfiler.takeHeapSnapshot({ reportProgress: false });
  output.end(() => process.exit());
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
