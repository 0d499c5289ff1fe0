"use strict";

// Where the snapshot lies.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { temporaryDirectory } = require("./support/program");
const { snapshotsIn } = require("./support/snapshot");
const { dumpWatched } = require("./support/watched");

const names = [
  "plain",
  "with spaces",
  "50%d%s",
  "quote\"and'",
  "$HOME;`date`",
  "Größe-漢字-😀",
  "x".repeat(200),
  ".hidden",
  "-dash",
];
for (const name of names) {
  test(`the name ${name.length > 20 ? `of ${name.length} characters` : JSON.stringify(name)} is taken as it is`, async (context) => {
    const directory = temporaryDirectory(context);
    await dumpWatched({ name }, { cwd: directory });
    assert.deepEqual(snapshotsIn(directory), [`${name}.heapsnapshot`]);
  });
}

test("without a name the file is named after the process and the time", async (context) => {
  const directory = temporaryDirectory(context);
  const [file] = await dumpWatched({}, { cwd: directory });
  assert.match(path.basename(file), /^OoM-\d+-.*\d+.*\.heapsnapshot$/);
  assert.deepEqual(snapshotsIn(directory), [path.basename(file)]);
});

test("a relative name is taken from the directory in which the package was required", async (context) => {
  const directory = temporaryDirectory(context);
  fs.mkdirSync(path.join(directory, "dumps"));
  const files = await dumpWatched({ name: "dumps/mine" }, { cwd: directory, then: 'process.chdir("/")' });
  assert.deepEqual(files, [path.join(directory, "dumps", "mine.heapsnapshot")]);
});

test("an absolute name is taken as it is", async (context) => {
  const directory = temporaryDirectory(context);
  const files = await dumpWatched({ name: path.join(directory, "mine") }, { cwd: "/" });
  assert.deepEqual(files, [path.join(directory, "mine.heapsnapshot")]);
});

test("an existing file is kept and the name gets the next free number", async (context) => {
  const directory = temporaryDirectory(context);
  fs.writeFileSync(path.join(directory, "mine.heapsnapshot"), "precious");
  fs.writeFileSync(path.join(directory, "mine-1.heapsnapshot"), "precious too");
  const files = await dumpWatched({ name: "mine" }, { cwd: directory });
  assert.deepEqual(files, [path.join(directory, "mine-2.heapsnapshot")]);
  assert.equal(fs.readFileSync(path.join(directory, "mine.heapsnapshot"), "utf8"), "precious");
  assert.equal(fs.readFileSync(path.join(directory, "mine-1.heapsnapshot"), "utf8"), "precious too");
});

test("a dangling symbolic link under the name is kept as well", async (context) => {
  const directory = temporaryDirectory(context);
  fs.symlinkSync(path.join(directory, "elsewhere"), path.join(directory, "mine.heapsnapshot"));
  const files = await dumpWatched({ name: "mine" }, { cwd: directory });
  assert.deepEqual(files, [path.join(directory, "mine-1.heapsnapshot")]);
  assert.ok(!fs.existsSync(path.join(directory, "elsewhere")));
});

test("only the owner can read the snapshot, whatever the umask is", async (context) => {
  const directory = temporaryDirectory(context);
  const [file] = await dumpWatched({ name: "mine" }, { cwd: directory, then: "process.umask(0)" });
  assert.equal((fs.statSync(file).mode & 0o777).toString(8), "600");
});
