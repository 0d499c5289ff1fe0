//! How many objects there are of each constructor, and the memory of array buffers. People are told this before the
//! [census](super::census), which takes longer and serves the file alone. It was counted by [map](super::tally) while marking;
//! only a heap that has no tally, or of which the maps say too little, is walked.

use super::describe::Describer;
use super::graph::Graph;
use super::histogram::Histogram;
use super::memory::Address;
use super::names::Names;
use super::object::Object;
use super::tally::Tally;

/// Memory of an array buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BackingStore {
    /// Where it is.
    pub memory: Address,
    /// The buffer that refers to it; of several the one with the lowest address.
    pub owner: Address,
    /// Its bytes.
    pub length: u64,
}

/// The memory of all array buffers, by address.
pub struct BackingStores(Vec<BackingStore>);

impl BackingStores {
    fn of(graph: &Graph) -> BackingStores {
        let buffers = graph.array_buffers.iter();
        let mut found: Vec<BackingStore> = buffers
            .filter_map(|&buffer| backing_store(graph, &graph.object(buffer)?))
            .collect();
        found.sort_unstable();
        found.dedup_by_key(|store| store.memory);
        BackingStores(found)
    }

    /// Each once.
    pub fn iter(&self) -> impl Iterator<Item = &BackingStore> {
        self.0.iter()
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// What they take together.
    pub fn bytes(&self) -> u64 {
        self.iter().map(|store| store.length).sum()
    }

    /// The number of the one at that address.
    pub fn number_of(&self, memory: Address) -> Option<u32> {
        self.0
            .binary_search_by_key(&memory, |store| store.memory)
            .ok()
            .map(|index| index as u32)
    }
}

/// What is in the heap.
pub struct Inventory {
    /// The objects by constructor.
    pub histogram: Histogram,
    /// The memory of array buffers.
    pub backing_stores: BackingStores,
}

impl Inventory {
    /// Names what was counted, or walks the graph.
    pub fn take(graph: &Graph, names: &mut Names, describer: &mut Describer) -> Inventory {
        let tally = graph.tally.as_ref();
        Inventory {
            histogram: tally
                .and_then(|tally| of_tally(tally, graph, names, describer))
                .unwrap_or_else(|| of_walk(graph, names, describer)),
            backing_stores: BackingStores::of(graph),
        }
    }
}

/// The histogram, unless the examples of the tally do not say what all others are called.
fn of_tally(
    tally: &Tally,
    graph: &Graph,
    names: &mut Names,
    describer: &mut Describer,
) -> Option<Histogram> {
    let mut histogram = Histogram::default();
    for instances in tally.instances.values() {
        if !histogram.count_instances(graph, describer, names, instances) {
            return None;
        }
    }
    for &address in &tally.one_by_one {
        let page = graph.pages.page(graph.pages.find(address)?);
        let object = graph.object_on(page, address)?;
        histogram.count(graph, describer, names, page, &object);
    }
    Some(histogram)
}

fn of_walk(graph: &Graph, names: &mut Names, describer: &mut Describer) -> Histogram {
    let mut histogram = Histogram::default();
    for page in graph.pages.iter() {
        for address in page.marked() {
            if let Some(object) = graph.object_on(page, address) {
                histogram.count(graph, describer, names, page, &object);
            }
        }
    }
    histogram
}

fn backing_store(graph: &Graph, buffer: &Object) -> Option<BackingStore> {
    let layout = &graph.layout().buffer;
    let word = |offset: u16| buffer.view().word(u64::from(offset));
    let memory = word(layout.backing_store);
    (memory != 0).then(|| BackingStore {
        memory,
        owner: buffer.address,
        length: word(layout.byte_length),
    })
}
