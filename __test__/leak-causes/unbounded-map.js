"use strict";

// Sessions are stored at login and never removed.
const sessions = new Map();

function login(user) {
  sessions.set(`token-${user}`, { user, roles: ["reader", "writer"], since: new Date(user * 1000) });
}

exports.count = () => sessions.size;
for (let user = 0; user < 20_000; user++) login(user);
