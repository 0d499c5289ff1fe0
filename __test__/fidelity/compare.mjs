// Compares two .heapsnapshot files of the same heap, V8's and ours, group by group. Agreement is the sum of the smaller
// counts over the sum of the larger ones. What is rightly different is made equal on both sides; `normalised` says what.
import { createReadStream, readFileSync } from "node:fs";
import { parse } from "heap-snapshot-toolkit";

/** What is made equal or left out on both sides, and why ours is right. */
export const normalised = [
  "V8 asks Node for nodes of its own (`Node / …`). They are no part of V8's heap and are left out, with their edges.",
  "V8 counts the weak string table among its roots. What it alone knows is garbage, which ours does not have. These strings and the table's edges are left out.",
  "V8 numbers the edges of its roots by an order of its own. Edges from the root to its groups are left out, those from groups to objects are compared without their numbers.",
  "V8 cuts characters outside of the Basic Multilingual Plane to 16 bits, and writes a blank for a null character. Ours are right; they are cut for the comparison.",
  "V8 writes elements from 2³¹ on with negative numbers. Ours are right; they are written like that for the comparison.",
  "V8 shows no properties of an ArrayBuffer. Ours are left out.",
];

/** Reads a snapshot into columns with the names resolved. */
export function readSnapshot(path) {
  const { snapshot, nodes, edges, strings, locations } = JSON.parse(readFileSync(path, "utf8"));
  const { node_fields: nodeFields, node_types: nodeTypes, edge_types: edgeTypes } = snapshot.meta;
  const width = nodeFields.length;
  const column = Object.fromEntries(nodeFields.map((field, index) => [field, index]));
  const count = nodes.length / width;
  const texts = strings.map(asV8Writes);
  const list = new Array(count);
  let edge = 0;
  for (let index = 0; index < count; index++) {
    const row = index * width;
    const edgeCount = nodes[row + column.edge_count];
    list[index] = {
      type: nodeTypes[0][nodes[row + column.type]],
      name: texts[nodes[row + column.name]],
      id: nodes[row + column.id],
      selfSize: nodes[row + column.self_size],
      firstEdge: edge,
      edgeCount,
    };
    edge += edgeCount;
  }
  if (edge * 3 !== edges.length) throw new Error(`${path}: nodes have ${edge} edges, the file ${edges.length / 3}`);
  if (count !== snapshot.node_count || edge !== snapshot.edge_count) throw new Error(`${path}: counts of the header`);
  const edgeOf = (index) => {
    const type = edgeTypes[0][edges[3 * index]];
    const value = edges[3 * index + 1];
    const isNumber = type === "element" || type === "hidden";
    const name = isNumber ? asSigned(value) : texts[value];
    return { type, name, to: list[edges[3 * index + 2] / width] };
  };
  const snapshotOf = { list, edgeOf, locations, width };
  leaveOut(snapshotOf);
  return snapshotOf;
}

/** Marks the nodes that are not compared: the embedder's, and strings that only the table of strings knows. */
function leaveOut({ list, edgeOf }) {
  const held = new Set();
  for (const node of list) {
    if (isStringTable(node)) continue;
    for (let index = node.firstEdge; index < node.firstEdge + node.edgeCount; index++) held.add(edgeOf(index).to);
  }
  for (const node of list) node.isLeftOut = isEmbedder(node) || (node.type === "string" && !held.has(node));
}

/** V8 writes the lowest 16 bits of a character, and a blank for a null character. */
const asV8Writes = (text) =>
  text
    .replaceAll("\0", " ")
    .replace(/[\ud800-\udbff][\udc00-\udfff]/g, (character) =>
      String.fromCharCode(character.codePointAt(0) & 0xffff),
    );

/** V8 keeps the number of an element in 32 bits with a sign. */
const asSigned = (number) => number | 0;

const isEmbedder = (node) => node.type === "native" && node.name.startsWith("Node / ");
const isRoot = (node) => node.type === "synthetic";
const isStringTable = (node) => isRoot(node) && node.name === "(Internalized strings)";
const isArrayBuffer = (node) => /^(Shared)?ArrayBuffer$/.test(node.name);
const userTypes = new Set(["object", "closure", "regexp", "number", "symbol", "bigint"]);
const userEdges = new Set(["property", "element", "context"]);
const label = (node) => `${node.type} ${node.name}`;
/** The number in front of a root's edge or of a pair's, and addresses, are each side's own. */
const withoutNumbers = (name) =>
  String(name)
    .replace(/^\d+ \/ /, "")
    .replace(/@\d+/g, "@");

