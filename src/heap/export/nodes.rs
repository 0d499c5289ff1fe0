//! The nodes of the file.

use super::Export;
use crate::heap::describe::{NodeName, self_size};
use crate::heap::extract::{EdgeName, EdgeSink};
use crate::heap::graph::Graph;
use crate::heap::layout::kind::Kind;
use crate::heap::memory::Address;
use crate::heap::object::Object;
use crate::heap::page_numbers::PageNumbers;
use crate::heap::pages::WORD_BITS;
use crate::snapshot::writer::Node;
use crate::snapshot::{EdgeType, NodeType};
use std::io::{self, Write};

/// The name of the nodes of array buffers' memory.
pub(super) const BACKING_STORE: &str = "system / JSArrayBufferData";

impl<'m, W: Write> Export<'_, 'm, W> {
    pub(super) fn nodes(&mut self, page_numbers: PageNumbers<'_>) -> io::Result<()> {
        self.synthetic_nodes()?;
        let graph = self.graph;
        let mut rank = 0u32;
        for page in graph.pages.iter() {
            let page_number = page_numbers.number_of(page.start());
            for address in page.marked() {
                let object = page
                    .view(address)
                    .and_then(|run| graph.decoder.object(address, run));
                let id = object_id(page_number, address);
                let node = self.node(rank, id, object.as_ref());
                self.writer.node(node)?;
                rank += 1;
            }
        }
        let name = self.name_number(BACKING_STORE);
        for store in &self.census.backing_stores {
            // The word behind the owner's first is never an object's first.
            let id = object_id(
                page_numbers.number_of(page_of(store.owner)),
                store.owner + 8,
            );
            let node = Node {
                node_type: NodeType::Native,
                name,
                id,
                self_size: store.length,
                edge_count: 0,
            };
            self.writer.node(node)?;
        }
        Ok(())
    }

    fn node(&mut self, rank: u32, id: u64, object: Option<&Object<'m>>) -> Node {
        let Some(object) = object else {
            let name = self.name_number("");
            return Node {
                node_type: NodeType::Hidden,
                name,
                id,
                self_size: 0,
                edge_count: self.edge_count(rank, None),
            };
        };
        let (node_type, name) = self.type_and_name(rank, object);
        let name = if let Some(group) = self.census.string_group(rank) {
            let passed = &mut self.strings_passed[group as usize];
            *passed += 1;
            self.strings.of_heap_string(group, *passed - 1)
        } else {
            self.node_name_number(name)
        };
        Node {
            node_type,
            name,
            id,
            self_size: self_size(self.graph, object),
            edge_count: self.edge_count(rank, Some(object)),
        }
    }

    pub(super) fn type_and_name(&mut self, rank: u32, object: &Object<'m>) -> (NodeType, NodeName) {
        let (mut node_type, mut name) =
            self.describer.describe(self.graph, &mut self.names, object);
        if let Some(lent) = self.census.lent_name(rank) {
            if self.describer.may_be_renamed(object, name) {
                name = NodeName::Name(lent.name);
            }
            let shapes = self.graph.layout().snapshot.object_shapes;
            match lent.node_type {
                Some(NodeType::ObjectShape) if !shapes => {}
                Some(lent_type) => node_type = lent_type,
                None => {}
            }
        }
        (node_type, name)
    }

    pub(super) fn edge_count(&self, rank: u32, object: Option<&Object<'m>>) -> u64 {
        let mut count = match (self.census.edges_of(rank), object) {
            (Some(count), _) => count,
            (None, Some(object)) => {
                let mut counter = Counter {
                    graph: self.graph,
                    edges: 0,
                };
                self.extractor.extract(object, &mut counter);
                counter.edges
            }
            (None, None) => 0,
        };
        if self.census.is_special(rank) {
            count += self.census.ephemerons_of_key(rank).len() as u64;
        }
        if let Some(table) = object.filter(|object| object.kind() == Kind::EphemeronHashTable) {
            count += self.pairs_of_table(rank, table).len() as u64;
        }
        count
    }
}

struct Counter<'x, 'm> {
    graph: &'x Graph<'m>,
    edges: u64,
}

impl EdgeSink for Counter<'_, '_> {
    #[inline]
    fn edge(&mut self, _: EdgeType, _: EdgeName, target: Address) {
        self.edges += u64::from(self.graph.pages.is_marked(target));
    }

    fn native_edge(&mut self, _: EdgeName, _: Address) {
        self.edges += 1;
    }
}

pub(super) fn page_of(address: Address) -> Address {
    address >> (WORD_BITS + 3) << (WORD_BITS + 3)
}

pub(super) fn object_id(page_number: u32, address: Address) -> u64 {
    let word = address >> 3 & ((1 << WORD_BITS) - 1);
    u64::from(page_number) << WORD_BITS | word
}
