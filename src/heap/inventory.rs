//! The first walk over the marked objects: how many there are of each constructor, and the memory of array buffers. People are
//! told this before the [census](super::census), which takes longer and serves the file alone.

use super::describe::{Describer, self_size};
use super::graph::Graph;
use super::histogram::Histogram;
use super::layout::kind::Kind;
use super::memory::Address;
use super::names::Names;
use super::object::Object;

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
    fn of(mut found: Vec<BackingStore>) -> BackingStores {
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

/// What the walk found.
pub struct Inventory {
    /// The objects by constructor.
    pub histogram: Histogram,
    /// The memory of array buffers.
    pub backing_stores: BackingStores,
}

impl Inventory {
    /// Walks the graph.
    pub fn take(graph: &Graph, names: &mut Names, describer: &mut Describer) -> Inventory {
        let mut histogram = Histogram::default();
        let mut backing_stores = Vec::new();
        for page in graph.pages.iter() {
            let is_free = graph.is_free(page);
            for address in page.marked() {
                let Some(object) = graph.object_on(page, address) else {
                    continue;
                };
                let bytes = match is_free {
                    true => 0,
                    false => self_size(graph, &object),
                };
                histogram.count(graph, describer, names, &object, bytes);
                if object.kind() == Kind::JsArrayBuffer {
                    backing_stores.extend(backing_store(graph, &object));
                }
            }
        }
        Inventory {
            histogram,
            backing_stores: BackingStores::of(backing_stores),
        }
    }
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
