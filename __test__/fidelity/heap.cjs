// A heap that holds every kind of thing, many of each, so that a rate of agreement means something.
"use strict";
const count = Number(process.env.FIDELITY_COUNT ?? 300);
const kept = (module.exports = []);
const many = (make) => kept.push(Array.from({ length: count }, (_, index) => make(index)));

class Account {
  #balance;
  static opened = 0;
  constructor(owner, balance) {
    this.owner = owner;
    this.#balance = balance;
    Account.opened++;
  }
  get balance() {
    return this.#balance;
  }
  set balance(value) {
    this.#balance = value;
  }
  #audit() {
    return this.#balance > 0;
  }
  check() {
    return this.#audit();
  }
}
class Savings extends Account {
  rate = 1.5;
  [Symbol("note")] = { text: "savings" };
}
class Tagged {
  get [Symbol.toStringTag]() {
    return "NeverRead";
  }
}
class OwnTag {
  constructor() {
    this[Symbol.toStringTag] = "OwnTagged";
  }
}

many((index) => new Savings({ name: `owner ${index}` }, { amount: index }));
many((index) => (index % 2 ? new Tagged() : new OwnTag()));
many((index) => ({
  [`key${index}`]: `value ${index}`,
  index,
  half: index / 2,
  nothing: null,
  missing: undefined,
  yes: true,
}));
many((index) => Object.create(null, { hidden: { value: { index }, enumerable: false } }));
many((index) => Object.defineProperty({}, "computed", { get: () => index, set() {}, configurable: true }));
many((index) => Object.freeze([{ index }, `frozen ${index}`]));

// Maps and sets, weak and strong.
const keys = Array.from({ length: count }, (_, index) => ({ key: index }));
kept.push(keys);
kept.push(new Map(keys.map((key, index) => [key, { value: index }])));
kept.push(new Map(keys.map((_, index) => [`name ${index}`, index])));
kept.push(new Set(keys.map((key) => [key])));
kept.push(new WeakMap(keys.map((key, index) => [key, { weakly: index }])));
kept.push(new WeakMap(keys.map((key) => [key, key])));
kept.push(new WeakSet(keys));
many((index) => new WeakRef(keys[index]));
const registry = new FinalizationRegistry(() => {});
keys.forEach((key, index) => registry.register(key, [index], key));
kept.push(registry);

// Functions of all sorts, some of them at a halt.
many((index) => () => index);
many((index) => {
  let captured = { index };
  return { read: () => captured, write: (value) => (captured = value) };
});
many(
  (index) =>
    function named(left, right) {
      return named.length + left + right + index;
    },
);
many((index) =>
  (function* () {
    const local = { index };
    yield local;
    yield local;
  })(),
);
kept.at(-1).forEach((generator) => generator.next());
many((index) =>
  (async () => {
    const local = { index };
    await new Promise(() => {});
    return local;
  })(),
);
many((index) => Promise.resolve({ index }));
many((index) => new Promise((resolve) => kept.push(resolve)).then(() => index));
many((index) => ((left, right) => [left, right, index]).bind({ self: index }, "left", index));
many((index) => new Proxy({ index }, { get: () => index }));
many((index) => Function(`return ${index % 10}`));
many((index) => {
  with_eval: for (const item of [index]) {
    eval("var evaluated = { item }; kept.push(() => evaluated)");
    break with_eval;
  }
});

many((index) => Function("index", "eval('var extended = { index }'); return () => extended")(index));
if (globalThis.AsyncDisposableStack)
  many((index) => {
    const stack = new AsyncDisposableStack();
    stack.defer(() => new Promise(() => {}));
    stack.defer(() => {
      throw { index };
    });
    stack.disposeAsync();
    return stack;
  });

// Memory outside of the heap.
many((index) => new Uint8Array(64 + (index % 7)));
many((index) => new Float64Array(8).fill(index));
many((index) => new DataView(new ArrayBuffer(24 + index), 8));
many((index) => new SharedArrayBuffer(16 + index));
if (ArrayBuffer.prototype.resize) many((index) => new ArrayBuffer(16, { maxByteLength: 64 + index }));
many((index) => Buffer.from(`buffer ${index}`));

