"use strict";

// What every leaking program shares: the class whose instances leak, and a ledger that says in the heap itself how many
// there are. Whatever moment a snapshot shows, the ledger in it tells the right count for that moment.

/** An object that is never let go. */
class LeakingClass {
  constructor(payload) {
    this.payload = payload;
  }
}

/** Holds every leaked object and the count of them. */
class Ledger {
  constructor() {
    // A string, because V8 leaves small integers out of a snapshot.
    this.leaked = "0";
    this.count = 0;
    this.chunk = { objects: [], previous: null };
  }

  /** Makes one more object that stays. A snapshot shows the count of before or after it, never another. */
  leak(payload) {
    // Short arrays: V8's own generator keeps 1 KB for every array index that it meets.
    if (this.chunk.objects.length === 1000) this.chunk = { objects: [], previous: this.chunk };
    this.chunk.objects.push(new LeakingClass(payload));
    this.count += 1;
    this.leaked = String(this.count);
  }
}

/** A small object of about 600 bytes. Its numbers are no nodes of their own, so that the snapshot stays cheap to make. */
const smallPayload = (ledger) => new Array(64).fill(ledger.count);

/** The old generation's limit in bytes, from --max-old-space-size on the command line of this program. */
function limitBytes() {
  const flag = process.execArgv.find((argument) => argument.startsWith("--max-old-space-size="));
  if (flag === undefined)
    throw new Error("start a leaking program with --max-old-space-size=<MB>: its sizes follow the limit");
  return Number(flag.split("=")[1]) * 1024 * 1024;
}

/** Leaks small objects until they take this share of the old generation. */
function fill(ledger, share) {
  const objects = Math.floor((limitBytes() * share) / 600);
  for (let made = 0; made < objects; made++) ledger.leak(smallPayload(ledger));
}

module.exports = { LeakingClass, Ledger, smallPayload, limitBytes, fill };
