"use strict";

// A cache in a class outlives everything.
class UserRepository {
  static found = new Map();

  static find(id) {
    if (!this.found.has(id)) this.found.set(id, { id, name: `user ${id}`, groups: new Set([id % 7, id % 11]) });
    return this.found.get(id);
  }
}

module.exports = UserRepository;
for (let id = 0; id < 15_000; id++) UserRepository.find(id);
