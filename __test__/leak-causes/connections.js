"use strict";

// Clients that went away stay in the set, with what was to be sent to them.
class Client {
  constructor(address) {
    this.address = address;
    this.outbox = Array.from({ length: 20 }, (_, index) => ({ to: address, index }));
  }
}

const clients = new Set();
exports.broadcast = (text) => clients.forEach((client) => client.outbox.push(text));
for (let number = 0; number < 6_000; number++) clients.add(new Client(`10.0.${number >> 8}.${number & 255}`));
