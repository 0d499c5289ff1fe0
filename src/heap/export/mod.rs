//! Streams the graph as a .heapsnapshot: synthetic roots, then one node for each marked object by rank, then the memory of
//! array buffers; their edges in the same order; locations; strings.

mod edges;
mod nodes;
mod roots;
mod strings;

use self::roots::{FIRST_GROUP_NODE, group_roots};
use self::strings::{REMEMBERED_KEYS, StringNumbers};
use super::census::Census;
use super::describe::Describer;
use super::extract::Extractor;
use super::graph::Graph;
use super::locations::Locator;
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
    let extractor = Extractor::new(graph, &mut names);
    let describer = Describer::new(&mut names);
    let roots = group_roots(graph);
    let census = Census::take(graph, &mut names, &extractor);
    let writer = SnapshotWriter::new(output, graph.layout().snapshot.format);
    let strings = StringNumbers::new(&census, &names);
    let first_node = FIRST_GROUP_NODE + graph.layout().root_groups.len() as u64;
    let export = Export {
        graph,
        census,
        names,
        extractor: &extractor,
        describer,
        writer,
        strings,
        roots,
        first_node,
        remembered_keys: vec![(0, 0); REMEMBERED_KEYS],
        strings_passed: [0; 2],
        error: None,
    };
    export.run(page_numbers).map_err(HeapError::Write)
}

struct Export<'x, 'm, W> {
    graph: &'x Graph<'m>,
    census: Census,
    names: Names,
    extractor: &'x Extractor<'x, 'm>,
    describer: Describer,
    writer: SnapshotWriter<W>,
    strings: StringNumbers,
    roots: Vec<Vec<Root>>,
    first_node: u64,
    remembered_keys: Vec<(Address, u64)>,
    /// The strings of the heap among the nodes written so far.
    strings_passed: [u32; 2],
    /// The first error of writing edges, whose sink cannot return one.
    error: Option<io::Error>,
}

impl<'m, W: Write> Export<'_, 'm, W> {
    fn run(mut self, page_numbers: PageNumbers<'_>) -> io::Result<Counts> {
        let nodes = self.first_native_node() + self.census.backing_stores.len() as u64;
        let edges = self.root_edge_count() + self.census.edges;
        self.writer.begin(nodes, edges)?;
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

    fn locations(&mut self) -> io::Result<u64> {
        let graph = self.graph;
        let mut locator = Locator::default();
        let mut count = 0;
        for (rank, object) in graph.objects().enumerate() {
            let Some(object) = object.filter(|object| object.kind().is_js_object()) else {
                continue;
            };
            if let Some(location) = locator.locate(graph, &object) {
                let node = self.first_node + rank as u64;
                self.writer
                    .location(node, location.script, location.line, location.column)?;
                count += 1;
            }
        }
        Ok(count)
    }
}
