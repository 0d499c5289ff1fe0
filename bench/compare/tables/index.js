"use strict";

// The tables in their order. Each has
//
// title, note  what is asked, and how its figures are to be read
// cells        everything it wants measured, for `{ majors, sizes, isQuick }`
// turns        how often a cell is measured
// isTimed      whether other work beside a cell would spoil it
// measure      measures a cell once, in a whole comparison or a quick one
// render       its Markdown, of what was measured
// plot         its picture, where it has one

const tables = {
  1: require("./completeness"),
  2: require("./memory-limit"),
  3: require("./costs"),
  4: require("./watching"),
  5: require("./growth"),
  6: require("./helper"),
};

module.exports = Object.entries(tables).map(([name, table]) => ({ name, ...table }));
