//! The edges of the file.

use super::Export;
use crate::heap::body::HashTable;
use crate::heap::census::EphemeronPair;
use crate::heap::extract::{EdgeName, EdgeSink};
use crate::heap::layout::kind::Kind;
use crate::heap::memory::Address;
use crate::heap::object::Object;
use crate::snapshot::EdgeType;
use std::io::{self, Write};

/// Takes the edges of one node.
struct Edges<'x, 'y, 'm, W> {
    export: &'y mut Export<'x, 'm, W>,
}

impl<W: Write> EdgeSink for Edges<'_, '_, '_, W> {
    #[inline]
    fn edge(&mut self, edge_type: EdgeType, name: EdgeName, target: Address) {
        if let Some(rank) = self.export.graph.pages.rank_of(target) {
            let node = self.export.first_node + u64::from(rank);
            self.export.edge(edge_type, name, node);
        }
    }

    fn native_edge(&mut self, name: EdgeName, memory: Address) {
        let number = self.export.census.backing_store(memory).unwrap_or(0);
        let node = self.export.first_native_node() + u64::from(number);
        self.export.edge(EdgeType::Internal, name, node);
    }
}

impl<'m, W: Write> Export<'_, 'm, W> {
    pub(super) fn edges(&mut self) -> io::Result<()> {
        self.root_edges()?;
        let graph = self.graph;
        graph.objects().enumerate().try_for_each(|(rank, object)| {
            object.map_or(Ok(()), |object| self.object_edges(rank as u32, &object))
        })
    }

    fn object_edges(&mut self, rank: u32, object: &Object<'m>) -> io::Result<()> {
        let extractor = self.extractor;
        extractor.extract(object, &mut Edges { export: self });
        if self.census.is_special(rank) {
            let first = self
                .census
                .ephemerons
                .partition_point(|pair| pair.key < rank);
            for index in first..first + self.census.ephemerons_of_key(rank).len() {
                self.pair_edge(index)?;
            }
        }
        if object.kind() == Kind::EphemeronHashTable {
            for index in self.pairs_of_table(rank, object) {
                self.pair_edge(index)?;
            }
        }
        self.error.take().map_or(Ok(()), Err)
    }

    fn pair_edge(&mut self, index: usize) -> io::Result<()> {
        let target = self.first_node + u64::from(self.census.ephemerons[index].value);
        self.writer.edge(
            EdgeType::Internal,
            self.strings.first_pair + index as u64,
            target,
        )
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

    #[inline]
    pub(super) fn edge(&mut self, edge_type: EdgeType, name: EdgeName, target: u64) {
        let name = match name {
            EdgeName::Index(index) => u64::from(index),
            EdgeName::Decimal(index) => self.strings.first_decimal + u64::from(index),
            EdgeName::Name(name) => self.number_of(name),
            EdgeName::Key(key) => self.key_number(key),
            EdgeName::Accessor(part, key) => self.accessor_number(part, key),
            EdgeName::BoundArgument(index) => self.name_number(&format!("bound_argument_{index}")),
        };
        if let Err(error) = self.writer.edge(edge_type, name, target) {
            self.error.get_or_insert(error);
        }
    }
}
