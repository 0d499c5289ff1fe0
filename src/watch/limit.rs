//! How large V8 lets the old generation of one isolate become.
//!
//! The truth is `Heap::max_old_generation_size()`, which V8 shows to nobody but a near-heap-limit callback. What it does
//! show is `heap_size_limit` (`Heap::MaxReserved`), the same number plus the young generation's room: three times the
//! largest semi-space. So whatever set the old generation (`--max-old-space-size`, a percentage of memory,
//! `resourceLimits`, the machine) is already in there, and only the semi-space must be found out: the same way as V8
//! does it, in `Heap::ConfigureHeap`. Everything here is for 64-bit V8 without pointer compression, which Node ships.

use std::ops::RangeInclusive;

use super::node_options::NodeOptions;

const MB: u64 = 1024 * 1024;

/// V8's page, to which it rounds a computed semi-space (`kPageSizeBits` = 18 on x64 and arm64).
const PAGE: u64 = 256 * 1024;

/// Room of the young generation in semi-spaces: two to copy between, and new large objects as large as a third.
const SEMI_SPACES: u64 = 3;

/// What decides the limit of an isolate.
#[derive(Debug)]
pub struct LimitSources<'a> {
    /// `HeapStatistics::heap_size_limit` in bytes, read before a near-heap-limit callback has raised the limit.
    pub heap_size_limit: u64,
    /// `process.execArgv`.
    pub exec_argv: &'a [String],
    /// `process.env.NODE_OPTIONS`, empty when unset.
    pub node_options: &'a str,
    /// `worker_threads.resourceLimits.maxYoungGenerationSizeMb`, which Node fills in when the application did not give
    /// it; `None` on the main thread.
    pub worker_young_generation_mb: Option<f64>,
    /// The memory in bytes that Node tells V8 of: `os.totalmem()` or `process.constrainedMemory()`, the smaller one.
    pub memory: u64,
    /// `process.versions.v8`.
    pub v8_version: &'a str,
}

/// The largest size of the old generation in bytes: what V8 hands to the first near-heap-limit callback as
/// `current_heap_limit`. Never 0, never above `heap_size_limit`.
///
/// Measured equal on V8 10.2, 11.3, 12.4, 13.6 and 14.6 in every configuration of `limit.measured.txt`. What stays
/// unseen are semi-space flags set by `v8.setFlagsFromString` or a configuration file, those of the process in a worker
/// with an `execArgv` of its own, and the experimental `--minor-ms`. If the semi-space found does not fit under
/// `heap_size_limit` for such a reason, the answer is `heap_size_limit`.
pub fn old_generation_limit(sources: &LimitSources<'_>) -> u64 {
    let young_generation = max_semi_space(sources).saturating_mul(SEMI_SPACES);
    match sources.heap_size_limit.saturating_sub(young_generation) {
        0 => sources.heap_size_limit,
        old_generation => old_generation,
    }
}

/// `Heap::max_semi_space_size_`: the first of V8's sources that is set, rounded up to a power of two.
fn max_semi_space(sources: &LimitSources<'_>) -> u64 {
    let sizing = YoungGenerationSizing::of(sources.v8_version);
    let options = NodeOptions::new(sources.node_options, sources.exec_argv);
    let semi_space = if ONE_MB_SWITCHES.iter().any(|switch| options.is_on(switch)) {
        MB
    } else if let Some(semi_space) = megabytes(&options, "max-semi-space-size") {
        semi_space
    } else if let Some(heap) = megabytes(&options, "max-heap-size") {
        match old_generation_flag(&options, sources.memory) {
            Some(old_generation) => heap.saturating_sub(old_generation) / SEMI_SPACES,
            None => sizing.semi_space_in_heap(heap),
        }
    } else if let Some(young_generation) = sources.worker_young_generation_mb {
        (young_generation * MB as f64) as u64 / SEMI_SPACES
    } else {
        sizing.semi_space_for_memory(sources.memory)
    };
    let power_of_two = semi_space.checked_next_power_of_two().unwrap_or(u64::MAX);
    power_of_two.max(sizing.smallest_semi_space)
}

