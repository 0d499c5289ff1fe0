"use strict";

// An Express application that subscribes each request to an emitter of its own, and never lets go.
const { EventEmitter } = require("node:events");
const express = require("express");

const shutdown = new EventEmitter().setMaxListeners(0);
const app = express();

app.get("/report/:number", function sendReport(request, response) {
  const rows = Array.from({ length: 60 }, (_, index) => ({ index, report: request.params.number }));
  shutdown.once("close", () => response.destroy(new Error(`${rows.length} rows were not sent`)));
  response.json({ rows: rows.length });
});

module.exports = new Promise((resolve) => {
  const server = app.listen(0, "127.0.0.1", async () => {
    const { port } = server.address();
    for (let number = 0; number < 600; number++)
      await (await fetch(`http://127.0.0.1:${port}/report/${number}`)).text();
    resolve();
  });
});
