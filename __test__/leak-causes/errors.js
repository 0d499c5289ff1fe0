"use strict";

// Errors are collected for a report that nobody asks for; each has its stack and the request that failed.
const failures = [];

function request(number) {
  try {
    throw Object.assign(new Error(`request ${number} failed`), { request: { number, body: "x".repeat(50) + number } });
  } catch (error) {
    error.stack;
    failures.push(error);
  }
}

exports.report = () => failures.map(String);
for (let number = 0; number < 15_000; number++) request(number);
