"use strict";

// Each connection polls by an interval that nobody clears.
class Connection {
  constructor(number) {
    this.number = number;
    this.received = Array.from({ length: 50 }, (_, index) => ({ index, number }));
  }
}

function open(number) {
  const connection = new Connection(number);
  setInterval(function poll() {
    connection.received.length;
  }, 60_000);
}

for (let number = 0; number < 3_000; number++) open(number);
