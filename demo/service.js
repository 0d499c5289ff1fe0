"use strict";

// A shop's HTTP service with a common mistake: it caches every rendered page under its whole URL, visitor and all, so
// that nothing is ever found in the cache and everything stays in it. demo/index.js starts it and puts load on it.
const http = require("node:http");

require("..")({ threshold: 75, name: "demo_snapshot" });

class RenderedPage {
  constructor(url) {
    this.url = url;
    this.renderedAt = new Date();
    this.html = Array.from({ length: 40 }, (_, line) => `<li>Offer ${line} for ${url}</li>`).join("\n");
  }
}

const pages = new Map();

function render(url) {
  if (!pages.has(url)) pages.set(url, new RenderedPage(url));
  return pages.get(url).html;
}

const server = http.createServer((request, response) => response.end(render(request.url)));
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit());
