"use strict";

// Table 6: the helper beside chrome-remote-interface, each writing the same messages of an inspector to a file.

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const os = require("node:os");
const { join } = require("node:path");
const { executable } = require("../../../__test__/support/node-versions");
const { loadNative } = require("../../../lib/native");
const { ProcessTree } = require("../accounting");
const { folderFor } = require("../folder");
const { FOLDER, installed } = require("../install");
const { markdown, medianOf, megabytes, milliseconds, seconds, times } = require("../statistics");

const MAJOR = 24;

/** Megabytes of heap whose snapshots have about 400 and 100 MB. */
const HEAP = { full: 300, quick: 75 };

const clients = {
  helper: {
    title: "the helper of this package",
    command: ({ port, file }) => [loadNative().helper, "take", "--url", `ws://127.0.0.1:${port}/`, "-o", file],
  },
  "chrome-remote-interface": {
    title: "chrome-remote-interface 0.34",
    command: ({ port, file }) => {
      const script = join(__dirname, "..", "remote-interface.js");
      const library = installed(MAJOR, "chrome-remote-interface");
      return [executable(MAJOR), script, library, port, file, `ws://127.0.0.1:${port}/`];
    },
  },
};

const cells = ({ isQuick }) =>
  Object.keys(clients).map((client) => ({ client, heap: isQuick ? HEAP.quick : HEAP.full }));

/** A snapshot whose pieces are sent; made once, by this package. */
async function snapshotOf(megabytesOfHeap) {
  const file = join(FOLDER, `messages-${megabytesOfHeap}.heapsnapshot`);
  if (fs.existsSync(file)) return file;
  const script = `
    const { mix } = require(${JSON.stringify(join(__dirname, "..", "..", "native", "shapes"))});
    globalThis.kept = mix.make((${megabytesOfHeap} * 2 ** 20) / mix.bytes);
    require(${JSON.stringify(join(__dirname, "..", "..", ".."))})().createHeapSnapshot(${JSON.stringify(file)}).then(() => process.exit());`;
  await once(spawn(executable(MAJOR), ["--max-old-space-size=2000", "-e", script], { stdio: "ignore" }), "exit");
  return file;
}

async function measure({ client, heap }) {
  const snapshot = await snapshotOf(heap);
  const directory = folderFor({ isTimed: true });
  const server = spawn(process.execPath, [join(__dirname, "..", "inspector.js"), installed(MAJOR, "ws"), snapshot], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  try {
    const port = Number((await once(server.stdout, "data"))[0]);
    const file = join(directory, "taken.heapsnapshot");
    const [program, ...args] = clients[client].command({ port, file }).map(String);
    const began = performance.now();
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"], detached: true });
    const account = new ProcessTree();
    account.begin(child.pid);
    await once(child, "exit");
    const took = performance.now() - began;
    account.end();
    const isSame = fs.existsSync(file) && fs.readFileSync(snapshot).equals(fs.readFileSync(file));
    const bytes = fs.statSync(snapshot).size;
    return { took, cpu: account.cpuTime, memory: account.rss, bytes, isSame, load: os.loadavg()[0] };
  } finally {
    server.kill();
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

function render(measured) {
  const base = measured.find(({ cell }) => cell.client === "chrome-remote-interface");
  const rows = measured.map(({ cell, runs: all }) => {
    const runs = all.filter(({ isSame }) => isSame);
    const bytes = medianOf(runs, "bytes");
    const perSecond = (field) => milliseconds(bytes / 2 ** 20 / (medianOf(runs, field) / 1e3));
    const less = (field) => times(base ? medianOf(base.runs, field) / medianOf(runs, field) : NaN);
    return [
      clients[cell.client].title,
      megabytes(bytes),
      `${runs.length}/${all.length}`,
      perSecond("took"),
      perSecond("cpu"),
      seconds(medianOf(runs, "cpu")),
      less("cpu"),
      megabytes(medianOf(runs, "memory")),
      less("memory"),
    ];
  });
  const heads = ["", "file (MB)", "the same bytes", "MB/s", "MB per CPU second", "CPU (s)", "less", "RSS (MB)", "less"];
  return markdown(heads, rows);
}

module.exports = {
  title: "The helper",
  note: `A stand-in for the inspector sends one snapshot in messages of 1 MB to a client, as fast as it takes them; the client writes
the file. Both run on Node ${MAJOR} or none. RSS is VmHWM, sampled every 10 ms. The two share the processors with the sender.`,
  turns: ({ isQuick }) => (isQuick ? 1 : 5),
  isTimed: true,
  cells,
  measure,
  render,
};
