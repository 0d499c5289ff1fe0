"use strict";

// A WeakMap does not help: its keys are routes, which live as long as the process, and the values grow.
const visits = new WeakMap();
const routes = ["/", "/login", "/search"].map((path) => ({ path }));

function visit(route, visitor) {
  if (!visits.has(route)) visits.set(route, []);
  visits.get(route).push({ visitor, agent: `Browser ${visitor}` });
}

exports.routes = () => routes.map((route) => visits.get(route).length);
for (let visitor = 0; visitor < 60_000; visitor++) visit(routes[visitor % 50 ? 2 : visitor % 2], visitor);
