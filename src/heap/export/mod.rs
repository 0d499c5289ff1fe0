//! Streams the graph as a .heapsnapshot: synthetic roots, then one node for each marked object by rank, then the memory of
//! array buffers; their edges in the same order; locations; strings.

mod edges;
mod locations;
mod nodes;
mod roots;
mod strings;

use self::nodes::BACKING_STORE;
use self::roots::{FIRST_GROUP_NODE, group_roots, root_edge_count};
use self::strings::{REMEMBERED_KEYS, StringNumbers};
use super::census::Census;
use super::describe::{Describer, NodeName};
use super::edge_counter::EdgeCounter;
use super::extract::EdgeNames;
use super::graph::Graph;
use super::memory::Address;
use super::names::Names;
use super::page_numbers::PageNumbers;
use super::roots::Root;
use super::{Counts, HeapError};
use crate::snapshot::chunk::ChunkOutput;
use crate::snapshot::writer::SnapshotWriter;
use crate::summary::{ConstructorUse, HeapSummary};
use std::io;
use std::rc::Rc;

/// Writes the snapshot of `graph`.
pub fn export(
    graph: &Graph,
    page_numbers: PageNumbers<'_>,
    output: impl ChunkOutput,
) -> Result<Counts, HeapError> {
    Counted::new(graph).write(page_numbers, output)
}

/// A graph of which everything is known that the file must know before its first node.
pub struct Counted<'x, 'm> {
    graph: &'x Graph<'m>,
    census: Census,
    names: Names,
    edge_names: Rc<EdgeNames>,
    edge_counter: EdgeCounter<'x, 'm>,
    describer: Describer,
    roots: Vec<Vec<Root>>,
}

impl<'x, 'm> Counted<'x, 'm> {
    /// Walks the graph once.
    pub fn new(graph: &'x Graph<'m>) -> Self {
        let mut names = Names::default();
        let edge_names = Rc::new(EdgeNames::new(&mut names, graph.layout()));
        let mut edge_counter = EdgeCounter::new(graph, Rc::clone(&edge_names));
        let mut describer = Describer::new(&mut names);
        let census = Census::take(graph, &mut names, &mut describer, &mut edge_counter);
        Counted {
            graph,
            census,
            names,
            edge_names,
            edge_counter,
            describer,
            roots: group_roots(graph),
        }
    }

    /// What the snapshot will hold.
    pub fn summary(&mut self) -> HeapSummary {
        let histogram = std::mem::take(&mut self.census.histogram);
        let stores = &self.census.backing_stores;
        let stores = ConstructorUse {
            name: BACKING_STORE.to_owned(),
            count: stores.len() as u64,
            bytes: stores.iter().map(|store| store.length).sum(),
        };
        let root_edges = root_edge_count(self.graph, &self.roots);
        HeapSummary {
            nodes: self.first_node() + u64::from(self.graph.count) + stores.count,
            edges: root_edges + self.census.edges,
            bytes: histogram.bytes() + stores.bytes,
            array_buffers: stores.bytes,
            constructors: histogram.largest(|name| self.text(name), [stores]),
            js_stack: Vec::new(),
        }
    }

    fn first_node(&self) -> u64 {
        FIRST_GROUP_NODE + self.roots.len() as u64
    }

    fn text(&self, name: NodeName) -> String {
        match name {
            NodeName::Name(name) => self.names.text(name).to_owned(),
            NodeName::Text(address) => self.graph.shown_text(address),
        }
    }

    /// Writes the snapshot.
    pub fn write(
        self,
        page_numbers: PageNumbers<'_>,
        output: impl ChunkOutput,
    ) -> Result<Counts, HeapError> {
        let strings = StringNumbers::new(&self.census, &self.names);
        let first_node = self.first_node();
        let export = Export {
            graph: self.graph,
            census: self.census,
            names: self.names,
            edge_names: self.edge_names,
            edge_counter: self.edge_counter,
            describer: self.describer,
            writer: SnapshotWriter::new(output, self.graph.layout().snapshot.format),
            strings,
            roots: self.roots,
            first_node,
            remembered_keys: vec![(0, 0); REMEMBERED_KEYS],
            strings_passed: [0; 2],
        };
        export.run(page_numbers).map_err(HeapError::Write)
    }
}

struct Export<'x, 'm, W> {
    graph: &'x Graph<'m>,
    census: Census,
    names: Names,
    edge_names: Rc<EdgeNames>,
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

impl<'m, W: ChunkOutput> Export<'_, 'm, W> {
    fn run(mut self, page_numbers: PageNumbers<'_>) -> io::Result<Counts> {
        let nodes = self.first_native_node() + self.census.backing_stores.len() as u64;
        let edges = root_edge_count(self.graph, &self.roots) + self.census.edges;
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
            foreign: self.graph.foreign,
        })
    }

    fn first_native_node(&self) -> u64 {
        self.first_node + u64::from(self.graph.count)
    }
}
