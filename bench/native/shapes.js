"use strict";

// Heaps of one shape each. A shape makes `count` things that keep each other alive; `bytes` is what one of them takes, in a Map
// at most: its table doubles, and must not take a heap past a threshold before the heap is made.

class Point {
  constructor(x, y, z) {
    this.x = x;
    this.y = y;
    this.z = z;
  }
}

// Arrays of a thousand, so that the array is not what is measured.
function inArrays(count, make) {
  const arrays = [];
  for (let first = 0; first < count; first += 1000) {
    arrays.push(Array.from({ length: Math.min(1000, count - first) }, (_, index) => make(first + index)));
  }
  return arrays;
}

function makeList(count) {
  let list = null;
  for (let value = 0; value < count; value++) list = { value, next: list };
  return list;
}

function makeArray(count) {
  const array = new Array(count);
  for (let index = 0; index < count; index++) array[index] = { index };
  return array;
}

function makeMap(count) {
  const map = new Map();
  for (let key = 0; key < count; key++) map.set(key, { key });
  return map;
}

// What a service keeps: records with strings, dates, numbers, lists, sets, buffers and callbacks.
function makeRecord(index) {
  const created = new Date(index * 1000);
  return {
    id: index,
    name: `customer ${index}`,
    mail: `customer.${index}@example.org`,
    balance: index / 7,
    created,
    address: { street: `${index % 500} Main Street`, city: "Springfield", code: index % 99999 },
    orders: [index, index + 1, { total: index * 3, lines: [`item ${index % 4096}`, "item"] }],
    tags: index % 4 ? null : new Set([index, "tag"]),
    cache: index % 8 ? undefined : new Map([[index, created]]),
    body: index % 32 ? undefined : Buffer.alloc(64),
    onChange: () => created.getTime() + index,
  };
}

module.exports = {
  objects: { title: "many small objects", bytes: 56, make: (count) => inArrays(count, (n) => new Point(n, n, n)) },
  array: { title: "one huge array", bytes: 40, make: makeArray },
  map: { title: "one Map", bytes: 96, make: makeMap },
  cons: {
    title: "cons strings",
    bytes: 64,
    make: (count) => inArrays(count, (n) => `${n}` + " and a text that is long enough"),
  },
  list: { title: "linked list", bytes: 40, make: makeList },
  closures: { title: "closures", bytes: 112, make: (count) => inArrays(count, (n) => () => n) },
  mix: { title: "realistic mix", bytes: 1060, make: (count) => inArrays(count, makeRecord) },
};
