// Compares two .heapsnapshot files of the same heap, V8's and ours, group by group. Agreement is the sum of the smaller counts
// over the sum of the larger ones. What is rightly different is left out on both sides and listed.
import { readFileSync } from "node:fs";

/** Reads a snapshot into columns with the names resolved. */
export function readSnapshot(path) {
  const { snapshot, nodes, edges, strings, locations } = JSON.parse(readFileSync(path, "utf8"));
  const { node_fields: nodeFields, node_types: nodeTypes, edge_types: edgeTypes } = snapshot.meta;
  const width = nodeFields.length;
  const column = Object.fromEntries(nodeFields.map((field, index) => [field, index]));
  const count = nodes.length / width;
  const list = new Array(count);
  let edge = 0;
  for (let index = 0; index < count; index++) {
    const row = index * width;
    const edgeCount = nodes[row + column.edge_count];
    list[index] = {
      type: nodeTypes[0][nodes[row + column.type]],
      // V8 writes a blank for a null character.
      name: strings[nodes[row + column.name]].replaceAll("\0", " "),
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
    const name = type === "element" || type === "hidden" ? value : strings[value];
    return { type, name, to: list[edges[3 * index + 2] / width] };
  };
  return { list, edgeOf, strings, locations, width };
}

/** V8 shows embedder nodes, and puts their names on the objects that they wrap. */
const isEmbedder = (node) => node.type === "native" && node.name.startsWith("Node / ");
const isRoot = (node) => node.type === "synthetic";
const userTypes = new Set(["object", "closure", "regexp", "number", "symbol", "bigint"]);
const isAscii = (text) => /^[\x00-\x7f]*$/.test(text);

/** The groups to compare: for each a map from key to count. */
function groups(snapshot) {
  const result = {};
  const add = (group, key, amount = 1) => {
    const map = (result[group] ??= new Map());
    map.set(key, (map.get(key) ?? 0) + amount);
  };
  for (const node of snapshot.list) {
    if (isEmbedder(node)) continue;
    add("nodes by type", node.type);
    add("nodes by type and name", `${node.type} ${node.name}`);
    add("total self size", "", node.selfSize);
    if (userTypes.has(node.type)) {
      add("user objects, count", `${node.type} ${node.name}`);
      add("user objects, size", `${node.type} ${node.name}`, node.selfSize);
    }
    if (node.type === "string" && isAscii(node.name)) add("strings", node.name);
    for (let index = node.firstEdge; index < node.firstEdge + node.edgeCount; index++) {
      const { type, name, to } = snapshot.edgeOf(index);
      if (isEmbedder(to)) continue;
      if (type === "element" && isRoot(node)) continue;
      if (type === "property" || type === "element" || type === "context") {
        // Ours has the properties of array buffers, V8's has none.
        if (/^(Shared)?ArrayBuffer$/.test(node.name)) continue;
        const label = (end) => (isAscii(end.name) ? `${end.type} ${end.name}` : end.type);
        add("property, element, context edges", `${label(node)} --${type} ${isAscii(String(name)) ? name : "?"}--> ${label(to)}`);
      } else if (isRoot(node)) {
        // V8 counts the weak string table among the roots.
        if (node.name !== "(Internalized strings)") add("root edges", `${node.name} ${type} ${/^\d+$/.test(name) ? "#" : String(name).replace(/^\d+ \/ /, "# / ")}`);
      } else if (!/^(Shared)?ArrayBuffer$/.test(node.name)) {
        const plain = String(name).replace(/^\d+ \/ /, "").replace(/@\d+/g, "@");
        add("internal, hidden, weak edges", `${type} ${plain}`);
        add("internal edges by source", `${node.type} ${node.name} --${type} ${plain}--> ${to.type}`);
      }
    }
  }
  const { locations, width, list } = snapshot;
  for (let index = 0; index < locations.length; index += 4) {
    const node = list[locations[index] / width];
    if (!isEmbedder(node)) add("locations", `${node.type} ${node.name} ${locations[index + 1]}:${locations[index + 2]}:${locations[index + 3]}`);
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
  return { ratio: larger === 0 ? 1 : smaller / larger, larger, differences };
}

/** Compares two files; gives one row a group. */
export function compare(theirPath, ourPath) {
  const theirs = groups(readSnapshot(theirPath));
  const ours = groups(readSnapshot(ourPath));
  return Object.keys({ ...theirs, ...ours }).map((group) => ({ group, ...agreement(theirs[group], ours[group]) }));
}

if (process.argv[1] === import.meta.filename) {
  const shown = Number(process.env.SHOW ?? 0);
  for (const { group, ratio, larger, differences } of compare(process.argv[2], process.argv[3])) {
    console.log(`${(100 * ratio).toFixed(3).padStart(8)} %  ${group} (${larger})`);
    for (const [key, a, b] of differences.slice(0, shown)) console.log(`            V8 ${a}  ours ${b}  ${key.slice(0, 150)}`);
  }
}
