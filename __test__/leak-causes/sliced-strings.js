"use strict";

// A title of some characters keeps the page that it was cut from.
const titles = [];

function readTitle(number) {
  const page = `<title>Page number ${number}</title>` + "x".repeat(10_000);
  titles.push(Buffer.from(page).toString("latin1").slice(7, 30));
}

exports.titles = () => titles.join();
for (let number = 0; number < 1_000; number++) readTitle(number);
