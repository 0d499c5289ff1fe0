"use strict";

// `npm version` calls this: the package of each platform gets the version of the main package, which asks for just that. They
// are in package-lock.json, too, though no registry has them yet: without them `npm ci` refuses to install.

const { execFileSync } = require("node:child_process");
const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { PACKAGES, platforms } = require("./platform-package");

const ROOT = join(__dirname, "..");
const MAIN = join(ROOT, "package.json");

function change(file, edit) {
  const manifest = JSON.parse(readFileSync(file, "utf8"));
  edit(manifest);
  writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

const { version } = change(MAIN, (main) => {
  for (const name of Object.keys(main.optionalDependencies)) main.optionalDependencies[name] = main.version;
});
const manifests = platforms().map((platform) =>
  change(join(PACKAGES, platform, "package.json"), (manifest) => (manifest.version = version)),
);
change(join(ROOT, "package-lock.json"), ({ packages }) => {
  for (const { name } of manifests) {
    packages[""].optionalDependencies[name] = version;
    packages[`node_modules/${name}`].version = version;
  }
});
const cargo = join(ROOT, "Cargo.toml");
writeFileSync(cargo, readFileSync(cargo, "utf8").replace(/^version = ".*"$/m, `version = "${version}"`));
execFileSync("cargo", ["update", "--offline", "--package", "node-oom-heapdump"], { cwd: ROOT, stdio: "inherit" });
execFileSync("git", ["add", "package.json", "package-lock.json", "npm", "Cargo.toml", "Cargo.lock"], {
  cwd: ROOT,
  stdio: "inherit",
});
