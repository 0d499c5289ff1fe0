"use strict";

// Each request subscribes to a bus that lives as long as the process, and never unsubscribes.
const { EventEmitter } = require("node:events");

const bus = new EventEmitter().setMaxListeners(0);

function handle(request) {
  bus.on("config", function reload() {
    request.stale = true;
  });
}

exports.reload = () => bus.emit("config");
for (let number = 0; number < 10_000; number++)
  handle({ number, headers: { host: `host-${number}` }, body: Array(20).fill(number) });