/// Switches that imply `--max-semi-space-size=1`, whatever else is given (`flag-definitions.h`, 10.2 to 14.6).
const ONE_MB_SWITCHES: [&str; 3] = ["optimize-for-size", "lite-mode", "stress-compaction"];

/// The value of a V8 flag that counts in MB, where 0 means unset.
fn megabytes(options: &NodeOptions, name: &str) -> Option<u64> {
    let megabytes: u64 = options.value(name)?.parse().ok()?;
    (megabytes > 0).then_some(megabytes.saturating_mul(MB))
}

/// What the flags say of the old generation. A percentage wins over a size in any order: Node 22 and newer turn it into
/// `--max-old-space-size` after all other flags; Node 18 and 20 refuse it.
fn old_generation_flag(options: &NodeOptions, memory: u64) -> Option<u64> {
    let percentage = options
        .value("max-old-space-size-percentage")
        .and_then(|value| value.parse::<f64>().ok());
    percentage
        .map(|percentage| (memory as f64 * percentage / 100.0) as u64 / MB * MB)
        .or_else(|| megabytes(options, "max-old-space-size"))
}

/// How a line of V8 versions sizes the semi-spaces when nobody says how large they are (`src/heap/heap.cc`).
#[derive(Debug)]
struct YoungGenerationSizing {
    /// The first V8 version of the line.
    since: (u32, u32),
    /// Nothing makes a semi-space smaller than this (`DefaultMinSemiSpaceSize`).
    smallest_semi_space: u64,
    /// The range of computed semi-spaces.
    computed: RangeInclusive<u64>,
    /// What they are computed from.
    share: Share,
}

/// The part of the memory that one semi-space gets.
#[derive(Debug)]
enum Share {
    /// This part of the old generation, which is half of the memory; an old generation of up to 256 MB gets the smallest.
    OfOldGeneration(u64),
    /// This part of the whole heap, for which a quarter of the memory counts.
    OfHeap(u64),
}

/// An unknown version is taken for the newest known one before it. Node 23 (12.9) and 25 (14.1) were checked to behave so.
static SIZINGS: [YoungGenerationSizing; 3] = [
    YoungGenerationSizing {
        since: (10, 2),
        smallest_semi_space: MB,
        computed: MB..=16 * MB,
        share: Share::OfOldGeneration(128),
    },
    YoungGenerationSizing {
        since: (13, 6),
        smallest_semi_space: MB,
        computed: MB..=64 * MB,
        share: Share::OfOldGeneration(32),
    },
    YoungGenerationSizing {
        since: (14, 6),
        smallest_semi_space: MB / 2,
        computed: 2 * MB..=32 * MB,
        share: Share::OfHeap(32),
    },
];

