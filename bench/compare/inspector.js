"use strict";

// Stands in for the inspector of a process: answers whoever asks with the messages of one heap snapshot, as fast as it takes
// them. node inspector.js <path of ws> <file>; prints its port.

const { readFileSync } = require("node:fs");

const [installed, file] = process.argv.slice(2);
const { Server } = require(installed);

/** V8 sends pieces of one megabyte (HeapSnapshotOutputStream, v8-heap-profiler-agent-impl.cc). */
const PIECE = 1 << 20;

/** What the socket holds back before more is given to it. */
const MOST_UNSENT = 8 << 20;

function messagesOf(snapshot) {
  const messages = [];
  for (let start = 0; start < snapshot.length; start += PIECE) {
    const chunk = snapshot.toString("latin1", start, start + PIECE);
    messages.push(Buffer.from(JSON.stringify({ method: "HeapProfiler.addHeapSnapshotChunk", params: { chunk } })));
  }
  return messages;
}

const messages = messagesOf(readFileSync(file));

async function sendAll(socket) {
  for (const message of messages) {
    socket.send(message, { binary: false });
    while (socket.bufferedAmount > MOST_UNSENT) await new Promise((resolve) => setImmediate(resolve));
  }
}

const server = new Server({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
server.on("connection", (socket) =>
  socket.on("message", async (text) => {
    const { id, method } = JSON.parse(text);
    if (method === "HeapProfiler.takeHeapSnapshot") await sendAll(socket);
    const result = method === "Runtime.evaluate" ? { result: { type: "number", value: process.pid } } : {};
    socket.send(JSON.stringify({ id, result }));
  }),
);
server.on("listening", () => console.log(server.address().port));
