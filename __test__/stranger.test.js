"use strict";

// The port that the package was given may belong to somebody else. He is left alone, and the process that dies says so.
const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");
const { once } = require("node:events");
const { test } = require("node:test");
const { ending, temporaryDirectory } = require("./support/program");
const { snapshotsIn } = require("./support/snapshot");
const { assertFailureIsTold, dieWatched } = require("./support/watched");

/** A process dies without an inspector of its own, with this port as the one to ask. */
async function dieWithPort(context, port) {
  const directory = temporaryDirectory(context);
  const finished = await dieWatched({ method: "inspector", name: "mine", port }, { cwd: directory, flags: [] });
  assert.equal(finished.signal, "SIGABRT", `${ending(finished)}\n${finished.stderr}`);
  assert.equal(finished.stderr.match(/FATAL ERROR/g)?.length, 1);
  assert.deepEqual(snapshotsIn(directory), []);
  assertFailureIsTold(finished, `process ${finished.pid}`, new RegExp(`127\\.0\\.0\\.1:${port}\\b`));
  return finished;
}

/** Listens on a free port of the loopback interface with this behaviour for each connection. */
async function listen(context, behave) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    behave(socket);
  });
  context.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server.address().port;
}

test("the inspector of another Node process is left alone", async (context) => {
  const stranger = spawn(process.execPath, [
    "--inspect=0",
    "-e",
    'setInterval(() => process.stdout.write("tick\\n"), 20)',
  ]);
  context.after(() => stranger.kill("SIGKILL"));
  let stderr = "";
  const port = await new Promise((resolve) => {
    stranger.stderr.on("data", (text) => {
      stderr += text;
      const address = /ws:\/\/127\.0\.0\.1:(\d+)\//.exec(stderr);
      if (address !== null) resolve(Number(address[1]));
    });
  });

  const finished = await dieWithPort(context, port);
  assert.ok(finished.stderr.includes(`belongs to process ${stranger.pid}`), finished.stderr);

  // It still runs: it is not paused in a debugger that nobody resumes.
  await once(stranger.stdout, "data");
  assert.equal(stranger.exitCode, null);
});

const strangers = [
  ["never answers", () => {}],
  ["closes every connection", (socket) => socket.destroy()],
  ["speaks another protocol", (socket) => socket.end("220 mail.example ESMTP\r\n")],
  [
    "answers without end",
    (socket) => {
      const flood = Buffer.alloc(64 * 1024, "x");
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[");
      const write = () => {
        while (!socket.destroyed && socket.write(flood));
      };
      socket.on("drain", write);
      write();
    },
  ],
];
for (const [what, behave] of strangers) {
  test(`a server that ${what} is named and does not keep the process from its end`, async (context) => {
    await dieWithPort(context, await listen(context, behave));
  });
}

test("a port that nobody listens on is named", async (context) => {
  const server = net.createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  await dieWithPort(context, port);
});