// Prototypes whose properties are listed.
const parent = { inherited: { by: "child" } };
const child = Object.assign(Object.create(parent), { own: 1 });
for (let round = 0; round < 1000; round++) for (const key in child) kept.latest = child[key] ?? child.inherited;
kept.push(child);

// Values.
many((index) => BigInt(index) ** 40n);
many((index) => Symbol(`symbol ${index}`));
many((index) => new RegExp(`pattern${index}`, "gi"));
kept.at(-1).forEach((expression) => expression.test("pattern1"));
const literal = () => /literal (pattern)/g;
for (let round = 0; round < 1000; round++) literal();
kept.push(literal);
many((index) => new Date(index * 1e9));
many((index) => new Error(`error ${index}`, { cause: { index } }));
kept.at(-1).forEach((error) => error.stack);
many((index) => [
  new Number(index),
  new String(`boxed ${index}`),
  new Boolean(index % 2),
  Object(1n),
  Object(Symbol.iterator),
]);
many((index) => Math.sqrt(index + 0.5));
many((index) => new Intl.NumberFormat("en", { minimumFractionDigits: index % 4 }).format(index)).length;
kept.push(Array.from({ length: 20 }, () => new Intl.Collator("de")));

// Elements.
many((index) => Array.from({ length: index % 50 }, (_, item) => ({ item })));
many((index) => Array.from({ length: 9 }, (_, item) => item * 1.5));
many((index) => [1, , "hole", , { index }]);
kept.push(Object.assign([], { 5: "five", 100000: { sparse: true }, 4294967294: "last" }));
many((index) => {
  const dictionary = {};
  for (let key = 0; key < 40; key++) dictionary[`k${key}_${index}`] = { key };
  delete dictionary[`k3_${index}`];
  return dictionary;
});
many((index) => {
  const sparse = [];
  sparse[index * 1000] = { index };
  return sparse;
});
(function () {
  kept.push(arguments);
})({ argument: 1 }, "two", 3);
(function (first) {
  kept.push(arguments, () => first);
})({ mapped: 1 });
kept.push(
  Array.from({ length: Math.min(200_000, 1000 * count) }, (_, index) => (index % 3 ? index : { large: index })),
);

// Strings.
many((index) => `cons ${"x".repeat(20)}` + index + `${"y".repeat(20)}`);
many((index) => `a long text that is sliced later on, number ${index}`.slice(3, 40));
many((index) => {
  const text = `thin ${index} ${"z".repeat(20)}`;
  ({})[text];
  kept.push({ [text]: index });
  return text;
});
many((index) => `zweibytig — Größe ${index} → ∞`);
many((index) => `astral 😀 ${index}`);
many(() => '\u0000\u001f\u007f\\"/\n\t');
kept.push("long ".repeat(1000), "ü".repeat(5000), "");
many((index) => JSON.parse(`{"parsed":[${index},"text ${index}",{"deep":null}]}`));

// Modules of code.
kept.push(import("data:text/javascript,export const exported = { of: 'a module' }; export default class Inner {}"));
// A function that adds, exported, and three times in a table; a memory.
const wasm = Buffer.from(
  "0061736d0100000001070160027f7f017f030201000404017000030503010001" +
    "0707010361646400000909010041000b030000000a09010700200020016a0b",
  "hex",
);
many(() => new WebAssembly.Instance(new WebAssembly.Module(wasm))).length;
kept.push(require("node:vm").runInNewContext("({ other: 'realm', list: [{}, {}], f() { return this } })"));

// Code that is compiled by every tier.
const product = (left, right) => left * right;
const hot = Array.from({ length: 40 }, (_, index) =>
  Function("a", "b", `let s = ${index}; for (let i = 0; i < a; i++) s += b.f(b.x, i); return s`),
);
kept.push(hot);
for (const compiled of hot) for (let round = 0; round < 300; round++) compiled(300, { x: round, f: product });
for (let round = 0; round < 20000; round++) keys[round % count].key++;
