"use strict";

// Leaks until it dies of out-of-memory. demo/my-snapshot.js starts it.
require("..")({ threshold: 75, name: "my_snapshot" });

class LeakingClass {
  constructor() {
    this.numbers = new Array(100).fill(0);
  }
}

let leaks = null;
setInterval(() => {
  for (let made = 0; made < 200; made++) leaks = { leaking: new LeakingClass(), previous: leaks };
}, 1);
