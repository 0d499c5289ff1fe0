//! What must hold of every snapshot, on heaps that are stored images: whole ones, and ones with a wrong word.

use super::export::Inventoried;
use super::graph::Graph;
use super::layout::Layout;
use super::memory::{Content, Memory};
use super::page_numbers::PageNumbers;
use super::synthetic::{self, FIRST_OBJECT, HEAP, ISOLATE, Image, MARKED_ELEMENT, smi, strong};
use super::{Counts, HeapError, write_snapshot};
use crate::random::Random;
use serde_json::Value;
use std::cmp::Reverse;
use std::sync::atomic::AtomicU64;

fn snapshot(image: &Image, layout: &'static Layout) -> Result<(Counts, Vec<u8>), HeapError> {
    let mut file = Vec::new();
    let memory = Memory::of_image(image);
    let counts = write_snapshot(
        &memory,
        ISOLATE,
        layout,
        PageNumbers::in_slots(&slots()),
        &mut file,
    )?;
    Ok((counts, file))
}

/// A snapshot with its names resolved.
struct Parsed {
    file: Value,
    width: usize,
}

struct NodeView {
    node_type: String,
    name: String,
    id: u64,
    self_size: u64,
    edges: Vec<(String, String, usize)>,
}

impl Parsed {
    fn new(bytes: &[u8]) -> Parsed {
        let file: Value = serde_json::from_slice(bytes).expect("the file is JSON");
        let width = file["snapshot"]["meta"]["node_fields"]
            .as_array()
            .unwrap()
            .len();
        Parsed { file, width }
    }

    fn number(&self, list: &str, index: usize) -> u64 {
        self.file[list][index].as_u64().unwrap()
    }

    fn string(&self, index: u64) -> String {
        self.file["strings"][index as usize]
            .as_str()
            .expect("a name has its string")
            .to_owned()
    }

    fn nodes(&self) -> Vec<NodeView> {
        let meta = &self.file["snapshot"]["meta"];
        let mut edge = 0;
        let count = self.file["nodes"].as_array().unwrap().len() / self.width;
        let nodes = (0..count)
            .map(|node| {
                let field = |field| self.number("nodes", node * self.width + field);
                let first = edge;
                edge += field(4) as usize;
                let edges = (first..edge).map(|edge| {
                    let [edge_type, name, to] =
                        [0, 1, 2].map(|field| self.number("edges", 3 * edge + field));
                    let edge_type = meta["edge_types"][0][edge_type as usize]
                        .as_str()
                        .unwrap()
                        .to_owned();
                    let is_index = edge_type == "element" || edge_type == "hidden";
                    assert_eq!(to as usize % self.width, 0);
                    let to = to as usize / self.width;
                    assert!(to < count, "an edge leads to a node");
                    (
                        edge_type,
                        if is_index {
                            name.to_string()
                        } else {
                            self.string(name)
                        },
                        to,
                    )
                });
                NodeView {
                    node_type: meta["node_types"][0][field(0) as usize]
                        .as_str()
                        .unwrap()
                        .to_owned(),
                    name: self.string(field(1)),
                    id: field(2),
                    self_size: field(3),
                    edges: edges.collect(),
                }
            })
            .collect();
        assert_eq!(
            3 * edge,
            self.file["edges"].as_array().unwrap().len(),
            "the nodes' edges are all edges"
        );
        nodes
    }
}

/// Everything that a reader of the file relies on.
fn assert_consistent(counts: Counts, bytes: &[u8]) -> Vec<NodeView> {
    let parsed = Parsed::new(bytes);
    let nodes = parsed.nodes();
    let header = &parsed.file["snapshot"];
    assert_eq!(
        (counts.nodes, counts.bytes),
        (nodes.len() as u64, bytes.len() as u64)
    );
    assert_eq!(header["node_count"].as_u64(), Some(counts.nodes));
    assert_eq!(header["edge_count"].as_u64(), Some(counts.edges));
    assert_eq!(
        counts.edges,
        nodes
            .iter()
            .map(|node| node.edges.len() as u64)
            .sum::<u64>()
    );
    assert_eq!(
        parsed.file["strings"].as_array().unwrap().len() as u64,
        counts.strings
    );
    let mut ids: Vec<u64> = nodes.iter().map(|node| node.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), nodes.len(), "ids are unique");
    nodes
}

