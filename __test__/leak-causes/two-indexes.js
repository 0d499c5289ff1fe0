"use strict";

// Trackers are removed from neither of two tables. No single object holds them: their class is the suspect.
class Tracker {
  constructor(number) {
    this.number = number;
    this.positions = Array.from({ length: 40 }, (_, index) => ({ index, number }));
  }
}

const byNumber = new Map();
const byOwner = new Map();
globalThis.track = (number) => byNumber.get(number);
globalThis.trackOwner = (owner) => byOwner.get(owner);
for (let number = 0; number < 4_000; number++) {
  const tracker = new Tracker(number);
  byNumber.set(number, tracker);
  byOwner.set(`owner ${number}`, tracker);
}
