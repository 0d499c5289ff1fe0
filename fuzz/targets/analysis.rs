//! Graphs of any shape, with the names that the analysis knows, in files that may be cut off. Whatever they are, they are
//! analysed without a panic, and nothing retains more than the whole.

#![no_main]

use std::fmt::Write;
use std::sync::Arc;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use node_oom_heapdump::report::analysis::{analyze, suspects};
use node_oom_heapdump::report::brief::{self, Brief};
use node_oom_heapdump::report::diff::{self, Outline};
use node_oom_heapdump::report::heap::Heap;
use node_oom_heapdump::report::{html, inspect, text};
use node_oom_heapdump::snapshot::reader;
use node_oom_heapdump_fuzz::memory_file::MemoryFile;

/// A larger graph has no other shapes, and takes longer.
const MOST_NODES: usize = 128;
const MOST_EDGES: usize = 512;
/// The longest lists.
const TOP: usize = 5;

#[derive(Arbitrary, Debug)]
struct Snapshot {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    extra_native_bytes: u64,
    /// So many bytes are missing at the end.
    missing: u16,
}

#[derive(Arbitrary, Debug)]
struct Node {
    node_type: u8,
    name: u8,
    self_size: u32,
    /// The size is shifted by so many bits, for large heaps.
    exponent: u8,
    location: Option<(u8, u16, u16)>,
}

#[derive(Arbitrary, Debug)]
struct Edge {
    from: u8,
    edge_type: u8,
    name: u8,
    to: u8,
}

const NAMES: [&str; 48] = [
    "",
    "(GC roots)",
    "(Document DOM trees)",
    "(object elements)",
    "(object properties)",
    "(map descriptors)",
    "Array",
    "ArrayBuffer",
    "Immediate",
    "ImmediateList",
    "Map",
    "Module",
    "Object",
    "Promise",
    "RegExp",
    "Set",
    "Timeout",
    "TimersList",
    "WeakMap",
    "WeakSet",
    "__proto__",
    "_events",
    "arguments",
    "caller",
    "constructor",
    "context",
    "elements",
    "exports",
    "filename",
    "global",
    "global_proxy",
    "global_proxy_object",
    "key",
    "module.exports",
    "native_context",
    "next",
    "prototype",
    "script",
    "shared",
    "table",
    "this",
    "value",
    "system / Context",
    "system / ExternalStringData",
    "system / JSArrayBufferData",
    "system / NativeContext",
    "/srv/node_modules/express/index.js",
    "part of key (Object @3) -> value (Object @5) pair in WeakMap (table @7)",
];

/// The header, up to the counts.
const META: &str = r#"{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count","detachedness"],"node_types":[["hidden","array","string","object","code","closure","regexp","number","native","synthetic","concatenated string","sliced string","symbol","bigint","object shape"],"string","number","number","number","number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["context","element","property","internal","hidden","shortcut","weak"],"string_or_number","node"],"location_fields":["object_index","script_id","line","column"]}"#;
const NODE_FIELDS: usize = 6;
const NODE_TYPES: u8 = 15;
const EDGE_TYPES: u8 = 7;
/// All nodes together have less than the reader takes for possible.
const EXPONENTS: u8 = 9;

impl Snapshot {
    fn text(&self) -> Result<String, std::fmt::Error> {
        let nodes = &self.nodes[..self.nodes.len().min(MOST_NODES)];
        let mut edges: Vec<&Edge> = self.edges.iter().take(MOST_EDGES).collect();
        edges.sort_by_key(|edge| usize::from(edge.from) % nodes.len());
        let mut text = META.to_owned();
        let extra = self.extra_native_bytes >> 20;
        write!(
            text,
            r#","node_count":{},"edge_count":{}"#,
            nodes.len(),
            edges.len()
        )?;
        write!(text, r#","extra_native_bytes":{extra}}},"nodes":["#)?;
        for (index, node) in nodes.iter().enumerate() {
            let own = edges
                .iter()
                .filter(|edge| usize::from(edge.from) % nodes.len() == index);
            let node_type = node.node_type % NODE_TYPES;
            let name = usize::from(node.name) % NAMES.len();
            let size = u64::from(node.self_size) << (node.exponent % EXPONENTS);
            let comma = if index == 0 { "" } else { "," };
            write!(
                text,
                "{comma}{node_type},{name},{},{size},{},0",
                2 * index + 1,
                own.count()
            )?;
        }
        text.push_str(r#"],"edges":["#);
        for (index, edge) in edges.iter().enumerate() {
            let edge_type = edge.edge_type % EDGE_TYPES;
            let name = usize::from(edge.name) % NAMES.len();
            let target = usize::from(edge.to) % nodes.len() * NODE_FIELDS;
            let comma = if index == 0 { "" } else { "," };
            write!(text, "{comma}{edge_type},{name},{target}")?;
        }
        text.push_str(r#"],"locations":["#);
        let located = nodes.iter().enumerate();
        let located =
            located.filter_map(|(index, node)| Some((index * NODE_FIELDS, node.location?)));
        for (position, (node, (script, line, column))) in located.enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(text, "{comma}{node},{script},{line},{column}")?;
        }
        write!(text, "],\"strings\":{NAMES:?}}}")?;
        text.truncate(text.len().saturating_sub(self.missing.into()));
        Ok(text)
    }
}

fuzz_target!(|snapshot: Snapshot| {
    if snapshot.nodes.is_empty() {
        return;
    }
    let file = MemoryFile::of(snapshot.text().unwrap().as_bytes()).unwrap();
    let Ok(salvaged) = reader::salvage(file.path(), Arc::default()) else {
        assert!(snapshot.missing > 0);
        return;
    };
    assert_eq!(salvaged.damage.is_some(), snapshot.missing > 0);
    let heap = Heap::of(salvaged.graph);
    assert!(
        heap.graph
            .nodes()
            .all(|node| heap.retained(node) <= heap.total())
    );

    let analysis = analyze(
        &heap,
        "fuzzed",
        salvaged.damage.map(|damage| damage.to_string()),
        TOP,
    );
    text::text(&analysis);
    html::page(&heap, &analysis).unwrap();
    brief::lines(&Brief::of(&heap, "fuzzed", TOP));
    brief::largest(&heap);
    for node in heap.graph.nodes().rev().take(TOP) {
        let inspection = inspect::inspect(&heap, node, TOP);
        inspect::path_text(&inspection);
        inspect::text(&inspection);
    }
    let outline = Outline::of(&heap);
    let difference = diff::compare(
        &outline,
        &outline,
        &suspects(&heap, TOP),
        suspects(&heap, TOP),
        TOP,
    );
    diff::text(&difference);
});
