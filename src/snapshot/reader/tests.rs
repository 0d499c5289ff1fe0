use super::*;
use crate::random::Random;
use crate::snapshot::writer::{Node, SnapshotWriter};
use crate::snapshot::{EdgeType, Format, NodeType};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

const FORMATS: [Format; 4] = [
    Format::WITH_TRACE_NODE_ID,
    Format::WITH_WASM_OBJECT,
    Format::WITH_OBJECT_SHAPE,
    Format::WITHOUT_TRACE_NODE_ID,
];

/// A root that holds a Map and a string, the Map with a location, and a weak way back.
fn small_snapshot(format: Format) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = SnapshotWriter::new(&mut file, format);
    writer.begin(3, 4);
    for (node_type, name, id, self_size, edge_count) in [
        (NodeType::Synthetic, 0, 1, 0, 2),
        (NodeType::Object, 1, 3, 32, 2),
        (NodeType::String, 2, 5, 24, 0),
    ] {
        let node = Node {
            node_type,
            name,
            id,
            self_size,
            edge_count,
        };
        writer.node(node);
    }
    writer.begin_edges();
    writer.edge(EdgeType::Property, 3, 1);
    writer.edge(EdgeType::Element, 77, 2);
    writer.edge(EdgeType::Internal, 4, 2);
    writer.edge(EdgeType::Weak, 4, 0);
    writer.begin_locations();
    let place = writer.place_text(9, 11, 4);
    writer.location(1, &place);
    writer.begin_strings();
    for text in ["", "Map", "Grün \"€\" 😀", "cache", "table"] {
        writer.string(text.encode_utf16());
    }
    writer.finish().unwrap();
    file
}

/// A root with so many objects that two threads read the file, each with two ways back.
fn large_snapshot() -> Vec<u8> {
    const OBJECTS: u64 = 130_000;
    let mut file = Vec::new();
    let mut writer = SnapshotWriter::new(&mut file, Format::WITHOUT_TRACE_NODE_ID);
    writer.begin(OBJECTS + 1, 3 * OBJECTS);
    for node in 0..=OBJECTS {
        let is_root = node == 0;
        writer.node(Node {
            node_type: if is_root {
                NodeType::Synthetic
            } else {
                NodeType::Object
            },
            name: u64::from(!is_root),
            id: 2 * node + 1,
            self_size: 1000,
            edge_count: if is_root { OBJECTS } else { 2 },
        });
    }
    writer.begin_edges();
    for node in 1..=OBJECTS {
        writer.edge(EdgeType::Element, node, node);
    }
    for node in 1..=OBJECTS {
        writer.edge(EdgeType::Property, 2, node - 1);
        writer.edge(EdgeType::Internal, 2, 0);
    }
    writer.begin_locations();
    writer.begin_strings();
    for text in ["", "Map", "back"] {
        writer.string(text.encode_utf16());
    }
    writer.finish().unwrap();
    assert!(file.len() > 5 << 20);
    file
}

struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(content: &[u8]) -> TemporaryFile {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("oom-heapdump-reader-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        TemporaryFile(path)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn read_text(content: &[u8]) -> Result<Graph, ReadError> {
    read(&TemporaryFile::new(content).0)
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Where the content is wrong, and how.
fn fault_of(content: &[u8]) -> (u64, Fault) {
    match read_text(content).map(|_| ()) {
        Err(ReadError::Content { offset, fault, .. }) => (offset, fault),
        other => panic!("{other:?}"),
    }
}

fn replaced(text: &str, by: &str) -> Vec<u8> {
    let file = String::from_utf8(small_snapshot(Format::WITHOUT_TRACE_NODE_ID)).unwrap();
    assert_eq!(file.matches(text).count(), 1, "{text}");
    file.replace(text, by).into_bytes()
}

#[test]
fn what_the_writer_wrote_is_read_in_every_format_plain_or_compressed() {
    for format in FORMATS {
        let file = small_snapshot(format);
        for content in [file.clone(), gzipped(&file)] {
            let file = TemporaryFile::new(&content);
            let graph = read(&file.0).unwrap();
            assert_eq!((graph.node_count(), graph.edge_count()), (3, 4));
            assert_eq!(graph.node_type(1), Some(NodeType::Object));
            assert_eq!((graph.id(1), graph.self_size(1)), (3, 32));
            assert_eq!(graph.node_name(1), "Map");
            assert_eq!(graph.node_name(2), "Grün \"€\" 😀");
            assert_eq!((graph.edges(0), graph.edges(1)), (0..2, 2..4));
            assert_eq!(graph.edge_name(0), EdgeName::Text("cache".into()));
            assert_eq!(graph.edge_name(1), EdgeName::Index(77));
            assert_eq!((graph.edge_type(3), graph.target(3)), (EdgeType::Weak, 0));
            assert_eq!((graph.source(0), graph.source(1)), (0, 0));
            assert_eq!((graph.source(2), graph.source(3)), (1, 1));
            let place = Location {
                script_id: 9,
                line: 11,
                column: 4,
            };
            assert_eq!((graph.location(1), graph.location(2)), (Some(place), None));
            assert_eq!((graph.node_of_id(5), graph.node_of_id(4)), (Some(2), None));
        }
    }
}

#[test]
fn blanks_are_allowed_wherever_json_allows_them() {
    let file = small_snapshot(Format::WITHOUT_TRACE_NODE_ID);
    let value: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let mut pretty = b"{ \"snapshot\" : ".to_vec();
    pretty.extend(serde_json::to_vec_pretty(&value["snapshot"]).unwrap());
    for section in ["nodes", "edges", "trace_tree", "locations", "strings"] {
        pretty.extend(format!(",\n \"{section}\" :\t").into_bytes());
        pretty.extend(serde_json::to_vec_pretty(&value[section]).unwrap());
    }
    pretty.extend(b" }\n");
    assert_eq!(read_text(&pretty).unwrap().edge_count(), 4);
}

#[test]
fn a_self_size_beyond_32_bits_is_kept() {
    let graph = read_text(&replaced(",32,", ",5000000000,")).unwrap();
    assert_eq!(graph.self_size(1), 5_000_000_000);
}

#[test]
fn sizes_that_no_memory_has_are_told() {
    for sizes in [[u64::MAX, 24], [1 << 47, (1 << 47) + 1], [1 << 48, 1]] {
        let text = String::from_utf8(replaced(",32,", &format!(",{},", sizes[0]))).unwrap();
        let file = text.replace(",24,", &format!(",{},", sizes[1]));
        let (_, fault) = fault_of(file.as_bytes());
        assert!(
            matches!(fault, Fault::TooLarge { column: "self_size", value, .. } if sizes.contains(&value)),
            "{fault:?}"
        );
    }
    let extra = format!("\"extra_native_bytes\":{}", u64::MAX);
    let (_, fault) = fault_of(&replaced("\"extra_native_bytes\":0", &extra));
    assert!(matches!(fault, Fault::Header { .. }));
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused_and_never_read_as_whole() {
    let file = small_snapshot(Format::WITHOUT_TRACE_NODE_ID);
    for length in 0..file.len() {
        for content in [file[..length].to_vec(), gzipped(&file[..length])] {
            let (offset, fault) = fault_of(&content);
            assert!(
                matches!(fault, Fault::CutOff { .. } | Fault::NotASnapshot),
                "cut at {length}: {fault}"
            );
            assert!(offset <= length as u64);
        }
    }
}

#[test]
fn a_compressed_file_that_is_cut_is_refused() {
    let file = gzipped(&small_snapshot(Format::WITHOUT_TRACE_NODE_ID));
    assert!(matches!(
        read_text(&file[..file.len() - 12]).map(|_| ()),
        Err(ReadError::Read { .. } | ReadError::Content { .. })
    ));
}

#[test]
fn what_is_no_snapshot_is_told_so() {
    for content in [
        &b""[..],
        b"hello",
        b"{}",
        b"[1,2]",
        b"{\"nodes\":[]}",
        b"\x7fELF",
        b"{\"snapshot\"",
    ] {
        assert_eq!(fault_of(content).1, Fault::NotASnapshot, "{content:?}");
    }
}

#[test]
fn a_folder_and_a_missing_file_are_told_so() {
    assert!(matches!(
        read(&std::env::temp_dir()).map(|_| ()),
        Err(ReadError::NotAFile { .. })
    ));
    assert!(matches!(
        read(std::path::Path::new("/nowhere/at.all")).map(|_| ()),
        Err(ReadError::Open { .. })
    ));
}

#[test]
fn counts_that_lie_are_told() {
    let (_, fault) = fault_of(&replaced("\"node_count\":3", "\"node_count\":4"));
    assert_eq!(
        fault.to_string(),
        "the header tells of 4 nodes, but there are 3"
    );
    let (_, fault) = fault_of(&replaced("\"edge_count\":4", "\"edge_count\":5"));
    assert!(matches!(fault, Fault::Count { .. }));
    let (_, fault) = fault_of(&replaced("\"node_count\":3", "\"node_count\":4294967296"));
    assert!(matches!(fault, Fault::TooMany { .. }));
}

#[test]
fn a_count_of_billions_takes_no_memory() {
    let (_, fault) = fault_of(&replaced("\"node_count\":3", "\"node_count\":4294967290"));
    assert!(matches!(fault, Fault::Count { found: 3, .. }));
}

#[test]
fn nodes_that_claim_other_edges_than_there_are_are_told() {
    let (_, fault) = fault_of(&replaced(",24,0,0]", ",24,1,0]"));
    assert_eq!(
        fault,
        Fault::EdgeSum {
            claimed: 5,
            found: 4
        }
    );
}

#[test]
fn an_edge_out_of_range_is_told_with_its_place() {
    for target in ["18", "13", "4294967296000"] {
        let content = replaced("3,4,12", &format!("3,4,{target}"));
        let (offset, fault) = fault_of(&content);
        assert!(matches!(fault, Fault::Target { .. }), "{fault}");
        assert!(content[offset as usize..].starts_with(b"3,4,"));
    }
}

#[test]
fn a_location_of_no_node_is_told() {
    let (_, fault) = fault_of(&replaced(" 6,9,11,4", " 60,9,11,4"));
    assert_eq!(fault, Fault::LocationTarget { target: 60 });
}

#[test]
fn a_name_without_a_string_is_told() {
    let (_, fault) = fault_of(&replaced(",\"table\"]", "]"));
    assert_eq!(fault, Fault::Name { index: 4, count: 4 });
}

#[test]
fn an_unknown_type_is_told() {
    let (_, fault) = fault_of(&replaced("3,4,12", "7,4,12"));
    assert_eq!(fault, Fault::Type { value: 7 });
}

#[test]
fn text_behind_the_snapshot_is_told() {
    let mut file = small_snapshot(Format::WITHOUT_TRACE_NODE_ID);
    file.extend(b"\n {");
    let (offset, fault) = fault_of(&file);
    assert_eq!((offset, fault), (file.len() as u64 - 1, Fault::Trailing));
}

#[test]
fn sections_that_are_missing_twice_there_or_early_are_told() {
    for (text, by) in [
        ("\"nodes\":", "\"knots\":"),
        ("\"edges\":", "\"edgy\":"),
        ("\"strings\":", "\"cords\":"),
        ("\"samples\":[]", "\"strings\":[]"),
    ] {
        let (_, fault) = fault_of(&replaced(text, by));
        assert!(
            matches!(fault, Fault::Misplaced { .. }),
            "{text} by {by}: {fault}"
        );
    }
}

#[test]
fn a_header_that_lacks_a_column_is_told() {
    let (_, fault) = fault_of(&replaced("\"self_size\",", ""));
    assert_eq!(
        fault.to_string(),
        "the header is wrong: node_fields lack self_size"
    );
}

#[test]
fn what_is_left_of_a_cut_file_can_be_salvaged() {
    let file = small_snapshot(Format::WITHOUT_TRACE_NODE_ID);
    let strings = memchr::memmem::find(&file, b"\"cache\"").unwrap();
    let edges = memchr::memmem::find(&file, b"3,4,12").unwrap();
    for (length, edge_count, name) in [(strings, 4, "Map"), (edges, 2, "")] {
        let Salvaged { graph, damage } =
            salvage(&TemporaryFile::new(&file[..length]).0, Arc::default()).unwrap();
        assert!(damage.is_some());
        assert_eq!((graph.node_count(), graph.edge_count()), (3, edge_count));
        assert_eq!(graph.edges(2).end, edge_count as u32);
        assert_eq!(graph.node_name(1), name);
    }
}

/// A compressed file is read by one thread, so it tells what two must tell.
#[test]
fn damage_of_a_large_file_is_told_as_if_one_thread_had_read_it() {
    let file = large_snapshot();
    let place_of = |text: &[u8]| memchr::memmem::find(&file, text).unwrap();
    let within_edges = place_of(b"\"edges\"") + (1 << 20);
    let within_nodes = place_of(b"\"nodes\"") + (1 << 20);
    let (within_strings, end) = (place_of(b"\"back\""), file.len() - 1);
    let edge_count = place_of(b"\"edge_count\":3");
    for damages in [
        &[(within_nodes, b'x')][..],
        &[(within_edges, b'x')],
        &[(within_edges, b']')],
        &[(within_strings, b'x')],
        &[(within_edges, b'x'), (within_strings, b'x')],
        &[(edge_count + 13, b'9')],
        &[(end, b'x')],
    ] {
        let mut damaged = file.clone();
        for &(place, byte) in damages {
            damaged[place] = byte;
        }
        assert_eq!(
            fault_of(&damaged),
            fault_of(&gzipped(&damaged)),
            "{damages:?}"
        );
    }
    for length in [within_edges, within_strings] {
        let cut = &file[..length];
        assert_eq!(fault_of(cut), fault_of(&gzipped(cut)), "cut at {length}");
    }
    assert_eq!(read_text(&file).unwrap().edge_count(), 390_000);
}

#[test]
fn names_behind_damaged_edges_can_be_salvaged_from_a_large_file() {
    let mut file = large_snapshot();
    let within_edges = memchr::memmem::find(&file, b"\"edges\"").unwrap() + (1 << 20);
    file[within_edges] = b'x';
    let file = TemporaryFile::new(&file);
    let Salvaged { graph, damage } = salvage(&file.0, Arc::default()).unwrap();
    assert!(damage.is_some() && graph.edge_count() > 0);
    assert_eq!(graph.node_name(1), "Map");
}

#[test]
fn nothing_can_be_salvaged_without_a_node() {
    assert!(salvage(&TemporaryFile::new(b"{\"snapshot\":{").0, Arc::default()).is_err());
}

#[test]
fn no_damage_makes_the_reader_panic() {
    let file = small_snapshot(Format::WITHOUT_TRACE_NODE_ID);
    let target = TemporaryFile::new(&file);
    let mut numbers = Random::new(9);
    let mut random = |end: usize| numbers.below(end);
    for _ in 0..2_000 {
        let mut damaged = file.clone();
        for _ in 0..=random(3) {
            let place = random(damaged.len());
            match random(4) {
                0 => damaged[place] = b"0123456789,[]{}\"\\- \n\xff"[random(21)],
                1 if damaged.len() > 1 => drop(damaged.remove(place)),
                2 => damaged.insert(place, b"09,]\"\\"[random(6)]),
                _ => damaged.truncate(place + 2),
            }
        }
        std::fs::write(&target.0, &damaged).unwrap();
        if let Ok(Salvaged { graph, .. }) = salvage(&target.0, Arc::default()) {
            for node in graph.nodes() {
                let _ = (graph.node_name(node), graph.location(node));
                for edge in graph.edges(node) {
                    let _ = (graph.edge_name(edge), graph.node_type(graph.target(edge)));
                }
            }
        }
    }
}
