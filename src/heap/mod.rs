//! V8's heap, read from memory: what one isolate holds is marked with V8's own weak semantics and streamed as a .heapsnapshot.
//! No function of V8 is called and nothing is written but the file, so it works on a process that cannot go on, on a frozen
//! copy of one, and on a stored image. It knows nothing of Node, of processes or of files.
//!
//! The way of the data: [`memory`] gives checked reads, [`object`], [`shape`] and [`size`] make objects of words by a [`layout`],
//! [`roots`] and [`mark`] find what is reachable and [`tally`] counts it, [`pages`] keeps the marks and numbers them, [`graph`]
//! holds it all; then [`inventory`] says to people what was counted, [`census`] counts for the file, and [`export`] writes what
//! [`describe`], [`extract`], [`self_size`] and [`locations`] read. What several of those ask of an object is in [`body`],
//! [`hash_table`], [`text`], [`properties`], [`functions`] and [`constructors`]; what its thread was doing is in [`call_stack`];
//! what holds for all objects of a map is worked out once and kept in a [`map_cache`].

pub mod body;
pub mod call_stack;
pub mod census;
pub mod constructors;
pub mod describe;
pub mod dispatch;
pub mod edge_counter;
pub mod export;
pub mod extract;
pub mod functions;
pub mod graph;
pub mod hash_table;
pub mod histogram;
pub mod inventory;
pub mod layout;
pub mod locations;
pub mod map_cache;
pub mod mark;
pub mod memory;
pub mod names;
pub mod notes;
pub mod number_set;
pub mod object;
pub mod owner;
pub mod page_numbers;
pub mod pages;
pub mod properties;
pub mod redaction;
pub mod roots;
pub mod self_size;
pub mod self_test;
pub mod shape;
pub mod size;
#[cfg(test)]
mod synthetic;
pub mod tagged;
pub mod tally;
#[cfg(test)]
mod tests;
pub mod text;

use self::graph::Graph;
use self::layout::Layout;
use self::memory::{Address, Memory};
use self::page_numbers::PageNumbers;
use crate::snapshot::chunk::ChunkOutput;

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum HeapError {
    /// What the isolate must have is not where the layout says.
    #[error(
        "there is no V8 heap of the expected layout at {isolate:#x}: take the snapshot over the inspector instead"
    )]
    NotAnIsolate {
        /// Where the isolate was said to be.
        isolate: Address,
    },
    /// Whoever takes the file does not.
    #[error("the snapshot could not be passed on: {0}")]
    Write(#[source] std::io::Error),
}

/// What a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// Nodes whose function's place is known.
    pub locations: u64,
    /// Strings.
    pub strings: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Words that looked like pointers to objects and were none.
    pub skipped: u64,
    /// References into the heaps of other isolates, which were not followed.
    pub foreign: u64,
}

/// Reads the heap of the isolate at `isolate` and writes its snapshot to `output`.
pub fn write_snapshot<'m>(
    memory: &'m Memory<'m>,
    isolate: Address,
    layout: &'static Layout,
    page_numbers: PageNumbers<'_>,
    output: impl ChunkOutput,
) -> Result<Counts, HeapError> {
    let graph = Graph::read(memory, isolate, layout)?;
    export::export(&graph, page_numbers, output)
}
