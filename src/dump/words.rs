//! What people are told of a dump: that it is complete, and its summary in ten lines, for logs survive where disks do not.

use std::time::Duration;

use super::Written;
use crate::message::megabytes;
use crate::summary::{ConstructorUse, DumpMetadata, HeapSummary, Reason};

/// How many lines a summary has at most.
const LINES: usize = 10;

/// That the snapshot of `whose` heap is complete after so long a time, and where it is.
pub fn describe_complete(whose: &str, written: &Written, duration: Duration) -> String {
    format!(
        "heap snapshot of {whose} is complete: {} ({} MB in {:.1} s)",
        written.file.display(),
        megabytes(written.bytes),
        duration.as_secs_f64()
    )
}

/// The summary, a line each.
pub fn describe(dump: &DumpMetadata, heap: &HeapSummary) -> Vec<String> {
    let mut lines = vec![
        describe_process(dump),
        describe_memory(dump, heap),
        describe_stack(&heap.js_stack),
        format!(
            "the heap holds {} objects of together {} MB; the most memory is in:",
            heap.nodes,
            megabytes(heap.bytes)
        ),
    ];
    lines.retain(|line| !line.is_empty());
    let constructors = heap.constructors.iter().take(LINES - lines.len());
    lines.extend(constructors.map(|constructor| describe_constructor(constructor, heap.bytes)));
    lines
}

fn describe_process(dump: &DumpMetadata) -> String {
    let node = dump
        .node_version
        .as_ref()
        .map(|version| format!(", Node {}", version.trim_start_matches('v')));
    let thread = match dump.thread {
        0 => String::new(),
        thread => format!("worker {thread} of "),
    };
    let why = match dump.reason {
        Reason::Request => "the program asked for a dump",
        Reason::Threshold => "the old generation was above the threshold",
        Reason::NearHeapLimit => "V8 was about to give up for lack of memory",
        Reason::OutOfMemory => "V8 gave up for lack of memory",
        Reason::Rss => "the memory of the process was above the bound",
        Reason::Signal => "the process got the signal",
    };
    format!(
        "{thread}process {}{}: {why}",
        dump.process,
        node.unwrap_or_default()
    )
}

fn describe_memory(dump: &DumpMetadata, heap: &HeapSummary) -> String {
    let part = |name: &str, bytes: Option<u64>, of: Option<u64>| {
        let bytes = megabytes(bytes?);
        Some(match of {
            Some(of) => format!("{name} {bytes} of {} MB", megabytes(of)),
            None => format!("{name} {bytes} MB"),
        })
    };
    let parts = [
        part(
            "old generation",
            dump.old_generation_used,
            dump.old_generation_limit,
        ),
        part("resident", dump.rss, None),
        part("external", dump.external, None),
        part(
            "array buffers",
            Some(heap.array_buffers).filter(|&bytes| bytes > 0),
            None,
        ),
        part("control group", dump.cgroup_current, dump.cgroup_limit),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The innermost calls.
fn describe_stack(calls: &[String]) -> String {
    const CALLS: usize = 4;
    if calls.is_empty() {
        return String::new();
    }
    let innermost = &calls[..calls.len().min(CALLS)];
    format!("JavaScript was in {}", innermost.join(", called by "))
}

fn describe_constructor(constructor: &ConstructorUse, heap_bytes: u64) -> String {
    let ConstructorUse { name, count, bytes } = constructor;
    let percent = u128::from(*bytes) * 100 / u128::from(heap_bytes.max(1));
    format!("{} MB ({percent} %) in {count} {name}", megabytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn dump() -> DumpMetadata {
        DumpMetadata {
            reason: Reason::NearHeapLimit,
            process: 7,
            node_version: Some("24.1.0".to_owned()),
            old_generation_used: Some(58 * MB),
            old_generation_limit: Some(60 * MB),
            rss: Some(100 * MB),
            ..DumpMetadata::default()
        }
    }

    fn heap(constructors: u64) -> HeapSummary {
        let constructor = |number| ConstructorUse {
            name: format!("Class{number}"),
            count: number,
            bytes: 10 * MB,
        };
        HeapSummary {
            nodes: 1234,
            edges: Some(5000),
            bytes: 40 * MB,
            array_buffers: 2 * MB,
            constructors: (0..constructors).map(constructor).collect(),
            js_stack: ["leak (/a.js:3:1)", "main (/a.js:1:1)"]
                .map(str::to_owned)
                .to_vec(),
        }
    }

    #[test]
    fn ten_lines_tell_who_why_how_much_and_of_what() {
        let lines = describe(&dump(), &heap(50));
        assert_eq!(lines.len(), 10);
        assert_eq!(
            lines[..5],
            [
                "process 7, Node 24.1.0: V8 was about to give up for lack of memory",
                "old generation 58.0 of 60.0 MB, resident 100.0 MB, array buffers 2.0 MB",
                "JavaScript was in leak (/a.js:3:1), called by main (/a.js:1:1)",
                "the heap holds 1234 objects of together 40.0 MB; the most memory is in:",
                "10.0 MB (25 %) in 0 Class0",
            ]
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let lines = describe(&DumpMetadata::default(), &HeapSummary::default());
        assert_eq!(lines.len(), 2, "{lines:?}");
    }
}
