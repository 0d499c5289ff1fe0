/**
 * Writes a complete V8 heap snapshot right before Node runs out of memory.
 *
 * Sizes are in bytes, durations in milliseconds.
 */

import { EventEmitter } from "node:events";

/**
 * Begins to watch the heap of the calling thread. A second call in the same thread returns the same instance, whatever
 * its options; they are checked all the same.
 *
 * @throws {TypeError | RangeError} for a wrong option. Everything else that can go wrong is one warning of the process
 * (`OomHeapdumpWarning`), and the program runs on.
 */
declare function watchHeap(options?: watchHeap.Options): watchHeap.OomHeapdump;

declare namespace watchHeap {
  /** Each can be given by the environment too: `maxDumps` as `NODE_OOM_HEAPDUMP_MAX_DUMPS`. What the program gives wins. */
  interface Options {
    /**
     * When a full garbage collection leaves more than this share of the old generation's limit in use, a snapshot is made.
     * An integer from 1 to 99, in percent. `false`: only when V8 is about to give up.
     * @default 75
     */
    threshold?: number | `${number}` | false;

    /**
     * The file, without `.heapsnapshot`. A relative name is resolved against the working directory at the time of the
     * call. An existing file is kept; the new one then gets a number.
     * @default "OoM-<pid>-<milliseconds since 1970>", in a worker "OoM-<pid>-<threadId>-<milliseconds since 1970>"
     */
    name?: string;

    /**
     * `"native"`: our own heap reader. `"inspector"`: V8's generator over the inspector, for which the program must be
     * started with `--inspect`. `"auto"`: native where it can be trusted, else inspector.
     * @default "auto"
     */
    method?: "auto" | "native" | "inspector";

    /**
     * Where to look for the inspector on 127.0.0.1 if none is active when the module is loaded. From 1 to 65535.
     * @default 9229
     */
    port?: number | `${number}`;

    /**
     * The memory at which a snapshot is made, whatever is in V8's heap: `"90%"` of what the control groups of this process
     * allow, or a number of bytes that this process may hold. `false`: none.
     * @default false
     */
    rss?: `${number}%` | number | `${number}` | false;

    /**
     * A signal that asks for a snapshot, such as `"SIGUSR2"`. Not `SIGUSR1`, nor one that tells of a fault of the program.
     * @default false
     */
    signal?: NodeJS.Signals | false;

    /**
     * The longest that a dying process is held for its dump, in milliseconds.
     * @default 300000
     */
    timeout?: number | `${number}`;

    /**
     * How many snapshots are made because of `threshold` and `rss` in the life of the process.
     * @default 1
     */
    maxDumps?: number | `${number}`;

    /**
     * The time between such snapshots, in milliseconds. A process that dies leaves a snapshot unless one of the same thread
     * is younger than that.
     * @default 600000
     */
    cooldown?: number | `${number}`;

    /**
     * `"gzip"` writes `.heapsnapshot.gz`. `false`: not compressed.
     * @default false
     */
    compress?: "gzip" | false;

    /**
     * How many snapshots of this program stay in the folder; the oldest go first.
     * @default Infinity
     */
    keep?: number | `${number}`;

    /**
     * A program that is run for each complete snapshot, without a shell: its words, of which `{path}` becomes the path of
     * the snapshot and `{summary}` that of the summary.
     * @default []
     * @example ["aws", "s3", "cp", "{path}", "s3://my-bucket/"]
     */
    exec?: readonly string[];

    /**
     * Contents of strings become their length and a hash whose key nobody has. Only the native method can do it.
     * @default false
     */
    redact?: boolean;

    /**
     * Whether it is looked for what leaked after a snapshot that nobody asked for, for 10 s at most: the first suspect is told
     * on standard error in three lines, all are written to `<name>.suspects.json`.
     * @default true
     */
    suspects?: boolean;

    /**
     * Whether a snapshot is made without being asked for. `false`: only `createHeapSnapshot` makes one.
     * @default true
     */
    heapdumpOnOOM?: boolean;

