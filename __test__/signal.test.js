"use strict";

// The signal that asks for a dump, beside others that listen to it.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const { test } = require("node:test");
const { ending, temporaryDirectory } = require("./support/program");
const { printed, runWatched } = require("./support/watched");

const armed = 'const instance = watch({ threshold: false, method: "native", signal: "SIGUSR2", name: "mine" });';
const listen = "let heard = 0; const listener = () => heard++; process.on('SIGUSR2', listener);";
const send = "process.kill(process.pid, 'SIGUSR2');";
const report = `
  setTimeout(() => {}, 60_000).unref();
  (async () => {
    for (let waited = 0; waited < 500 && (instance.status().dumps.length === 0); waited++)
      await new Promise((resolve) => setTimeout(resolve, 10))
    console.log(JSON.stringify({ heard, dumps: instance.status().dumps.length }))
    process.exit()
  })()`;

for (const [when, script] of [
  ["before", `${listen} ${armed} ${send} ${report}`],
  ["after", `${armed} ${listen} ${send} ${report}`],
]) {
  test(`a program that listens to the signal since ${when} the module was armed hears it too`, async (context) => {
    const finished = await runWatched(script, { cwd: temporaryDirectory(context) });
    assert.deepEqual(printed(finished), { heard: 1, dumps: 1 });
  });
}

test("a program that ceases to listen leaves the signal to the module", async (context) => {
  const script = `${armed} ${listen} process.off('SIGUSR2', listener); ${send} ${report}`;
  const finished = await runWatched(script, { cwd: temporaryDirectory(context) });
  assert.deepEqual(printed(finished), { heard: 0, dumps: 1 });
});

test("after stop() the signal ends a program that does not listen to it", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `${armed} instance.stop(); ${send} setTimeout(() => {}, 10_000)`;
  const finished = await runWatched(script, { cwd: directory });
  assert.equal(finished.signal, "SIGUSR2", ending(finished));
  assert.deepEqual(fs.readdirSync(directory), []);
});

for (const [when, script] of [
  ["before", `${listen} ${armed}`],
  ["after", `${armed} ${listen}`],
]) {
  test(`after stop() a program that listens since ${when} the module was armed goes on hearing the signal`, async (context) => {
    const directory = temporaryDirectory(context);
    const hear = "setTimeout(() => { console.log(JSON.stringify(heard)); process.exit() }, 300)";
    const finished = await runWatched(`${script} instance.stop(); ${send} ${hear}`, { cwd: directory });
    assert.equal(printed(finished), 1);
    assert.deepEqual(fs.readdirSync(directory), []);
  });
}

test("a module that watches anew answers the signal anew", async (context) => {
  const again = `instance.stop(); const instances = [instance]; ${armed.replace("const instance", "instances[0]")}`;
  const script = `${armed} ${listen} ${again} ${send} ${report.replaceAll("instance.", "instances[0].")}`;
  const finished = await runWatched(script, { cwd: temporaryDirectory(context) });
  assert.deepEqual(printed(finished), { heard: 1, dumps: 1 });
});

test("each signal is answered, however often", async (context) => {
  const directory = temporaryDirectory(context);
  const script = `${armed}
    (async () => {
      for (let count = 1; count <= 3; count++) {
        ${send}
        while (instance.status().dumps.length < count) await new Promise((resolve) => setTimeout(resolve, 10))
      }
      process.exit()
    })()`;
  await runWatched(script, { cwd: directory });
  assert.equal(fs.readdirSync(directory).filter((name) => name.endsWith(".heapsnapshot")).length, 3);
});

test("the module listens to a signal without keeping the process alive", async (context) => {
  const finished = await runWatched(armed, { cwd: temporaryDirectory(context), timeout: 10_000 });
  assert.equal(finished.code, 0, finished.stderr);
});