fn edge<'n>(nodes: &'n [NodeView], from: &NodeView, edge_type: &str, name: &str) -> &'n NodeView {
    let found = from
        .edges
        .iter()
        .find(|edge| edge.0 == edge_type && edge.1 == name);
    &nodes[found
        .unwrap_or_else(|| panic!("{} has {:?}, not {edge_type} {name}", from.name, from.edges))
        .2]
}

/// The pages of a synthetic heap, with room.
const FEW_PAGES: usize = 16;

fn slots() -> Vec<AtomicU64> {
    std::iter::repeat_with(AtomicU64::default)
        .take(FEW_PAGES)
        .collect()
}

#[test]
fn objects_are_written_with_their_properties_and_elements() {
    for layout in Layout::ALL {
        let (counts, bytes) = snapshot(&synthetic::heap(layout), layout).unwrap();
        let nodes = assert_consistent(counts, &bytes);
        let slow = nodes
            .iter()
            .find(|node| node.node_type == "object" && node.self_size == 24)
            .unwrap();
        let fast = edge(&nodes, slow, "property", "second");
        assert_eq!(
            (fast.node_type.as_str(), fast.name.as_str(), fast.self_size),
            ("object", "Object", 32)
        );
        assert_eq!(edge(&nodes, slow, "property", "__proto__").id, fast.id);
        assert_eq!(edge(&nodes, fast, "property", "first").name, "heap number");
        let cons = edge(&nodes, fast, "property", "second");
        assert_eq!(cons.node_type, "concatenated string");
        assert_eq!(edge(&nodes, cons, "internal", "second").name, "second");
        assert_eq!(
            edge(&nodes, fast, "element", "0").node_type,
            "sliced string"
        );
        assert_eq!(
            edge(&nodes, fast, "internal", "elements").name,
            "(object elements)"
        );
    }
}

#[test]
fn the_summary_says_beforehand_what_the_file_will_hold() {
    for layout in Layout::ALL {
        let image = synthetic::heap(layout);
        let memory = Memory::of_image(&image);
        let graph = Graph::read(&memory, ISOLATE, layout).unwrap();
        let inventoried = Inventoried::new(&graph);
        let summary = inventoried.summary();
        let counted = inventoried.count();
        let edges = counted.edges();
        let mut bytes = Vec::new();
        let slots = slots();
        let counts = counted
            .write(PageNumbers::in_slots(&slots), &mut bytes)
            .unwrap();
        let nodes = assert_consistent(counts, &bytes);
        assert_eq!((summary.nodes, edges), (counts.nodes, counts.edges));
        let size_of = |nodes: &mut dyn Iterator<Item = &NodeView>| {
            nodes.fold((0, 0), |(count, bytes), node| {
                (count + 1, bytes + node.self_size)
            })
        };
        assert_eq!(summary.bytes, size_of(&mut nodes.iter()).1);
        let row = |name| {
            let row = summary.constructors.iter().find(|row| row.name == name);
            row.map_or((0, 0), |row| (row.count, row.bytes))
        };
        let mut objects = nodes
            .iter()
            .filter(|node| node.node_type == "object" && node.name == "Object");
        assert_eq!(row("Object"), size_of(&mut objects));
        let mut strings = nodes.iter().filter(|node| node.node_type == "string");
        assert_eq!(row("(string)"), size_of(&mut strings));
        assert!(row("Object").0 > 0 && row("(string)").0 > 0);
        assert!(
            summary
                .constructors
                .is_sorted_by_key(|row| Reverse(row.bytes))
        );
    }
}

#[test]
fn what_was_counted_while_marking_is_what_a_walk_counts() {
    for layout in Layout::ALL {
        let image = synthetic::heap(layout);
        let memory = Memory::of_image(&image);
        let mut graph = Graph::read(&memory, ISOLATE, layout).unwrap();
        assert!(graph.tally.is_some());
        let counted = Inventoried::new(&graph).summary();
        graph.tally = None;
        let walked = Inventoried::new(&graph).summary();
        let mut rows = [counted, walked].map(|summary| (summary.bytes, summary.constructors));
        for (_, constructors) in &mut rows {
            constructors.sort_by(|a, b| a.name.cmp(&b.name));
        }
        assert!(rows[0].1.len() > 1);
        assert_eq!(rows[0], rows[1]);
    }
}

