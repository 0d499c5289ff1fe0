"use strict";

// The results as cells: what was measured once or several times under the same conditions. They are kept in .cache/ so that
// an interrupted comparison goes on where it was, and so that parts of it can be repeated.

const fs = require("node:fs");
const { join } = require("node:path");
const { build } = require("../../scripts/proof-record");
const { contenders } = require("./contenders");
const { FOLDER } = require("./install");

const nameOf = (cell) => Object.values(cell).join(" | ");

class Record {
  constructor(name) {
    this.file = join(FOLDER, `${name}.json`);
    this.read();
    this.build = build();
  }

  read() {
    this.tables = fs.existsSync(this.file) ? JSON.parse(fs.readFileSync(this.file, "utf8")) : {};
  }

  write() {
    const part = `${this.file}.${process.pid}.part`;
    fs.mkdirSync(FOLDER, { recursive: true });
    fs.writeFileSync(part, JSON.stringify(this.tables, null, 1));
    fs.renameSync(part, this.file);
  }

  forget(table) {
    delete this.tables[table.name];
    this.write();
  }

  /**
   * The runs of a cell, but what another build of this package has done: its own runs, and where time is measured those of
   * the others too, for they were its turns.
   */
  runs(table, cell) {
    const runs = this.tables[table.name]?.[nameOf(cell)]?.runs ?? [];
    const isOfOneBuild = table.isTimed || contenders[cell.contender]?.isOurs;
    return isOfOneBuild ? runs.filter((run) => run.build === this.build) : runs;
  }

  /** All cells of a table that have runs: `[{ cell, runs }, …]`. */
  cells(table) {
    return Object.values(this.tables[table.name] ?? {})
      .map(({ cell }) => ({ cell, runs: this.runs(table, cell) }))
      .filter(({ runs }) => runs.length > 0);
  }

  /** Keeps a run. Another comparison may have written meanwhile. */
  add(table, cell, run) {
    this.read();
    const runs = [...this.runs(table, cell), { ...run, build: this.build }];
    (this.tables[table.name] ??= {})[nameOf(cell)] = { cell, runs };
    this.write();
  }
}

module.exports = { Record };
