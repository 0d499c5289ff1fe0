"use strict";

// Calls wait for an answer that never comes: the promises never settle, and what their functions hold stays.
const pending = new Map();
let next = 0;

const answer = (id) => new Promise((resolve) => pending.set(id, resolve));

async function call(text) {
  const payload = Array.from({ length: 50 }, (_, index) => `${text} ${index}`);
  await answer(next++);
  return payload.length;
}

exports.settle = (id) => pending.get(id)?.();
for (let number = 0; number < 4_000; number++) call(`call ${number}`);