#[test]
fn a_weak_reference_keeps_nothing_alive() {
    for layout in Layout::ALL {
        let (counts, bytes) = snapshot(&synthetic::heap(layout), layout).unwrap();
        let nodes = assert_consistent(counts, &bytes);
        let weakly = nodes
            .iter()
            .find(|node| node.name == "system / WeakFixedArray")
            .unwrap();
        let targets: Vec<&str> = weakly
            .edges
            .iter()
            .filter(|edge| edge.0 == "weak")
            .map(|edge| &*edge.1)
            .collect();
        assert_eq!(
            targets,
            ["0"],
            "the second is reached by nothing else, the third was cleared"
        );
    }
}

#[test]
fn an_ephemeron_is_an_edge_of_its_key_and_of_its_table() {
    for layout in Layout::ALL {
        let (counts, bytes) = snapshot(&synthetic::heap(layout), layout).unwrap();
        let nodes = assert_consistent(counts, &bytes);
        let pairs: Vec<&NodeView> = nodes
            .iter()
            .filter(|node| {
                node.edges
                    .iter()
                    .any(|edge| edge.1.contains("pair in WeakMap"))
            })
            .collect();
        let mut sizes: Vec<u64> = pairs.iter().map(|node| node.self_size).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [32, 72], "the key and the table");
    }
}

#[test]
fn objects_that_did_not_move_keep_their_ids() {
    let layout = Layout::ALL[0];
    let image = synthetic::heap(layout);
    let slots = slots();
    let numbers = PageNumbers::in_slots(&slots);
    let dump = || {
        let mut file = Vec::new();
        write_snapshot(
            &Memory::of_image(&image),
            ISOLATE,
            layout,
            numbers,
            &mut file,
        )
        .unwrap();
        file
    };
    assert_eq!(dump(), dump());
}

#[test]
fn a_foreign_layout_is_refused() {
    for written in Layout::ALL {
        for read in Layout::ALL
            .into_iter()
            .filter(|read| read.version != written.version)
        {
            let refused = snapshot(&synthetic::heap(written), read);
            assert!(
                matches!(refused, Err(HeapError::NotAnIsolate { isolate: ISOLATE })),
                "{:?}",
                read.version
            );
        }
    }
}

/// A wrong word: nothing, everything, pointers to the start, the end, beyond and between, a huge length.
fn wrong_words(end: u64) -> [u64; 9] {
    [
        0,
        u64::MAX,
        HEAP | 1,
        end - 7,
        end + 1,
        end + 0x10_0001,
        HEAP + 9,
        0x7fff_ffff_0000_0000,
        0x8000_0000_0000_0001,
    ]
}

#[test]
fn a_corrupted_word_leaves_a_complete_file_without_what_it_breaks() {
    for layout in Layout::ALL {
        let image = synthetic::heap(layout);
        let end = image[0].0.end;
        let used = image[0].1.iter().rposition(|&byte| byte != 0).unwrap();
        for offset in (0..used).step_by(8) {
            for word in wrong_words(end) {
                let mut broken = image.clone();
                broken[0].1[offset..offset + 8].copy_from_slice(&word.to_le_bytes());
                // A heap whose undefined is none is no heap; anything else makes a file.
                if let Ok((counts, bytes)) = snapshot(&broken, layout) {
                    assert_consistent(counts, &bytes);
                }
            }
        }
    }
}

#[test]
fn a_heap_that_ends_anywhere_is_read_up_to_there() {
    let layout = Layout::ALL[1];
    let image = synthetic::heap(layout);
    for length in (0..image[0].1.len()).step_by(8) {
        let mut cut = image.clone();
        cut[0].1.truncate(length);
        if let Ok((counts, bytes)) = snapshot(&cut, layout) {
            assert_consistent(counts, &bytes);
        }
    }
}

