"use strict";

// Installs the packages that are compared into .cache/compare/<Node major>, and compiles them for that Node. A package that
// cannot be installed or compiled is no error: the results say so.

const { execFileSync, spawnSync } = require("node:child_process");
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { cache, executable } = require("../../__test__/support/node-versions");

const FOLDER = join(cache, "compare");

const packages = {
  heapdump: { version: "0.3.15", compile: [] },
  "gc-stats": { version: "1.4.1", compile: [] },
  "node-oom-heapdump": {
    version: "3.8",
    compile: ["--module_name=node_oom_heapdump_native", "--module_path=build/Release"],
  },
  "chrome-remote-interface": { version: "0.34" },
};

// Of its majors the last that runs on Node 18.
const COMPILER = "node-gyp@11";
// Makes the load of the HTTP service.
const LOAD = "autocannon@8";

const folderOf = (major) => join(FOLDER, String(major));

/** Where a package lies that was installed for a Node major. */
const installed = (major, name) => join(folderOf(major), "node_modules", name);

function npmInstall(folder, names) {
  mkdirSync(folder, { recursive: true });
  const options = ["install", "--prefix", folder, "--no-save", "--ignore-scripts", ...names];
  return spawnSync("npm", options, { stdio: ["ignore", "ignore", "inherit"], timeout: 600_000 }).status === 0;
}

function lastLine({ stderr, error }) {
  const lines = (stderr ?? "").split("\n").filter((line) => /error/i.test(line));
  return lines[0]?.trim() ?? error?.message ?? "the compiler failed";
}

/**
 * The option of node-gyp for the headers of that Node. If they do not lie beside its executable, they come from the registry,
 * as the executables of the tests do.
 */
function headersOf(major, node) {
  const beside = dirname(dirname(node));
  const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim().slice(1);
  const name = `node-${process.platform}-${process.arch}`;
  const fetched = join(folderOf(major), "headers");
  const folders = [beside, join(fetched, "node_modules", name)];
  const find = () => folders.find((folder) => existsSync(join(folder, "include", "node", "node.h")));
  if (find() === undefined) npmInstall(fetched, [`${name}@${version}`]);
  // Without them node-gyp asks the site of Node.
  return find() === undefined ? [] : [`--nodedir=${find()}`];
}

function compile(major, name, options) {
  const node = executable(major);
  const compiler = join(folderOf("tools"), "node_modules", "node-gyp", "bin", "node-gyp.js");
  const built = spawnSync(node, [compiler, "rebuild", ...headersOf(major, node), ...options], {
    cwd: installed(major, name),
    encoding: "utf8",
    // Scripts of the package must find this Node, and what npm is told of the headers of another one counts for more than --nodedir.
    env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}`, npm_config_nodedir: undefined },
    timeout: 600_000,
  });
  return built.status === 0 ? null : `cannot be compiled for Node ${major}: ${lastLine(built)}`;
}

function installFor(major) {
  const names = Object.entries(packages).map(([name, { version }]) => `${name}@${version}`);
  const failure = npmInstall(folderOf(major), names) ? null : "cannot be installed from the registry";
  const states = Object.entries(packages).map(([name, { compile: options }]) => [
    name,
    {
      failure: failure ?? (options ? compile(major, name, options) : null),
      version: failure ? null : JSON.parse(readFileSync(join(installed(major, name), "package.json"), "utf8")).version,
    },
  ]);
  return Object.fromEntries(states);
}

/** Installs what is missing for these Node majors: `{ <major>: { <package>: { version, failure } } }`. */
function install(majors) {
  const tools = folderOf("tools");
  if (!existsSync(join(tools, "node_modules")) && !npmInstall(tools, [COMPILER, LOAD]))
    throw new Error("npm cannot install what the comparison needs; look at its message above");
  const states = majors.map((major) => {
    const state = join(folderOf(major), "state.json");
    if (!existsSync(state)) {
      console.log(`installing the packages for Node ${major}`);
      const made = installFor(major);
      writeFileSync(state, JSON.stringify(made, null, 1));
    }
    return [major, JSON.parse(readFileSync(state, "utf8"))];
  });
  return Object.fromEntries(states);
}

const tool = (name) => join(folderOf("tools"), "node_modules", name);

module.exports = { FOLDER, install, installed, tool };
