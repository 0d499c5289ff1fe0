// DevTools' own engine: load, dominators, retained sizes, classes.
import { createReadStream } from "node:fs";
import { parse } from "heap-snapshot-toolkit";

const snapshot = await parse(createReadStream(process.argv[2], "utf8"));
console.log(Object.keys(snapshot.aggregatesWithFilter({})).length, "classes");
