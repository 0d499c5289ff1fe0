//! Reads a .heapsnapshot, plain or compressed by gzip, into columns. All of what V8 writes from 10.2 on is accepted, for
//! the order of columns and the numbers of types come from the file's own header. It does not know what a graph is good for.
//!
//! Memory is bounded by the content, never by what a header claims: 17 bytes a node, 9 an edge, 8 a location and 8 a
//! string, and twice that at most while the columns of a compressed file grow. The text of a plain file stays mapped and
//! takes no memory of its own; of a compressed one only the strings are kept.

mod block;
mod digits;
mod error;
mod graph;
mod header;
mod input;
mod masks;
mod numbers;
mod parse;
#[cfg(test)]
pub mod sample;
mod sizes;
mod strings;
mod tables;
#[cfg(test)]
mod tests;

pub use error::{Fault, Found, ReadError, Section};
pub use graph::{EdgeIndex, EdgeName, Graph, Location, NodeIndex};
pub use sizes::Sizes;
pub use strings::Strings;

use input::Input;
use parse::Parser;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What is left of a damaged file.
pub struct Salvaged {
    /// The nodes and edges that could be read; names are empty where the strings are missing.
    pub graph: Graph,
    /// What is wrong with the file, if anything.
    pub damage: Option<ReadError>,
}

/// Reads a snapshot that must be complete and consistent from a file that is open; `path` is what errors call it.
pub fn read_open(file: File, path: &Path) -> Result<Graph, ReadError> {
    let mut parser = Parser::new(Input::of_file(file, path, Arc::default())?);
    parser.parse()?;
    Ok(parser.graph)
}

/// Reads a snapshot that must be complete and consistent.
pub fn read(path: &Path) -> Result<Graph, ReadError> {
    read_counted(path, Arc::default())
}

/// The same; how many bytes of the text were read is counted while it goes on.
pub fn read_counted(path: &Path, bytes: Arc<AtomicU64>) -> Result<Graph, ReadError> {
    let mut parser = Parser::new(Input::open(path, bytes)?);
    parser.parse()?;
    Ok(parser.graph)
}

/// Reads what there is of a snapshot, and counts it. Fails only if not even one node can be read.
pub fn salvage(path: &Path, bytes: Arc<AtomicU64>) -> Result<Salvaged, ReadError> {
    let mut parser = Parser::new(Input::open(path, bytes)?);
    let damage = parser.parse().err();
    let mut graph = parser.graph;
    match damage {
        Some(damage) if graph.node_count() == 0 => Err(damage),
        damage => {
            graph.close_gaps();
            Ok(Salvaged { graph, damage })
        }
    }
}