impl YoungGenerationSizing {
    fn of(v8_version: &str) -> &'static Self {
        let mut numbers = v8_version
            .split('.')
            .map_while(|number| number.parse::<u32>().ok());
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        SIZINGS
            .iter()
            .rfind(|sizing| sizing.since <= version)
            .unwrap_or(&SIZINGS[0])
    }

    /// `ResourceConstraints::ConfigureDefaults`, which Node calls for each isolate.
    fn semi_space_for_memory(&self, memory: u64) -> u64 {
        match self.share {
            Share::OfOldGeneration(share) => self.semi_space_beside(memory / 2, share),
            Share::OfHeap(share) => self.computed(memory / 4 / share),
        }
    }

    /// `Heap::GenerationSizesFromHeapSize`: both generations together must fit into `heap`.
    fn semi_space_in_heap(&self, heap: u64) -> u64 {
        match self.share {
            Share::OfOldGeneration(share) => (1..=heap / PAGE)
                .rev()
                .map(|pages| (pages * PAGE, self.semi_space_beside(pages * PAGE, share)))
                .find(|(old_generation, semi_space)| {
                    old_generation + SEMI_SPACES * semi_space <= heap
                })
                .map_or(0, |(_, semi_space)| semi_space),
            Share::OfHeap(share) => self.computed(heap / share),
        }
    }

    fn semi_space_beside(&self, old_generation: u64, share: u64) -> u64 {
        if old_generation <= 256 * MB {
            *self.computed.start()
        } else {
            self.computed(old_generation / share)
        }
    }

    fn computed(&self, semi_space: u64) -> u64 {
        semi_space
            .clamp(*self.computed.start(), *self.computed.end())
            .next_multiple_of(PAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line a configuration: what V8 said in it, on one machine. The file's head explains the columns.
    const MEASURED: &str = include_str!("limit.measured.txt");

    const VERSIONS: [&str; 5] = [
        "10.2.154.26-node.39",
        "11.3.244.8-node.38",
        "12.4.254.21-node.57",
        "13.6.233.17-node.53",
        "14.6.202.34-node.34",
    ];

    fn bytes(megabytes: &str) -> u64 {
        (megabytes.parse::<f64>().unwrap() * MB as f64) as u64
    }

    #[test]
    fn the_limit_is_the_one_v8_hands_to_the_first_near_heap_limit_callback() {
        let mut cells = 0;
        for line in MEASURED.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            let [exec_argv, variable, memory, versions @ ..] = columns.as_slice() else {
                panic!("{line}")
            };
            let exec_argv: Vec<String> = exec_argv.split_whitespace().map(str::to_owned).collect();
            assert_eq!(versions.len(), VERSIONS.len(), "{line}");
            for (cell, v8_version) in versions
                .iter()
                .zip(VERSIONS)
                .filter(|(cell, _)| **cell != "-")
            {
                let numbers: Vec<&str> = cell.split_whitespace().collect();
                let (heap_size_limit, current_heap_limit, young) = match numbers.as_slice() {
                    [heap, current] => (heap, current, None),
                    [heap, current, young] => (heap, current, Some(young.parse().unwrap())),
                    _ => panic!("{line}"),
                };
                let sources = LimitSources {
                    heap_size_limit: bytes(heap_size_limit),
                    exec_argv: &exec_argv,
                    node_options: variable,
                    worker_young_generation_mb: young,
                    memory: bytes(memory),
                    v8_version,
                };
                assert_eq!(
                    old_generation_limit(&sources),
                    bytes(current_heap_limit),
                    "V8 {v8_version}: {line}"
                );
                cells += 1;
            }
        }
        assert!(cells > 300, "only {cells} measurements were read");
    }

    fn limit(flag: &str, heap_size_limit: u64, v8_version: &str) -> u64 {
        old_generation_limit(&LimitSources {
            heap_size_limit,
            exec_argv: &[],
            node_options: flag,
            worker_young_generation_mb: None,
            memory: 16 * 1024 * MB,
            v8_version,
        })
    }

    #[test]
    fn a_version_newer_than_all_known_ones_is_taken_for_the_newest() {
        assert_eq!(
            limit("", 156 * MB, "15.9.1"),
            limit("", 156 * MB, VERSIONS[4])
        );
    }

    #[test]
    fn a_version_that_cannot_be_read_is_taken_for_the_oldest() {
        assert_eq!(
            limit("", 108 * MB, "unknown"),
            limit("", 108 * MB, VERSIONS[0])
        );
    }

    #[test]
    fn a_semi_space_that_does_not_fit_leaves_the_heap_size_limit() {
        for flag in [
            "--max-semi-space-size=36",
            "--max-semi-space-size=37",
            "--max-semi-space-size=18446744073709551615",
        ] {
            assert_eq!(limit(flag, 108 * MB, VERSIONS[0]), 108 * MB);
        }
    }
}
