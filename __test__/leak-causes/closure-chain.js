"use strict";

// Each replacement keeps the one before it alive, for both closures share one scope.
let current = null;

function replace() {
  const original = current;
  const unused = () => original;
  current = {
    text: Array.from({ length: 100 }, (_, index) => `text ${index} ${Math.random()}`),
    method: () => unused.length,
  };
}

exports.current = () => current;
for (let number = 0; number < 1_500; number++) replace();