    /** `name`, as version 3 called it. */
    path?: string;

    /**
     * Adds the time of the call to the name: `my_heapdump-20260331T101112`.
     * @default false
     */
    addTimestamp?: boolean;

    /** An option of version 3; accepted and ignored. */
    OOMImplementation?: string;
  }

  /** What is watched, and what has been written. */
  interface Status {
    /** Whether the heap is watched and nothing known stands in the way of a snapshot. */
    armed: boolean;
    /** How a snapshot would be made; `null` where nothing is watched. */
    method: "native" | "inspector" | null;
    /** What stands in the way, or why the last snapshot failed; else `null`. */
    reason: string | null;
    /** The option, in percent; `false` for none. */
    threshold: number | false;
    /** The old generation's limit; `null` where nothing is watched. */
    limitBytes: number | null;
    /** What is in use of it now. */
    usedBytes: number | null;
    /** The paths of the complete snapshots, oldest first. */
    dumps: string[];
  }

  /** A complete snapshot. */
  interface Dump {
    /** Its path, which differs from the name that was asked for where a file of that name existed. */
    path: string;
    /** Why it was made. */
    reason: "threshold" | "near-heap-limit" | "out-of-memory" | "rss" | "signal" | "request";
    /** How it was made. */
    method: "native" | "inspector";
    /** The size of the file. */
    bytes: number;
    /** How long this thread stood still; `null` where that is not known, as with the inspector. */
    pauseMs: number | null;
    /** From the reason to the complete file. */
    durationMs: number;
    /** The summary beside it: `<name>.summary.json`; `null` for none. */
    summaryPath: string | null;
  }

  /**
   * The instance of one thread.
   *
   * Its events keep no process alive, and none come at a death: that thread does not run any more.
   */
  interface OomHeapdump extends EventEmitter<Events> {
    /**
     * Takes a heap snapshot of this thread now, while the program runs on. Resolves to its path as soon as the file is
     * complete; the program of the option `exec` may still be at work then.
     * Rejects while a CPU profile is recorded or another snapshot is made.
     * @param path `.heapsnapshot` is added if missing. Default: the option `name`.
     */
    createHeapSnapshot(path?: string): Promise<string>;

    /** Deletes a snapshot that `createHeapSnapshot` made. Resolves to `path`; rejects for any other file. */
    deleteHeapSnapshot(path: string): Promise<string>;

    /** Deletes all that `createHeapSnapshot` made, and nothing else. Resolves to their paths. */
    deleteAllHeapSnapshots(): Promise<string[]>;

    /**
     * Records what this thread spends its time on. Resolves to the path of the profile, which DevTools opens.
     * Goes over the inspector where that is open, and opens no port where it is not. Rejects while a snapshot is made.
     * @param path `.cpuprofile` is added if missing. Default: `CPU-<pid>-<milliseconds since 1970>`.
     * @param durationMs from 1 to 2147483647, in milliseconds. Default: 30000.
     */
    createCpuProfile(path?: string, durationMs?: number | `${number}`): Promise<string>;

    /** Deletes a profile that `createCpuProfile` made. Resolves to `path`; rejects for any other file. */
    deleteCpuProfile(path: string): Promise<string>;

    /** Deletes all that `createCpuProfile` made, and nothing else. Resolves to their paths. */
    deleteAllCpuProfiles(): Promise<string[]>;

    /** What is watched, and what has been written. */
    status(): Status;

    /** Ceases to watch. A snapshot that is being made is completed; `createHeapSnapshot` rejects from now on. */
    stop(): void;
  }

  interface Events {
    /** A snapshot and its summary are complete. Its suspects, and the program of the option `exec`, may come later. */
    dump: [dump: Dump];
    /** What the process warns of, too. */
    warning: [message: string];
    /** A snapshot failed. Without a listener nothing happens: it never throws into the program. */
    error: [error: Error];
  }
}

export = watchHeap;
