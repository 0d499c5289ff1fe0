"use strict";

// Where the inspector is looked for, somebody else is.
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const net = require("node:net");
const { dumpUnder } = require("../course");

async function listen(trial, behave) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    behave(socket);
  });
  trial.after(() => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server.address().port;
}

/** The port of another Node's inspector, which must live on as well. */
async function otherNode(trial) {
  const other = spawn(process.execPath, ["--inspect=0", "-e", "setInterval(() => {}, 1000)"]);
  trial.after(() => {
    if (other.exitCode !== null) throw new Error("the other Node has ended");
    other.kill("SIGKILL");
  });
  let stderr = "";
  for await (const text of other.stderr.setEncoding("utf8")) {
    stderr += text;
    const address = /ws:\/\/127\.0\.0\.1:(\d+)\//.exec(stderr);
    if (address !== null) return Number(address[1]);
  }
  throw new Error(`the other Node has no inspector: ${stderr}`);
}

const strangers = {
  "by a server that answers nonsense": (trial) => listen(trial, (socket) => socket.end("220 mail.example ESMTP\r\n")),
  "by a server that never answers": (trial) => listen(trial, () => {}),
  "by another Node's inspector": otherNode,
};

module.exports = Object.entries(strangers).map(([who, appear]) => ({
  name: `the inspector's port is taken ${who}`,
  tries: { short: 1, long: 10 },
  run: dumpUnder(async (trial) => ({ options: { method: "inspector", port: await appear(trial) } })),
}));
