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
use super::inventory::{BackingStores, Inventory};
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
    Inventoried::new(graph).count().write(page_numbers, output)
}

/// A graph of which is known what people want to know.
pub struct Inventoried<'x, 'm> {
    graph: &'x Graph<'m>,
    inventory: Inventory,
    names: Names,
    edge_names: Rc<EdgeNames>,
    describer: Describer,
    roots: Vec<Vec<Root>>,
}

impl<'x, 'm> Inventoried<'x, 'm> {
    /// Walks the graph once.
    pub fn new(graph: &'x Graph<'m>) -> Self {
        let mut names = Names::default();
        let edge_names = Rc::new(EdgeNames::new(&mut names, graph.layout()));
        let mut describer = Describer::new(&mut names);
        let inventory = Inventory::take(graph, &mut names, &mut describer);
        Inventoried {
            graph,
            inventory,
            names,
            edge_names,
            describer,
            roots: group_roots(graph),
        }
    }

    /// What the snapshot will hold; the edges are not counted yet.
    pub fn summary(&self) -> HeapSummary {
        let Inventory {
            histogram,
            backing_stores,
        } = &self.inventory;
        let stores = ConstructorUse {
            name: BACKING_STORE.to_owned(),
            count: backing_stores.count(),
            bytes: backing_stores.bytes(),
        };
        HeapSummary {
            nodes: first_node(&self.roots) + u64::from(self.graph.count) + stores.count,
            edges: None,
            bytes: histogram.bytes() + stores.bytes,
            array_buffers: stores.bytes,
            constructors: histogram.largest(|name| self.text(name), [stores]),
            js_stack: Vec::new(),
        }
    }

    fn text(&self, name: NodeName) -> String {
        match name {
            NodeName::Name(name) => self.names.text(name).to_owned(),
            NodeName::Text(address) => self.graph.shown_text(address),
        }
    }

    /// Walks the graph a second time.
    pub fn count(mut self) -> Counted<'x, 'm> {
        let mut edge_counter = EdgeCounter::new(self.graph, Rc::clone(&self.edge_names));
        // It is needed no more.
        let histogram = std::mem::take(&mut self.inventory.histogram);
        let constructors = histogram.constructors();
        let census = Census::take(self.graph, &mut self.names, constructors, &mut edge_counter);
        Counted {
            inventoried: self,
            census,
            edge_counter,
        }
    }
}

/// A graph of which everything is known that the file must know before its first node.
pub struct Counted<'x, 'm> {
    inventoried: Inventoried<'x, 'm>,
    census: Census,
    edge_counter: EdgeCounter<'x, 'm>,
}

impl Counted<'_, '_> {
    /// The number of edges.
    pub fn edges(&self) -> u64 {
        root_edge_count(self.inventoried.graph, &self.inventoried.roots) + self.census.edges
    }

    /// Writes the snapshot.
    pub fn write(
        self,
        page_numbers: PageNumbers<'_>,
        output: impl ChunkOutput,
    ) -> Result<Counts, HeapError> {
        let edges = self.edges();
        let Inventoried {
            graph,
            inventory,
            names,
            edge_names,
            describer,
            roots,
        } = self.inventoried;
        let export = Export {
            graph,
            backing_stores: inventory.backing_stores,
            writer: SnapshotWriter::new(output, graph.layout().snapshot.format),
            strings: StringNumbers::new(&self.census, &names),
            first_node: first_node(&roots),
            remembered_keys: vec![(0, 0); REMEMBERED_KEYS],
            strings_passed: [0; 2],
            census: self.census,
            edge_counter: self.edge_counter,
            names,
            edge_names,
            describer,
            roots,
        };
        export.run(page_numbers, edges).map_err(HeapError::Write)
    }
}

/// The number of the first object's node.
fn first_node(roots: &[Vec<Root>]) -> u64 {
    FIRST_GROUP_NODE + roots.len() as u64
}

struct Export<'x, 'm, W> {
    graph: &'x Graph<'m>,
    backing_stores: BackingStores,
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
    fn run(mut self, page_numbers: PageNumbers<'_>, edges: u64) -> io::Result<Counts> {
        let nodes = self.first_native_node() + self.backing_stores.count();
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
