"use strict";

// `npm version` calls this: the package of each platform gets the version of the main package, which asks for just that.

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
for (const platform of platforms()) {
  change(join(PACKAGES, platform, "package.json"), (manifest) => (manifest.version = version));
}
const cargo = join(ROOT, "Cargo.toml");
writeFileSync(cargo, readFileSync(cargo, "utf8").replace(/^version = ".*"$/m, `version = "${version}"`));
execFileSync("cargo", ["update", "--offline", "--package", "node-oom-heapdump"], { cwd: ROOT, stdio: "inherit" });
execFileSync("git", ["add", "package.json", "npm", "Cargo.toml", "Cargo.lock"], { cwd: ROOT, stdio: "inherit" });
