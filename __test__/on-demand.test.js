"use strict";

// Heap snapshots and CPU profiles that a program asks for, and what it may delete: the interface of version 3.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { majors, node } = require("./support/node-versions");
const { temporaryDirectory } = require("./support/program");
const { printed, runWatched } = require("./support/watched");

/** What an async function body gives that has `instance`, in a folder of its own. */
async function resultOf(body, { cwd, node, flags = [] } = {}) {
  const script = `
    const instance = watch()
    const settled = (promise) => promise.then((value) => value ?? null, ({ message }) => ({ message }));
    (async () => { ${body} })().then((result) => { console.log(JSON.stringify(result)); process.exit() })`;
  return printed(await runWatched(script, { cwd, node, flags }));
}

/** Asserts what DevTools needs to open a profile, and that it holds the function that kept the thread busy. */
function assertProfile(file) {
  const { nodes, startTime, endTime, samples, timeDeltas } = JSON.parse(fs.readFileSync(file, "utf8"));
  assert.ok(endTime > startTime);
  assert.equal(samples.length, timeDeltas.length);
  const ids = new Set(nodes.map(({ id }) => id));
  assert.ok(samples.every((id) => ids.has(id)));
  assert.ok(nodes.some(({ callFrame }) => callFrame.functionName === "keepBusy"));
}

const busy = `
  const keepBusy = () => { for (const end = Date.now() + 50; Date.now() < end; ) Math.sqrt(end) }
  const timer = setInterval(keepBusy, 60);`;

for (const major of majors) {
  for (const [what, flags] of [
    ["by the thread itself", []],
    ["over the inspector", ["--inspect=0"]],
  ]) {
    test(`on Node ${major} a CPU profile is recorded ${what}`, async (context) => {
      const directory = temporaryDirectory(context);
      const body = `${busy} return [await instance.createCpuProfile('mine', 400), process.execArgv.length,
        require('inspector').url() ?? null]`;
      const [file, , url] = await resultOf(body, { cwd: directory, node: node(major).path, flags });
      assert.equal(file, path.join(directory, "mine.cpuprofile"));
      assert.equal(url !== null, flags.length > 0, "no port is opened");
      assertProfile(file);
    });
  }
}

test("a worker records itself", async (context) => {
  const directory = temporaryDirectory(context);
  const body = `
    const { Worker } = require('worker_threads')
    const worker = new Worker(\`
      const { workerData, parentPort } = require('worker_threads'); ${busy}
      require(workerData)().createCpuProfile('mine', 300).then((file) => parentPort.postMessage(file))\`,
      { eval: true, workerData: require.resolve(process.env.PACKAGE) })
    return new Promise((resolve) => worker.once('message', resolve))`;
  process.env.PACKAGE = require("./support/watched").root;
  assertProfile(await resultOf(body, { cwd: directory }));
});

test("a heap snapshot while a CPU profile is recorded rejects, and a profile while a snapshot is made", async (context) => {
  const directory = temporaryDirectory(context);
  const body = `
    const profile = instance.createCpuProfile('a', 200)
    const refused = [await settled(instance.createHeapSnapshot('b')), await settled(instance.createCpuProfile('c', 1))]
    await profile
    const snapshot = instance.createHeapSnapshot('d')
    refused.push(await settled(instance.createCpuProfile('e', 1)))
    await snapshot
    return refused.map(({ message }) => message)`;
  const refused = await resultOf(body, { cwd: directory });
  assert.deepEqual(
    refused,
    Array(3).fill("A CPU profile or heap snapshot is already being created, please retry later."),
  );
  assert.deepEqual(
    fs
      .readdirSync(directory)
      .filter((file) => !file.endsWith(".json"))
      .sort(),
    ["a.cpuprofile", "d.heapsnapshot"],
  );
});

test("a file that exists is kept, and the profile takes the next free name", async (context) => {
  const directory = temporaryDirectory(context);
  fs.writeFileSync(path.join(directory, "mine.cpuprofile"), "precious");
  const file = await resultOf("return instance.createCpuProfile('mine', 1)", { cwd: directory });
  assert.equal(file, path.join(directory, "mine-1.cpuprofile"));
  assert.equal(fs.readFileSync(path.join(directory, "mine.cpuprofile"), "utf8"), "precious");
});

test("a profile to a folder that does not exist rejects and names it", async (context) => {
  const directory = temporaryDirectory(context);
  const { message } = await resultOf("return settled(instance.createCpuProfile('missing/mine', 1))", {
    cwd: directory,
  });
  assert.ok(message.includes(path.join(directory, "missing")), message);
});

for (const duration of ["0", "-1", "1.5", "NaN", '"soon"', "2 ** 31"]) {
  test(`createCpuProfile(path, ${duration}) rejects`, async (context) => {
    const directory = temporaryDirectory(context);
    const { message } = await resultOf(`return settled(instance.createCpuProfile('mine', ${duration}))`, {
      cwd: directory,
    });
    assert.match(message, /"durationMs" must be an integer from 1 to 2147483647/);
    assert.deepEqual(fs.readdirSync(directory), []);
  });
}

for (const [kind, create, remove, removeAll] of [
  ["heap snapshot", "createHeapSnapshot", "deleteHeapSnapshot", "deleteAllHeapSnapshots"],
  ["CPU profile", "createCpuProfile", "deleteCpuProfile", "deleteAllCpuProfiles"],
]) {
  test(`a ${kind} can be deleted once, by the path that it was given`, async (context) => {
    const directory = temporaryDirectory(context);
    const body = `
      const file = await instance.${create}('mine', 1)
      return [file, await instance.${remove}(file), await settled(instance.${remove}(file))]`;
    const [file, deleted, again] = await resultOf(body, { cwd: directory });
    assert.equal(deleted, file);
    assert.ok(!fs.existsSync(file));
    assert.match(again.message, /File not found/);
  });

  test(`all that ${removeAll}() deletes are the files that ${create} made`, async (context) => {
    const directory = temporaryDirectory(context);
    for (const name of ["other.heapsnapshot", "other.cpuprofile"])
      fs.writeFileSync(path.join(directory, name), "precious");
    const body = `
      const made = [await instance.${create}('a', 1), await instance.${create}('b', 1)]
      const refused = await settled(instance.${remove}('other.heapsnapshot'))
      return [made, await instance.${removeAll}(), refused]`;
    const [made, deleted, refused] = await resultOf(body, { cwd: directory });
    assert.deepEqual(deleted, made);
    assert.match(refused.message, /File not found/);
    assert.deepEqual(fs.readdirSync(directory).sort(), ["other.cpuprofile", "other.heapsnapshot"]);
  });
}
