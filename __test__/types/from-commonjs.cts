// The same from CommonJS.
import watchHeap = require("node-oom-heapdump");

const status: watchHeap.Status = watchHeap({ threshold: 75 }).status();
status.dumps.map((path: string) => path);
