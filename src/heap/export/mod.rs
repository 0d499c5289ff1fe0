//! Streams the graph as a .heapsnapshot: synthetic roots, then one node for each marked object by rank, then the memory of
//! array buffers; their edges in the same order; locations; strings.

mod edges;
mod locations;
mod nodes;
mod roots;
mod strings;

use self::roots::{FIRST_GROUP_NODE, group_roots};
use self::strings::{REMEMBERED_KEYS, StringNumbers};
use super::census::Census;
use super::describe::Describer;
use super::edge_counter::EdgeCounter;
use super::extract::EdgeNames;
use super::graph::Graph;
use super::memory::Address;
use super::names::Names;
use super::page_numbers::PageNumbers;
use super::roots::Root;
use super::{Counts, HeapError};
use crate::snapshot::writer::SnapshotWriter;
use std::io::{self, Write};
/// Writes the snapshot of `graph`.
pub fn export(
    graph: &Graph,
    page_numbers: PageNumbers<'_>,
    output: impl Write,
) -> Result<Counts, HeapError> {
    let mut names = Names::default();
    let edge_names = EdgeNames::new(&mut names, graph.layout());
    let mut edge_counter = EdgeCounter::new(graph, &edge_names);
    let describer = Describer::new(&mut names);
    let roots = group_roots(graph);
    let census = Census::take(graph, &mut names, &mut edge_counter);
    let writer = SnapshotWriter::new(output, graph.layout().snapshot.format);
    let strings = StringNumbers::new(&census, &names);
    let first_node = FIRST_GROUP_NODE + graph.layout().root_groups.len() as u64;
    let export = Export {
        graph,
        census,
        names,
        edge_names: &edge_names,
        edge_counter,
        describer,
        writer,
        strings,
        roots,
        first_node,
        remembered_keys: vec![(0, 0); REMEMBERED_KEYS],
        strings_passed: [0; 2],
    };
    export.run(page_numbers).map_err(HeapError::Write)
}

struct Export<'x, 'm, W> {
    graph: &'x Graph<'m>,
    census: Census,
    names: Names,
    edge_names: &'x EdgeNames,
    edge_counter: EdgeCounter<'x, 'm>,
    describer: Describer,
    writer: SnapshotWriter<W>,
    strings: StringNumbers,
    roots: Vec<Vec<Root>>,
    first_node: u64,
    remembered_keys: Vec<(Address, u64)>,
    /// The strings of the heap among the nodes written so far.
    strings_passed: [u32; 2],
}

impl<'m, W: Write> Export<'_, 'm, W> {
    fn run(mut self, page_numbers: PageNumbers<'_>) -> io::Result<Counts> {
        let nodes = self.first_native_node() + self.census.backing_stores.len() as u64;
        let edges = self.root_edge_count() + self.census.edges;
        self.writer.begin(nodes, edges);
        self.nodes(page_numbers)?;
        self.writer.begin_edges();
        self.edges()?;
        self.writer.begin_locations();
        let locations = self.locations()?;
        self.writer.begin_strings();
        let strings = self.all_strings(page_numbers)?;
        let bytes = self.writer.finish()?;
        Ok(Counts {
            nodes,
            edges,
            locations,
            strings,
            bytes,
            skipped: self.graph.skipped,
        })
    }

    fn first_native_node(&self) -> u64 {
        self.first_node + u64::from(self.graph.count)
    }
}
