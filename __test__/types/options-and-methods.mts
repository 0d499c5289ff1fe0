// What programs in TypeScript may write. `npm run test:types` compiles it and runs nothing.
import watchHeap, { type Dump, type OomHeapdump, type Options, type Status } from "node-oom-heapdump";
import { expectTypeOf } from "expect-type";

expectTypeOf(watchHeap).parameters.toEqualTypeOf<[options?: Options]>();
expectTypeOf(watchHeap()).toEqualTypeOf<OomHeapdump>();

watchHeap({ threshold: 75, name: "my_heapdump", method: "native", port: 9229 });
watchHeap({ threshold: false, rss: "90%", signal: "SIGUSR2", maxDumps: 2, cooldown: 1000, timeout: 1000 });
watchHeap({
  rss: 500_000_000,
  compress: "gzip",
  keep: Infinity,
  exec: ["aws", "s3", "cp", "{path}", "s3://x"] as const,
});
watchHeap({ heapdumpOnOOM: false, OOMImplementation: "NATIVE_HOOK", path: "x", addTimestamp: true, redact: true });
watchHeap({ threshold: "60", port: "9230" });

// @ts-expect-error an unknown option
watchHeap({ treshold: 75 });
// @ts-expect-error no method of that name
watchHeap({ method: "fast" });
// @ts-expect-error a shell command is no list of words
watchHeap({ exec: "aws s3 cp" });
// @ts-expect-error not a signal
watchHeap({ signal: "SIGFOO" });
// @ts-expect-error `true` is no number of percent
watchHeap({ threshold: true });

const instance = watchHeap();
expectTypeOf(instance.createHeapSnapshot).parameters.toEqualTypeOf<[path?: string]>();
expectTypeOf(instance.createHeapSnapshot()).resolves.toBeString();
expectTypeOf(instance.deleteHeapSnapshot("x")).resolves.toBeString();
expectTypeOf(instance.deleteAllHeapSnapshots()).resolves.toEqualTypeOf<string[]>();
expectTypeOf(instance.createCpuProfile("x", 10_000)).resolves.toBeString();
expectTypeOf(instance.deleteCpuProfile("x")).resolves.toBeString();
expectTypeOf(instance.deleteAllCpuProfiles()).resolves.toEqualTypeOf<string[]>();
expectTypeOf(instance.status()).toEqualTypeOf<Status>();
expectTypeOf(instance.stop()).toBeVoid();

instance.on("dump", (dump) => expectTypeOf(dump).toEqualTypeOf<Dump>());
instance.on("warning", (message) => expectTypeOf(message).toBeString());
instance.once("error", (error) => expectTypeOf(error).toEqualTypeOf<Error>());
