//! A file that may be a snapshot, for `check` and for salvage. Whatever it is, the memory it takes is bounded by its text, and
//! it reads the same when it is compressed.

#![no_main]

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use node_oom_heapdump::snapshot::reader::{self, Graph, ReadError};
use node_oom_heapdump_fuzz::memory::peak_of;
use node_oom_heapdump_fuzz::memory_file::MemoryFile;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What is taken before the first byte: windows, blocks, the state of the decompressor.
const MOST_BYTES_AT_FIRST: u64 = 4 << 20;
/// A column of a header is a string of 24 bytes for three characters; rows take less. Columns that grow are there twice.
const MOST_BYTES_FOR_A_BYTE: u64 = 64;

fuzz_target!(|bytes: &[u8]| {
    let file = MemoryFile::of(bytes).unwrap();
    let read = read_within_bounds(file.path());
    let salvaged = reader::salvage(file.path(), Arc::default());
    assert!(
        read.is_err() || salvaged.is_ok_and(|salvaged| salvaged.damage.is_none()),
        "what is complete needs no salvage"
    );
    if !bytes.starts_with(&GZIP_MAGIC) {
        let compressed = MemoryFile::of(&compress(bytes)).unwrap();
        assert_same(read, read_within_bounds(compressed.path()));
    }
});

fn read_within_bounds(path: &Path) -> Result<Graph, ReadError> {
    let text_bytes = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&text_bytes);
    let (read, taken) = peak_of(|| reader::read_counted(path, counted));
    let text_bytes = text_bytes.load(Ordering::Relaxed);
    assert!(
        taken as u64 <= MOST_BYTES_AT_FIRST + MOST_BYTES_FOR_A_BYTE * text_bytes,
        "{taken} bytes were taken for a text of {text_bytes} bytes"
    );
    read
}

fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn assert_same(plain: Result<Graph, ReadError>, inflated: Result<Graph, ReadError>) {
    match (plain, inflated) {
        (Ok(plain), Ok(inflated)) => assert_same_graph(&plain, &inflated),
        (
            Err(ReadError::Content { offset, fault, .. }),
            Err(ReadError::Content {
                offset: of_inflated,
                fault: inflated,
                ..
            }),
        ) => assert_eq!((offset, fault), (of_inflated, inflated)),
        (plain, inflated) => panic!("{:?}, but {:?}", plain.err(), inflated.err()),
    }
}

fn assert_same_graph(one: &Graph, other: &Graph) {
    assert_eq!(one.nodes(), other.nodes());
    for node in one.nodes() {
        let row = |graph: &Graph| {
            (
                graph.node_type(node),
                graph.node_name(node).into_owned(),
                (graph.id(node), graph.self_size(node)),
                graph.edges(node),
                graph.location(node),
            )
        };
        assert_eq!(row(one), row(other));
        for edge in one.edges(node) {
            let row = |graph: &Graph| {
                (
                    graph.edge_type(edge),
                    graph.target(edge),
                    graph.edge_name_or_index(edge),
                )
            };
            assert_eq!(row(one), row(other));
        }
    }
}