/** The groups to compare: for each a map from key to count. */
function groups({ list, edgeOf, locations, width }) {
  const result = {};
  const add = (group, key, amount = 1) => {
    const map = (result[group] ??= new Map());
    map.set(key, (map.get(key) ?? 0) + amount);
  };
  for (const node of list) {
    if (node.isLeftOut) continue;
    add("total self size", "", node.selfSize);
    add("all nodes by type and name", label(node));
    if (userTypes.has(node.type)) {
      add("user objects by type and constructor, count", label(node));
      add("user objects by type and constructor, size", label(node), node.selfSize);
    }
    if (node.type === "string") add("strings by content", node.name);
    for (let index = node.firstEdge; index < node.firstEdge + node.edgeCount; index++) {
      const { type, name, to } = edgeOf(index);
      if (to.isLeftOut || isStringTable(node) || isArrayBuffer(node) || (isRoot(node) && type === "element")) continue;
      if (userEdges.has(type)) {
        add("property, element and context edges", `${label(node)} --${type} ${name}--> ${label(to)}`);
      } else if (!isRoot(node)) {
        add("internal edges by name", `${type} ${withoutNumbers(name)}`);
      }
    }
  }
  for (let index = 0; index < locations.length; index += 4) {
    const node = list[locations[index] / width];
    const place = locations.slice(index + 1, index + 4).join(":");
    if (!node.isLeftOut) add("locations", `${label(node)} ${place}`);
  }
  return result;
}

/** Agreement of two counted groups, and the keys that differ most. */
function agreement(theirs = new Map(), ours = new Map()) {
  let smaller = 0;
  let larger = 0;
  const differences = [];
  for (const key of new Set([...theirs.keys(), ...ours.keys()])) {
    const [a, b] = [theirs.get(key) ?? 0, ours.get(key) ?? 0];
    smaller += Math.min(a, b);
    larger += Math.max(a, b);
    if (a !== b) differences.push([key, a, b]);
  }
  differences.sort((x, y) => Math.abs(y[1] - y[2]) - Math.abs(x[1] - x[2]));
  return { ratio: larger === 0 ? 0 : smaller / larger, larger, differences };
}

/** The most that an object of each class retains, by DevTools' own engine. */
async function retainedSizes(path) {
  const snapshot = await parse(createReadStream(path, "utf8"));
  const classes = new Map();
  for (const { name, maxRet } of Object.values(snapshot.aggregatesWithFilter({}))) {
    // The embedder's nodes, and the table of strings.
    if (name.startsWith("Node / ") || name === "(synthetic)") continue;
    const key = asV8Writes(name);
    classes.set(key, (classes.get(key) ?? 0) + maxRet);
  }
  return { total: snapshot.totalSize, classes };
}

const SHARE_OF_HEAP = 0.0001;
const TOLERANCE = 0.01;

/** The share of V8's larger classes whose retained size in ours is the same within the tolerance. */
async function retainedAgreement(theirPath, ourPath) {
  const theirs = await retainedSizes(theirPath);
  const ours = await retainedSizes(ourPath);
  const large = [...theirs.classes].filter(([, size]) => size >= SHARE_OF_HEAP * theirs.total);
  const differences = large
    .map(([name, size]) => [name, size, ours.classes.get(name) ?? 0])
    .filter(([, a, b]) => Math.abs(a - b) > TOLERANCE * a);
  return { ratio: 1 - differences.length / large.length, larger: large.length, differences };
}

/** Compares two files; gives `{ <group>: { ratio, larger, differences: [[what, V8's, ours], …] } }`. */
export async function compare(theirPath, ourPath) {
  const theirs = groups(readSnapshot(theirPath));
  const ours = groups(readSnapshot(ourPath));
  const names = Object.keys({ ...theirs, ...ours });
  const compared = Object.fromEntries(names.map((group) => [group, agreement(theirs[group], ours[group])]));
  return { ...compared, "retained size of classes": await retainedAgreement(theirPath, ourPath) };
}
