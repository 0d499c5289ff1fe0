"use strict";

// Results are remembered for every argument that ever came.
function memoize(compute) {
  const results = new Map();
  return (argument) => {
    const key = JSON.stringify(argument);
    if (!results.has(key)) results.set(key, compute(argument));
    return results.get(key);
  };
}

exports.route = memoize(({ from, to }) => Array.from({ length: 30 }, (_, index) => ({ at: from + index, to })));
for (let from = 0; from < 4_000; from++) exports.route({ from, to: from + 30 });
