// Holds our dominators, shallow and retained sizes against DevTools' own engine, object by object.
import { execFileSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "heap-snapshot-toolkit";

const root = fileURLToPath(new URL("../..", import.meta.url));
const example = join(root, "target", "release", "examples", "retained_sizes");

/** Builds the program that prints our sizes if it is not up to date. */
export function buildExample() {
  const args = ["build", "--quiet", "--release", "--locked", "--features", "helper", "--example", "retained_sizes"];
  execFileSync("cargo", args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
}

/** The number of nodes, and a sentence for each of the first nodes that differ. */
export async function differences(file) {
  const bytes = execFileSync(example, [file], { maxBuffer: 2 ** 30, stdio: ["ignore", "pipe", "ignore"] });
  const ours = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
  const snapshot = await parse(createReadStream(file, "utf8"));
  const found = [];
  if (ours.length !== 3 * snapshot.nodeCount) found.push(`${ours.length / 3} nodes, DevTools: ${snapshot.nodeCount}`);
  const node = snapshot.createNode(0);
  for (let index = 0; index < snapshot.nodeCount && found.length < 10; index++) {
    node.nodeIndex = index * snapshot.nodeFieldCount;
    const theirs = [snapshot.dominatorsTree[index], node.selfSize(), node.retainedSize()];
    const [dominator, shallow, retained] = ours.subarray(3 * index, 3 * index + 3);
    if (BigInt(theirs[0]) !== dominator || BigInt(theirs[1]) !== shallow || BigInt(theirs[2]) !== retained)
      found.push(`node ${index} (${node.name()}): ${dominator}, ${shallow}, ${retained}; DevTools: ${theirs}`);
  }
  return { nodes: snapshot.nodeCount, found };
}
