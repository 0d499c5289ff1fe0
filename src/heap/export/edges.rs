//! The edges of the file.

use super::Export;
use crate::heap::census::EphemeronPair;
use crate::heap::extract::{EdgeName, EdgeSink, Extractor};
use crate::heap::hash_table::HashTable;
use crate::heap::layout::kind::Kind;
use crate::heap::memory::Address;
use crate::heap::object::Object;
use crate::snapshot::EdgeType;
use crate::snapshot::chunk::ChunkOutput;
use crate::snapshot::row::Text;
use std::io;
use std::rc::Rc;

/// Writes the edges of nodes.
struct Edges<'x, 'y, 'm, W> {
    export: &'y mut Export<'x, 'm, W>,
}

impl<W: ChunkOutput> EdgeSink for Edges<'_, '_, '_, W> {
    type Label = Text;
    /// Nothing where it leads to no node.
    type Edge = Option<Text>;

    fn label(&mut self, edge_type: EdgeType, name: EdgeName) -> Text {
        let name = self.export.edge_name_number(name);
        self.export.writer.edge_text(edge_type, name)
    }

    fn prepare(&mut self, edge_type: EdgeType, name: EdgeName, target: Address) -> Option<Text> {
        let node = self.export.node_at(target)?;
        let name = self.export.edge_name_number(name);
        Some(self.export.writer.whole_edge_text(edge_type, name, node))
    }

    #[inline]
    fn edge(&mut self, edge_type: EdgeType, name: EdgeName, target: Address) {
        if let Some(node) = self.export.node_at(target) {
            let name = self.export.edge_name_number(name);
            self.export.writer.edge(edge_type, name, node);
        }
    }

    #[inline]
    fn labelled(&mut self, label: &Text, target: Address) {
        if let Some(node) = self.export.node_at(target) {
            self.export.writer.edge_of(label, node);
        }
    }

    #[inline]
    fn prepared(&mut self, edge: &Option<Text>) {
        if let Some(edge) = edge {
            self.export.writer.row_of(edge);
        }
    }

    fn native_edge(&mut self, name: EdgeName, memory: Address) {
        let number = self.export.backing_stores.number_of(memory).unwrap_or(0);
        let node = self.export.first_native_node() + u64::from(number);
        let name = self.export.edge_name_number(name);
        self.export.writer.edge(EdgeType::Internal, name, node);
    }
}

impl<'m, W: ChunkOutput> Export<'_, 'm, W> {
    pub(super) fn edges(&mut self) -> io::Result<()> {
        self.root_edges();
        let graph = self.graph;
        let mut extractor = Extractor::new(graph, Rc::clone(&self.edge_names));
        let mut sink = Edges { export: self };
        let mut rank = 0;
        for page in graph.pages.iter() {
            for address in page.marked() {
                if let Some(object) = graph.object_on(page, address) {
                    extractor.extract(&object, &mut sink);
                    sink.export.ephemeron_edges(rank, &object);
                }
                rank += 1;
            }
            sink.export.writer.check()?;
        }
        Ok(())
    }

    #[inline]
    fn ephemeron_edges(&mut self, rank: u32, object: &Object<'m>) {
        if self.census.notes().is_special(rank) {
            let first = self
                .census
                .ephemerons
                .partition_point(|pair| pair.key < rank);
            for index in first..first + self.census.ephemerons_of_key(rank).len() {
                self.pair_edge(index);
            }
        }
        if object.kind() == Kind::EphemeronHashTable {
            for index in self.pairs_of_table(rank, object) {
                self.pair_edge(index);
            }
        }
    }

    /// The node of the object at `address`, if it has one.
    #[inline]
    fn node_at(&self, address: Address) -> Option<u64> {
        let rank = self.graph.pages.rank_of(address)?;
        Some(self.first_node + u64::from(rank))
    }

    fn pair_edge(&mut self, index: usize) {
        let target = self.first_node + u64::from(self.census.ephemerons[index].value);
        self.writer.edge(
            EdgeType::Internal,
            self.strings.first_pair + index as u64,
            target,
        );
    }

    /// The pairs of an ephemeron table, as indices into the census.
    pub(super) fn pairs_of_table(&self, table: u32, object: &Object<'m>) -> Vec<usize> {
        let pairs = &self.census.ephemerons;
        HashTable::new(object, 3, 2)
            .entries()
            .filter_map(|entry| {
                let key = self.graph.pages.rank_of(entry.slot(0).target()?)?;
                let value = self.graph.pages.rank_of(entry.slot(1).target()?)?;
                pairs
                    .binary_search(&EphemeronPair { key, table, value })
                    .ok()
            })
            .collect()
    }

    /// The number of a string, or an index.
    #[inline]
    fn edge_name_number(&mut self, name: EdgeName) -> u64 {
        match name {
            EdgeName::Index(index) => u64::from(index),
            EdgeName::Decimal(number) => {
                let position = self.census.decimals.position(number);
                self.strings.first_decimal + u64::from(position)
            }
            EdgeName::Name(name) => self.number_of(name),
            EdgeName::Key(key) => self.key_number(key),
            EdgeName::Accessor(part, key) => self.accessor_number(part, key),
            EdgeName::BoundArgument(index) => self.name_number(&format!("bound_argument_{index}")),
        }
    }
}
