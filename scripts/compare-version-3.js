"use strict";

// Runs the same programs with the last version 3 of this package and with this one, and prints what each did: the facts
// behind docs/migrating-from-3.md. Needs what node-gyp needs, for version 3 is built from source.

const { execFileSync, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");

const ROOT = path.join(__dirname, "..");
const CACHE = path.join(ROOT, ".cache", "version-3");
const VERSIONS = { 3: path.join(CACHE, "node_modules", "node-oom-heapdump"), today: ROOT };

const leak = `
  let chain; class Leak { numbers = new Array(50).fill(0) }
  setInterval(() => { for (let i = 0; i < 500; i++) chain = { chain, leak: new Leak() } }, 1)`;
const settle = "(promise) => promise.then((value) => value, (error) => `rejects: ${error.message}`)";
const api = (body) => `
  const settle = ${settle};
  (async () => { ${body} })().then((result) => { console.log("RESULT " + JSON.stringify(result)); process.exit() })`;

const PROGRAMS = [
  { name: "dies of out-of-memory", options: { path: "mine" }, body: leak },
  { name: "dies, addTimestamp", options: { path: "mine", addTimestamp: true }, body: leak },
  { name: "dies, heapdumpOnOOM: false", options: { heapdumpOnOOM: false, path: "mine" }, body: leak },
  { name: "dies, the file exists", options: { path: "mine" }, body: leak, before: { "mine.heapsnapshot": "precious" } },
  { name: "dies, the folder is missing", options: { path: "missing/mine" }, body: leak },
  { name: "createHeapSnapshot", body: api("return settle(instance.createHeapSnapshot('mine'))") },
  {
    name: "createHeapSnapshot, the file exists",
    body: api("return settle(instance.createHeapSnapshot('mine'))"),
    before: { "mine.heapsnapshot": "precious" },
  },
  {
    name: "createHeapSnapshot without --inspect",
    inspect: false,
    body: api("return settle(instance.createHeapSnapshot('mine'))"),
  },
  {
    name: "createHeapSnapshot, the folder is missing",
    body: api("return settle(instance.createHeapSnapshot('missing/mine'))"),
  },
  { name: "createCpuProfile", body: api("return settle(instance.createCpuProfile('mine', 300))") },
  {
    name: "createCpuProfile without --inspect",
    inspect: false,
    body: api("return settle(instance.createCpuProfile('mine', 300))"),
  },
  { name: "createCpuProfile, duration 'soon'", body: api("return settle(instance.createCpuProfile('mine', 'soon'))") },
  {
    name: "snapshot during a profile",
    body: api(
      "const profile = instance.createCpuProfile('a', 300); const refused = await settle(instance.createHeapSnapshot('b')); await profile; return refused",
    ),
  },
  {
    name: "deleteHeapSnapshot, twice",
    body: api(
      "const file = await instance.createHeapSnapshot('mine'); return [await settle(instance.deleteHeapSnapshot(file)), await settle(instance.deleteHeapSnapshot(file))]",
    ),
  },
  {
    name: "deleteHeapSnapshot of another file",
    body: api("return settle(instance.deleteHeapSnapshot('other.heapsnapshot'))"),
    before: { "other.heapsnapshot": "precious" },
  },
  {
    name: "deleteAllHeapSnapshots",
    body: api(
      "await instance.createHeapSnapshot('a'); await instance.createHeapSnapshot('b'); return typeof instance.deleteAllHeapSnapshots()",
    ),
  },
  { name: "an unknown option", options: { limit: 90 }, body: api("return 'goes on'") },
  { name: "a program that does nothing", body: "" },
];

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

async function runProgram(version, { options = {}, inspect = true, body, before = {} }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "compare-"));
  try {
    for (const [file, text] of Object.entries(before)) fs.writeFileSync(path.join(folder, file), text);
    const port = await freePort();
    const flags = ["--max-old-space-size=40", ...(inspect ? [`--inspect=${port}`] : [])];
    const script = `const instance = require(${JSON.stringify(VERSIONS[version])})(${JSON.stringify({ port, ...options })}); ${body}`;
    fs.writeFileSync(path.join(folder, "program.js"), script);
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, "program.js"], {
      cwd: folder,
      encoding: "utf8",
      timeout: 120_000,
      killSignal: "SIGKILL",
    });
    fs.rmSync(path.join(folder, "program.js"));
    const shown = (text) => text.replaceAll(folder, "<folder>").replaceAll(VERSIONS[version], "<package>");
    return {
      ended: signal ?? `exit code ${status}`,
      result: shown(/^RESULT (.*)$/m.exec(stdout)?.[1] ?? ""),
      files: fs
        .readdirSync(folder)
        .map((file) => describe(path.join(folder, file)))
        .join(", "),
      standardError: shown(stderr)
        .split("\n")
        .filter((line) => line && !/ebugger|inspector,|^ |^<---|^For help/.test(line))
        .slice(0, 6),
    };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function describe(file) {
  const text = fs.readFileSync(file, "utf8");
  const name = path.basename(file);
  if (text === "precious") return `${name} (as before)`;
  try {
    JSON.parse(text);
    return `${name} (whole)`;
  } catch {
    return `${name} (${text.length} bytes, no JSON)`;
  }
}

function installVersion3() {
  if (fs.existsSync(VERSIONS[3])) return;
  fs.mkdirSync(CACHE, { recursive: true });
  execFileSync("npm", ["install", "--prefix", CACHE, "--no-save", "node-oom-heapdump@3.8.1"], { stdio: "inherit" });
}

async function main() {
  installVersion3();
  for (const program of PROGRAMS) {
    console.log(`\n## ${program.name}`);
    for (const version of Object.keys(VERSIONS)) {
      const { ended, result, files, standardError } = await runProgram(version, program);
      console.log(`${version}: ${ended}${result && `; gives ${result}`}; leaves ${files || "nothing"}`);
      for (const line of standardError) console.log(`     | ${line}`);
    }
  }
}

main();
