(function selfTestProbe() {
  // The objects that the heap reader reads back before it is trusted; self_test.rs says what it must find in them. Their
  // values differ wherever a shifted offset could find an equal one. Run as a script, whose value they are; the first
  // function stands in the first line, where the column is counted from the script's.
  "use strict";
  class SelfTestBase { #hidden = ["private value"]; reveal() { return this.#hidden; } }
  class SelfTestClass extends SelfTestBase { field = { of: "instance" }; }
  class SelfTestMapped {}
  delete SelfTestMapped.prototype.constructor;
  const captured = { by: "closure" };
  const other = ["also captured"];
  function selfTestClosure() { return [captured, other]; }
  const slow = { doomed: 1 };
  for (let index = 0; index < 40; index++) slow["slow" + index] = ["slow value " + index];
  delete slow.doomed;
  const sparse = [];
  sparse[70000] = { at: "70000" };
  const accessors = { get pair() { return 1; }, set pair(value) { other.push(value); } };
  const key = { weak: "key" };
  const bytes = new Uint8Array(new ArrayBuffer(77777), 7, 70);
  const generator = (function* selfTestGenerator() { yield captured; }).call({ calledOn: "receiver" });
  const inferred = {};
  inferred.SelfTestInferred = function () {};
  const many = {};
  for (const name of "abcdefghijklmnopqrstuvwxyz") many[name] = { letter: name };
  function Nameless() {}
  Nameless.prototype = Object.create(null);
  return {
    probe: selfTestProbe, registry: new FinalizationRegistry(selfTestClosure),
    shared: Reflect.construct(SharedArrayBuffer, [8], Nameless),
    text: "self-test text", mapped: new SelfTestMapped(), wide: "Größe → ∞", instance: new SelfTestClass(), closure: selfTestClosure, slow, sparse,
    list: ["zero", { one: 1 }, "two"], accessors, pattern: /self-test/g, bytes, generator, many,
    map: new Map([[key, "map value"]]), weakMap: new WeakMap([[key, { held: "weakly" }]]), weakRef: new WeakRef(key),
    bound: selfTestClosure.bind({ self: "bound" }, "bound argument"), promise: Promise.resolve("resolved"),
    [Symbol("self-test symbol")]: "by symbol", key, symbol: Symbol("self-test description"), set: new Set([key]), weakSet: new WeakSet([key]),
    view: new DataView(bytes.buffer, 8), inferred: Object.create(inferred.SelfTestInferred.prototype),
  };
})();
