"use strict";

// Cursors are opened and not read to their end: their rows stay on the halted frames.
const cursors = [];

function* query(number) {
  const rows = Array.from({ length: 100 }, (_, index) => ({ index, table: number }));
  yield* rows;
}

function openCursor(number) {
  const cursor = query(number);
  cursors.push(cursor);
  return cursor.next().value;
}

exports.cursors = () => cursors.length;
for (let number = 0; number < 2_000; number++) openCursor(number);
