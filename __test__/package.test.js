"use strict";

// What npm installs: the main package, and the package of the platform with the addon and the helper executable.
const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { test, before, after } = require("node:test");
const { run, temporaryDirectory } = require("./support/program");
const { root } = require("./support/watched");
const { BUILT_HERE } = require("../lib/native");
const { PACKAGES, platforms } = require("../scripts/platform-package");

const main = require("../package.json");
const manifestOf = (platform) => require(path.join(PACKAGES, platform, "package.json"));

/** The platform of this machine. */
const here = platforms().find((platform) => {
  const [system, processor, variant] = platform.split("-");
  const libc = process.report.getReport().header.glibcVersionRuntime ? "gnu" : "musl";
  return system === process.platform && processor === process.arch && (system !== "linux" || variant === libc);
});

/** A PATH with everything but a cargo. */
const pathWithoutCargo = process.env.PATH.split(path.delimiter)
  .filter((folder) => !fs.existsSync(path.join(folder, "cargo")))
  .join(path.delimiter);

const cleanups = [];
const packages = {};
before(() => {
  const folder = temporaryDirectory({ after: (cleanup) => cleanups.push(cleanup) });
  const pack = (source) => {
    const [{ filename }] = JSON.parse(
      execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder, source], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }),
    );
    return path.join(folder, filename);
  };
  const filled = path.join(folder, here);
  fs.cpSync(path.join(PACKAGES, here), filled, { recursive: true });
  for (const file of Object.values(BUILT_HERE)) fs.copyFileSync(file, path.join(filled, path.basename(file)));
  packages.main = pack(root);
  packages.platform = pack(filled);
});
after(() => cleanups.forEach((cleanup) => cleanup()));

/** Installs packages into an empty folder without cargo. */
async function install(context, ...files) {
  const folder = temporaryDirectory(context);
  fs.writeFileSync(path.join(folder, "package.json"), "{}");
  const finished = await run("npm", ["install", "--foreground-scripts", "--prefer-offline", ...files], {
    cwd: folder,
    env: { ...process.env, PATH: pathWithoutCargo },
  });
  return { folder, ...finished };
}

test("the demo runs from an installed package, without cargo", async (context) => {
  const installed = await install(context, packages.main, packages.platform);
  assert.equal(installed.code, 0, installed.stderr);
  const home = path.join(installed.folder, "node_modules", "node-oom-heapdump");
  assert.ok(!fs.existsSync(path.join(home, "native")), "nothing was built");

  const demo = await run(process.execPath, [path.join(home, "demo")], { cwd: installed.folder });
  assert.equal(demo.code, 0, demo.stderr);
  assert.match(demo.stdout, /What it left: .*demo_snapshot\.heapsnapshot/);

  const command = path.join(installed.folder, "node_modules", ".bin", "node-oom-heapdump");
  assert.equal((await run(command, ["--version"])).stdout, `${main.version}\n`);
});

test("without a package for the platform and without cargo the installation says what is needed", async (context) => {
  const { code, stderr, stdout } = await install(context, packages.main, "--omit=optional");
  assert.notEqual(code, 0);
  const said = (stdout + stderr).split("\n").filter((line) => line.includes("cargo was not found"));
  assert.equal(new Set(said).size, 1, stdout + stderr);
  assert.match(said[0], /Install Rust/);
});

test("the main package asks for the package of each platform in its own version", () => {
  const expected = platforms().map((platform) => [`node-oom-heapdump-${platform}`, main.version]);
  assert.deepEqual(main.optionalDependencies, Object.fromEntries(expected));
});

test("package-lock.json has the package of each platform, without which `npm ci` refuses a checkout", () => {
  const { packages } = JSON.parse(fs.readFileSync(path.join(root, "package-lock.json"), "utf8"));
  for (const platform of platforms()) {
    const { name, version, os, cpu, libc } = manifestOf(platform);
    const locked = packages[`node_modules/${name}`];
    assert.deepEqual({ ...locked, version, os, cpu, ...(libc && { libc }), optional: true }, locked);
  }
});

for (const platform of platforms()) {
  test(`the package of ${platform} is installed on that platform alone, in the version of the main package`, () => {
    const { name, version, license, os, cpu, libc, files } = manifestOf(platform);
    const [system, processor, variant] = platform.split("-");
    assert.deepEqual(
      { name, version, license, os, cpu, libc },
      {
        name: `node-oom-heapdump-${platform}`,
        version: main.version,
        license: main.license,
        os: [system],
        cpu: [processor],
        libc: { gnu: ["glibc"], musl: ["musl"] }[variant],
      },
    );
    const helper = system === "win32" ? "node-oom-heapdump.exe" : "node-oom-heapdump";
    assert.deepEqual(files, ["node-oom-heapdump.node", helper]);
  });
}

test("the crate has the version of the package", () => {
  const manifest = fs.readFileSync(path.join(root, "Cargo.toml"), "utf8");
  assert.equal(/^version = "(.*)"$/m.exec(manifest)[1], main.version);
});
