// Compares two .heapsnapshot files of the same heap, V8's and ours, group by group. Agreement is the sum of the smaller
// counts over the sum of the larger ones. What is rightly different is made equal on both sides; `normalised` says what.
import { createReadStream, readFileSync, writeFileSync } from "node:fs";
import { parse } from "heap-snapshot-toolkit";

/** What is made equal or left out on both sides, and why ours is right. */
export const normalised = [
  "V8 asks Node for nodes of its own (`Node / …`). They are no part of V8's heap and are left out, with their edges.",
  "V8 counts the weak string table among its roots, and lists some objects that no edge leads to. What is known so alone is garbage, which ours does not have. It is left out, and so are the table's edges.",
  "V8 numbers the edges of its roots by an order of its own. Edges from the root to its groups are left out, those from groups to objects are compared without their numbers.",
  "V8 cuts characters outside of the Basic Multilingual Plane to 16 bits, writes a blank for a null character, and question marks for half a surrogate pair. Ours are right; they are cut for the comparison.",
  "V8 writes elements from 2³¹ on with negative numbers. Ours are right; they are written like that for the comparison.",
  "V8 shows no properties of an ArrayBuffer. Ours are left out.",
  "V8 calls the code of a builtin by the builtin's name, which no object holds. Ours has no name, as V8's other code; the name is taken away.",
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
      name: withoutBuiltin(texts[nodes[row + column.name]]),
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

/** Marks the nodes that are not compared: the embedder's, and those that nothing but the table of strings leads to. */
function leaveOut({ list, edgeOf }) {
  const reached = reach(list[0], edgeOf, () => true);
  for (const node of list) node.isLeftOut = isEmbedder(node) || !reached.has(node);
}

/** What can be reached from the root by edges of some types, but not by way of the table of strings and the embedder's nodes. */
function reach(root, edgeOf, follows) {
  const reached = new Set([root]);
  for (const node of reached) {
    if (isStringTable(node) || isEmbedder(node)) continue;
    for (let index = node.firstEdge; index < node.firstEdge + node.edgeCount; index++) {
      const { type, to } = edgeOf(index);
      if (follows(type)) reached.add(to);
    }
  }
  return reached;
}

/** V8 writes the lowest 16 bits of a character, a blank for a null character, and three question marks for half a pair. */
const asV8Writes = (text) =>
  text
    .replaceAll("\0", " ")
    .replaceAll("\ufffd", "???")
    .replace(/[\ud800-\udbff][\udc00-\udfff]/g, (character) => String.fromCharCode(character.codePointAt(0) & 0xffff));

/** V8 keeps the number of an element in 32 bits with a sign. */
const asSigned = (number) => number | 0;

const withoutBuiltin = (name) => (/^\(.+ builtin( code| handle)?\)$/.test(name) ? "" : name);
/** Node's own nodes; those that Node holds, and V8's for C++ objects, stand at the root as if they were groups of roots. */
const embedderName = /^(Node \/|C\+\+) /;
const isEmbedder = ({ type, name }) => (type === "native" || type === "synthetic") && embedderName.test(name);
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

/** All that a snapshot says, counted: each node with its size, each edge with both ends, each place of a function. */
export function features(path) {
  const { list, edgeOf, locations, width } = readSnapshot(path);
  const counts = new Map();
  const add = (feature) => counts.set(feature, (counts.get(feature) ?? 0) + 1);
  for (const node of list) {
    if (node.isLeftOut) continue;
    add(`${label(node)} ${node.selfSize}`);
    for (let index = node.firstEdge; index < node.firstEdge + node.edgeCount; index++) {
      const { type, name, to } = edgeOf(index);
      if (!to.isLeftOut && !isRoot(node)) add(`${label(node)} --${type} ${withoutNumbers(name)}--> ${label(to)}`);
    }
  }
  for (let index = 0; index < locations.length; index += 4) {
    const node = list[locations[index] / width];
    if (!node.isLeftOut) add(`${label(node)} ${locations.slice(index + 1, index + 4)}`);
  }
  return counts;
}

/** How many features two snapshots do not have in common. */
export function distance(theirs, ours) {
  let sum = 0;
  for (const feature of new Set([...theirs.keys(), ...ours.keys()]))
    sum += Math.abs((theirs.get(feature) ?? 0) - (ours.get(feature) ?? 0));
  return sum;
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

/**
 * Writes the snapshot without the edges of the table of strings, which else retains them, of the embedder's nodes, and of
 * garbage: DevTools takes what only weak edges lead to for roots.
 */
function writeWithoutLeftOutEdges(path, target) {
  const file = JSON.parse(readFileSync(path, "utf8"));
  const { list, edgeOf } = readSnapshot(path);
  const { node_fields: fields } = file.snapshot.meta;
  const held = reach(list[0], edgeOf, (type) => type !== "weak");
  const edges = [];
  list.forEach((node, position) => {
    const before = edges.length;
    for (let index = node.firstEdge; index < node.firstEdge + node.edgeCount; index++) {
      const { to } = edgeOf(index);
      if (isStringTable(node) || isEmbedder(node) || isEmbedder(to) || !held.has(node) || !held.has(to)) continue;
      edges.push(file.edges[3 * index], file.edges[3 * index + 1], file.edges[3 * index + 2]);
    }
    file.nodes[position * fields.length + fields.indexOf("edge_count")] = (edges.length - before) / 3;
  });
  file.edges = edges;
  file.snapshot.edge_count = edges.length / 3;
  writeFileSync(target, JSON.stringify(file));
}

/**
 * What the objects of each class retain, by DevTools' own engine. It keeps classes of one name apart by the place of their
 * constructors; here they are one.
 */
async function retainedSizes(path) {
  const target = `${path}.normalised`;
  writeWithoutLeftOutEdges(path, target);
  const snapshot = await parse(createReadStream(target, "utf8"));
  const aggregates = Object.values(snapshot.aggregatesWithFilter({}));
  const classes = new Map();
  for (const { name, maxRet } of aggregates) {
    const key = asV8Writes(name);
    if (key !== "(synthetic)" && !embedderName.test(key)) classes.set(key, (classes.get(key) ?? 0) + maxRet);
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
