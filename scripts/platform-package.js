"use strict";

// Puts the two artefacts that were built here into the package of their platform, ready to be published:
// `node scripts/platform-package.js linux-x64-gnu`.

const { copyFileSync, existsSync, readdirSync } = require("node:fs");
const { basename, join } = require("node:path");
const { BUILT_HERE } = require("../lib/native");

const PACKAGES = join(__dirname, "..", "npm");

function fillPackage(platform) {
  const folder = join(PACKAGES, platform);
  for (const file of Object.values(BUILT_HERE)) copyFileSync(file, join(folder, basename(file)));
  return folder;
}

function platforms() {
  return readdirSync(PACKAGES).filter((name) => existsSync(join(PACKAGES, name, "package.json")));
}

if (require.main === module) {
  const [platform] = process.argv.slice(2);
  if (!platforms().includes(platform)) {
    console.error(`Give one of these platforms: ${platforms().join(", ")}.`);
    process.exit(2);
  }
  console.log(fillPackage(platform));
}

module.exports = { PACKAGES, platforms };
