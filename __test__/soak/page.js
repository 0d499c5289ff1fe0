"use strict";

// SOAK.md: what a soak has seen, in tables.

const os = require("node:os");
const { atRest, zombiesIn } = require("./observation");
const { minutesWithoutDump } = require("./verdict");
const { markdown, median, megabytes, milliseconds } = require("../../bench/compare/statistics");

const values = (samples, name) => samples.map((sample) => sample[name]);
const most = (samples, name) => Math.max(...values(samples, name));

/** One number, or the least and the most. */
function range(samples, name) {
  const all = values(samples, name);
  const [least, greatest] = [Math.min(...all), Math.max(...all)];
  return least === greatest ? String(least) : `${least} to ${greatest}`;
}

const share = (part, whole) => `${((100 * part) / whole).toFixed(1)} %`;
const inPercent = (part) => `${Math.round(100 * part)} %`;
const seconds = (time) => (time / 1e3).toFixed(2);

/** Rows of the first table: of a stretch its observation, latencies and dumps. */
const rows = {
  minutes: ({ observation }) => Math.round((observation.ended - observation.began) / 60_000),
  "RSS, median (MB)": ({ observation }) => megabytes(median(values(observation.samples, "rss"))),
  "RSS, highest (MB)": ({ observation }) => megabytes(most(observation.samples, "rss")),
  "descriptors at rest": ({ observation }) => range(atRest(observation), "descriptors"),
  "descriptors, most": ({ observation }) => most(observation.samples, "descriptors"),
  "threads at rest": ({ observation }) => range(atRest(observation), "threads"),
  "zombies in two samples": ({ observation }) => zombiesIn(observation).length,
  "dumps asked": ({ asked }) => asked.length,
  "dumps complete": ({ dumps }) => dumps.filter(({ isComplete }) => isComplete).length,
  "CPU of the service": ({ observation }) => share(observation.cpu.own, observation.ended - observation.began),
  "CPU of a dump (s)": ({ observation, asked }) =>
    asked.length > 0 ? seconds(observation.cpu.ofChildren / asked.length) : "–",
};

const rowsOfLatency = {
  requests: ({ requests }) => requests,
  "requests failed": ({ failed }) => failed,
  ...Object.fromEntries(
    ["p50", "p90", "p99", "p99.9", "max"].map((name) => [
      `latency, ${name} (ms)`,
      ({ latency }) => milliseconds(latency[name]),
    ]),
  ),
  "sent late, p99.9 (ms)": ({ lateness }) => milliseconds(lateness["p99.9"]),
};

function comparison({ before, during, after }, dumping) {
  const three = Object.entries(rows).map(([name, cell]) => [name, cell(before), cell(during), "", cell(after)]);
  const four = Object.entries(rowsOfLatency).map(([name, cell]) => [
    name,
    cell(before),
    cell(during),
    dumping ? cell(dumping) : "–",
    cell(after),
  ]);
  return markdown(["", "before", "during", "of it, while a dump was made", "after"], [...three, ...four]);
}

function course(parts) {
  const heads = [
    "minutes",
    "RSS, median (MB)",
    "RSS, highest (MB)",
    "descriptors at rest",
    "threads at rest",
    "dumps complete",
    "longest pause (ms)",
    "latency, p99 (ms)",
    "p99.9 (ms)",
    "max (ms)",
  ];
  const rows = parts.map(({ name, observation, latency, dumps }) => [
    name,
    megabytes(median(values(observation.samples, "rss"))),
    megabytes(most(observation.samples, "rss")),
    range(atRest(observation), "descriptors"),
    range(atRest(observation), "threads"),
    dumps.length,
    milliseconds(Math.max(...values(dumps, "pauseMs"))),
    milliseconds(latency.p99),
    milliseconds(latency["p99.9"]),
    milliseconds(latency.max),
  ]);
  return markdown(heads, rows);
}

function dumpsTold(dumps) {
  const told = (name, text) => `${text(median(values(dumps, name)))}, ${text(Math.max(...values(dumps, name)))}`;
  return markdown(
    ["of a dump", "median, most"],
    [
      ["the service stands still (ms)", told("pauseMs", milliseconds)],
      ["complete after (s)", told("durationMs", seconds)],
      ["file (MB)", told("bytes", megabytes)],
    ],
  );
}

/** The page of what was found. */
function page(findings, faults) {
  const { stretches, parts, dumping, dumps, files, terms } = findings;
  const { stillMade } = minutesWithoutDump(findings);
  const loads = values(stretches.during.observation.samples, "load");
  return [
    "# A service under load, dumped each minute",
    "",
    `Written by \`npm run soak\` on Linux ${os.release()}, ${os.cpus().length} CPUs, Node ${terms.version}. The load average of the machine`,
    `was ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}.`,
    "",
    `An HTTP service renders pages of ${(terms.bytesOfPage / 1024).toFixed(1)} KB and keeps them; each minute it lets go of them. Its heap has ${terms.heapMegabytes} MB, its`,
    `semi-spaces ${terms.semiSpaceMegabytes} MB. Before and after, pages fill the heap to ${inPercent(terms.quiet)}, during the soak to ${inPercent(terms.dumped)}, past the threshold of`,
    `${terms.threshold} %. But for \`threshold\`, \`maxDumps\`, \`cooldown\` and \`keep: ${terms.keep}\` the package has its defaults, so that suspects are looked for,`,
    `too. One minute of warm-up is not counted. ${terms.requestsASecond} requests a second are sent whether answers come or not; latencies count from`,
    "the moment at which a request was due, and so hold the lateness of the sender. Service and sender share the processors with",
    "the dumps, with `check`, which reads each dump at the lowest priority, and with what else the machine did. At rest: the",
    "service has no child. CPU of a dump: all processes that it starts, the search for suspects too.",
    "",
    comparison(stretches, dumping),
    "",
    dumpsTold(dumps),
    "",
    course(parts.map((name) => stretches[name])),
    "",
    `Beside a dump that is being made there is no other, however long it takes: ${stillMade.length} of ${terms.minutes} minutes had none for this reason.`,
    "The frozen child of a threshold runs as a batch at nice +5, and takes longer where other work takes all processors.",
    "",
    `The soak fails when another minute has no dump, or one that is not complete by \`check\`; when descriptors or threads at rest are`,
    `more after than before, when a zombie stays or a child is left; when the median RSS after is more than ${inPercent(terms.rssAllowed)} above that`,
    `before; when a request fails; when a temporary file or more than ${terms.keep} snapshots are left. Left were ${files.join(", ")}.`,
    "",
    faults.length === 0
      ? "Nothing of that was seen."
      : `What failed:\n\n${faults.map((fault) => `- ${fault}`).join("\n")}`,
    "",
  ].join("\n");
}

module.exports = { page };
