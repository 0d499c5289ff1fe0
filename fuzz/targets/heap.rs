//! The memory of a small heap, in the layout of any version, with wrong words. Whatever they are, the heap reader reads nothing
//! outside of that memory (the sanitizer tells), and what it writes is a snapshot that our own reader calls complete, or it says
//! that there is no heap.

#![no_main]

use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use node_oom_heapdump::heap::export::Inventoried;
use node_oom_heapdump::heap::graph::Graph;
use node_oom_heapdump::heap::layout::Layout;
use node_oom_heapdump::heap::memory::Memory;
use node_oom_heapdump::heap::page_numbers::PageNumbers;
use node_oom_heapdump::heap::redaction::Redaction;
use node_oom_heapdump::heap::self_test::self_test;
use node_oom_heapdump::heap::{call_stack, layout, memory};
use node_oom_heapdump::snapshot::reader;
use node_oom_heapdump_fuzz::memory_file::MemoryFile;

// The heap that the unit tests corrupt.
#[allow(dead_code, reason = "its parts are for the tests")]
#[path = "../../src/heap/synthetic.rs"]
mod synthetic;

use synthetic::{HEAP, ISOLATE, ISOLATE_BYTES, Image, smi, strong, weak};

/// More wrong words than this make noise of the heap.
const MOST_WRONG_WORDS: usize = 64;
/// The pages of a synthetic heap, with room.
const FEW_PAGES: usize = 16;

#[derive(Arbitrary, Debug)]
struct Damage {
    /// An index into the layouts.
    layout: u8,
    is_redacted: bool,
    words: Vec<WrongWord>,
}

#[derive(Arbitrary, Debug)]
struct WrongWord {
    place: Place,
    value: Value,
}

/// A word of the image. Numbers are taken modulo what there is.
#[derive(Arbitrary, Debug)]
enum Place {
    Heap(u16),
    Isolate(u16),
    Stack(u8),
}

#[derive(Arbitrary, Debug)]
enum Value {
    /// A pointer to a word of the heap.
    Strong(u16),
    Weak(u16),
    /// A pointer that is not aligned, or to what is just behind the heap.
    Odd(u16),
    /// An address in the isolate.
    OfIsolate(u16),
    Smi(i32),
    /// One byte of the word that is there, and its new value.
    Byte(u8, u8),
    Any(u64),
}

/// The heap in each layout, which takes longer to make than to read.
static IMAGES: LazyLock<[Image; Layout::ALL.len()]> = LazyLock::new(|| Layout::ALL.map(image));

fuzz_target!(|damage: Damage| {
    let version = usize::from(damage.layout) % Layout::ALL.len();
    let (layout, mut image) = (Layout::ALL[version], IMAGES[version].clone());
    for wrong in damage.words.iter().take(MOST_WRONG_WORDS) {
        overwrite(&mut image, wrong);
    }
    let memory = Memory::of_image(&image);
    let Ok(mut graph) = Graph::read(&memory, ISOLATE, layout) else {
        return;
    };
    let _ = self_test(&graph);
    call_stack::calls(&graph, ISOLATE);
    if damage.is_redacted {
        graph.redaction = Some(Redaction::new(&graph).unwrap());
    }
    let inventoried = Inventoried::new(&graph);
    let summary = inventoried.summary();
    let counted = inventoried.count();
    let edges = counted.edges();
    let slots: Vec<AtomicU64> = std::iter::repeat_with(AtomicU64::default)
        .take(FEW_PAGES)
        .collect();
    let mut bytes = Vec::new();
    let counts = counted
        .write(PageNumbers::in_slots(&slots), &mut bytes)
        .unwrap();
    let file = MemoryFile::of(&bytes).unwrap();
    let read = reader::read(file.path()).unwrap();
    assert_eq!((summary.nodes, edges), (counts.nodes, counts.edges));
    assert_eq!(counts.nodes, read.node_count() as u64);
    assert_eq!(counts.edges, read.edge_count() as u64);
    assert_eq!(counts.strings, read.strings().len() as u64);
    assert_eq!(counts.locations, read.located_nodes().count() as u64);
    assert_eq!(counts.bytes, bytes.len() as u64);
});

/// The heap, and an isolate in which lists of roots can be found.
fn image(layout: &'static Layout) -> Image {
    let mut image = synthetic::heap(layout);
    synthetic::enlarge_isolate(&mut image);
    for (address, word) in synthetic::root_list_words(layout) {
        synthetic::set_in_isolate(&mut image, address, word);
    }
    image
}

fn overwrite(image: &mut Image, WrongWord { place, value }: &WrongWord) {
    let heap_bytes = image[0].1.len() as u64;
    let (part, index) = match *place {
        Place::Heap(index) => (0, index),
        Place::Isolate(index) => (1, index),
        Place::Stack(index) => (2, index.into()),
    };
    let (words, _) = image[part].1.as_chunks_mut::<8>();
    let count = words.len();
    let word = &mut words[usize::from(index) % count];
    let in_heap = |index: u16| HEAP + 8 * u64::from(index) % heap_bytes;
    *word = match *value {
        Value::Strong(index) => strong(in_heap(index)),
        Value::Weak(index) => weak(in_heap(index)),
        Value::Odd(offset) => HEAP + u64::from(offset),
        Value::OfIsolate(index) => ISOLATE + 8 * u64::from(index) % ISOLATE_BYTES as u64,
        Value::Smi(number) => smi(number),
        Value::Byte(index, byte) => {
            let mut bytes = *word;
            bytes[usize::from(index) % bytes.len()] = byte;
            u64::from_le_bytes(bytes)
        }
        Value::Any(word) => word,
    }
    .to_le_bytes();
}
