"use strict";

// What was measured: a file of lines for each table, each line one run of one cell, the conditions of a measurement. The record
// of the whole comparison is part of the repository, for it takes longer than one sitting: an interrupted comparison goes on
// where it was, and parts of it can be repeated.

const fs = require("node:fs");
const { join } = require("node:path");
const { build, commit, replaceFile } = require("../../scripts/proof-record");
const { contenders } = require("./contenders");

const nameOf = (cell) => Object.values(cell).join(" | ");

/** Whose runs are turns of one comparison: all of who is compared under the same conditions. */
const turnsOf = ({ contender, client, ...conditions }) => nameOf(conditions);

class Record {
  constructor(folder) {
    this.folder = folder;
    this.origin = { build: build(), commit: commit() };
    fs.mkdirSync(folder, { recursive: true });
  }

  file(table) {
    return join(this.folder, `table-${table.name}.jsonl`);
  }

  lines(table) {
    const file = this.file(table);
    if (!fs.existsSync(file)) return [];
    return fs.readFileSync(file, "utf8").split("\n").filter(Boolean).map(JSON.parse);
  }

  /** Forgets the runs of the cells for which `isForgotten` holds. */
  forget(table, isForgotten) {
    const kept = this.lines(table).filter(({ cell }) => !isForgotten(cell));
    replaceFile(this.file(table), kept.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }

  /**
   * All cells of a table that have runs: `[{ cell, runs }, …]`. Where time is measured only those count that were made with the
   * last build of this package under these conditions, for the others' runs were its turns.
   */
  cells(table) {
    const lines = this.lines(table);
    const last = new Map(lines.map(({ cell, run }) => [turnsOf(cell), run.build]));
    const cells = new Map();
    for (const { cell, run } of lines) {
      if (table.isTimed && run.build !== last.get(turnsOf(cell))) continue;
      const name = nameOf(cell);
      if (!cells.has(name)) cells.set(name, { cell, runs: [] });
      cells.get(name).runs.push(run);
    }
    return [...cells.values()];
  }

  /** How many runs of each cell need not be repeated, by the cell's name. */
  finished(table) {
    const lines = this.lines(table).filter(({ run }) => !table.isTimed || run.build === this.origin.build);
    const counts = new Map();
    for (const { cell } of lines) counts.set(nameOf(cell), (counts.get(nameOf(cell)) ?? 0) + 1);
    return (cell) => counts.get(nameOf(cell)) ?? 0;
  }

  /** Keeps a run. Another comparison may keep one at the same time. */
  add(table, cell, run) {
    fs.appendFileSync(this.file(table), `${JSON.stringify({ cell, run: { ...run, ...this.origin } })}\n`);
  }
}

/** The commits whose build of this package was measured, in the order of the runs. */
const commitsOf = (measured) => [
  ...new Set(
    measured
      .filter(({ cell }) => contenders[cell.contender]?.isOurs ?? true)
      .flatMap(({ runs }) => runs.map(({ commit }) => commit)),
  ),
];

module.exports = { Record, commitsOf };