/// A word of any kind: a pointer to anywhere in the image, a small number, a number near the end of addresses, noise.
fn any_word(random: &mut Random, image: &Image) -> u64 {
    match random.below(4) {
        0 => {
            let (mapping, bytes) = &image[random.below(image.len())];
            mapping.start + random.below(bytes.len()) as u64
        }
        1 => random.word() % 1024,
        2 => u64::MAX - random.word() % 4096,
        _ => random.word(),
    }
}

/// The rounds of a test with random bytes, and the bytes that are wrong in each, at most.
const ROUNDS: u64 = 200;
const WRONG_BYTES: usize = 16;

#[test]
fn random_bytes_leave_a_complete_file_or_none() {
    for layout in Layout::ALL {
        let image = synthetic::heap(layout);
        let used: Vec<usize> = image
            .iter()
            .map(|(_, bytes)| bytes.iter().rposition(|&byte| byte != 0).unwrap_or(0) + 1)
            .collect();
        for round in 1..=ROUNDS {
            let mut random = Random::new(round);
            let mut broken = image.clone();
            for _ in 0..=random.below(WRONG_BYTES) {
                let part = random.below(broken.len());
                broken[part].1[random.below(used[part])] = random.word() as u8;
            }
            if let Ok((counts, bytes)) = snapshot(&broken, layout) {
                assert_consistent(counts, &bytes);
            }
        }
    }
}

#[test]
fn lists_of_roots_with_random_contents_leave_a_complete_file() {
    for layout in Layout::ALL {
        let mut image = synthetic::heap(layout);
        let table_end = image[1].1.len();
        synthetic::enlarge_isolate(&mut image);
        // What tells a list from anything else is right, all else is random.
        let right_words = synthetic::root_list_words(layout);
        for round in 1..=ROUNDS {
            let mut random = Random::new(round);
            let mut broken = image.clone();
            for field in (table_end..synthetic::ISOLATE_BYTES).step_by(8) {
                let word = any_word(&mut random, &image);
                synthetic::set_in_isolate(&mut broken, ISOLATE + field as u64, word);
            }
            for (address, word) in right_words {
                synthetic::set_in_isolate(&mut broken, address, word);
            }
            let (counts, bytes) = snapshot(&broken, layout).unwrap();
            assert_consistent(counts, &bytes);
        }
    }
}

#[test]
fn a_reference_into_the_heap_of_another_isolate_is_counted_and_not_followed() {
    for layout in Layout::ALL {
        let image = synthetic::heap(layout);
        let (alone, _) = snapshot(&image, layout).unwrap();

        // A heap of the same contents at another place, of another isolate.
        let distance = 0x1000_0000;
        let mut both = image.clone();
        let (mut mapping, mut bytes) = image[0].clone();
        mapping.start += distance;
        mapping.end += distance;
        replace(
            &mut bytes,
            ISOLATE + layout.page.heap,
            ISOLATE + distance + layout.page.heap,
        );
        replace(
            &mut bytes,
            HEAP + synthetic::METADATA,
            HEAP + distance + synthetic::METADATA,
        );
        both.push((mapping, bytes));
        replace(
            &mut both[0].1,
            smi(MARKED_ELEMENT),
            strong(FIRST_OBJECT + distance),
        );

        let (counts, bytes) = snapshot(&both, layout).unwrap();
        assert_consistent(counts, &bytes);
        assert_eq!((alone.foreign, counts.foreign), (0, 1));
        // The number that was there may have had a node.
        assert!(counts.nodes <= alone.nodes);
    }
}

/// Puts `new` where the words are `old`.
fn replace(bytes: &mut [u8], old: u64, new: u64) {
    for word in bytes
        .chunks_exact_mut(8)
        .filter(|word| **word == old.to_le_bytes())
    {
        word.copy_from_slice(&new.to_le_bytes());
    }
}

#[test]
fn memory_that_is_not_the_heaps_holds_no_objects() {
    let layout = Layout::ALL[0];
    let mut image = synthetic::heap(layout);
    image[0].0.content = Content::Native;
    let (counts, _) = snapshot(&image, layout).unwrap();
    assert_eq!(counts.nodes, 2 + layout.root_groups.len() as u64);
}
