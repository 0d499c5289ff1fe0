//! The nodes of the file.

use super::Export;
use crate::heap::describe::NodeName;
use crate::heap::layout::kind::Kind;
use crate::heap::map_cache::MapCache;
use crate::heap::memory::Address;
use crate::heap::object::Object;
use crate::heap::page_numbers::PageNumbers;
use crate::heap::pages::{Page, WORD_BITS};
use crate::heap::self_size::self_size;
use crate::snapshot::NodeType;
use crate::snapshot::chunk::ChunkOutput;
use crate::snapshot::row::Text;
use crate::snapshot::writer::Node;
use std::io;

/// The name of the nodes of array buffers' memory.
pub(super) const BACKING_STORE: &str = "system / JSArrayBufferData";

impl<'m, W: ChunkOutput> Export<'_, 'm, W> {
    pub(super) fn nodes(&mut self, page_numbers: PageNumbers<'_>) -> io::Result<()> {
        self.synthetic_nodes();
        let graph = self.graph;
        let mut texts = MapCache::new();
        let mut rank = 0u32;
        for page in graph.pages.iter() {
            let page_number = page_numbers.number_of(page.start());
            for address in page.marked() {
                let id = object_id(page_number, address);
                match graph.object_on(page, address) {
                    Some(object) => self.node(rank, id, page, &object, &mut texts),
                    None => self.lost_node(rank, id),
                }
                rank += 1;
            }
            self.writer.check()?;
        }
        self.native_nodes(page_numbers);
        self.writer.check()
    }

    /// `texts` are what the nodes of [descriptive parts](crate::heap::graph::Graph::descriptive_part) begin with.
    #[inline]
    fn node(
        &mut self,
        rank: u32,
        id: u64,
        page: &Page,
        object: &Object<'m>,
        texts: &mut MapCache<Text>,
    ) {
        let is_like_others = self.census.notes().is_unremarkable(rank);
        let part = self.graph.descriptive_part(object);
        let known = texts.get(part).copied().filter(|_| is_like_others);
        let text = known.unwrap_or_else(|| {
            let text = self.type_and_name_text(rank, object);
            if is_like_others && self.describer.holds_for_part(object) {
                texts.insert(part, text);
            }
            text
        });
        let self_size = self_size(self.graph.layout(), page, object);
        let edge_count = self.edge_count(rank, object);
        self.writer.node_of(&text, id, self_size, edge_count);
    }

    /// The node of what ceased to be an object after it was marked.
    fn lost_node(&mut self, rank: u32, id: u64) {
        let name = self.name_number("");
        self.writer.node(Node {
            node_type: NodeType::Hidden,
            name,
            id,
            self_size: 0,
            edge_count: self.census.notes().edges(rank).unwrap_or(0)
                + self.census.ephemerons_of_key(rank).len() as u64,
        });
    }

    /// The memory of array buffers.
    fn native_nodes(&mut self, page_numbers: PageNumbers<'_>) {
        let name = self.name_number(BACKING_STORE);
        for store in self.backing_stores.iter() {
            // The word behind the owner's first is never an object's first.
            let id = object_id(
                page_numbers.number_of(page_of(store.owner)),
                store.owner + 8,
            );
            self.writer.node(Node {
                node_type: NodeType::Native,
                name,
                id,
                self_size: store.length,
                edge_count: 0,
            });
        }
    }

    fn type_and_name_text(&mut self, rank: u32, object: &Object<'m>) -> Text {
        let (node_type, name) = self.type_and_name(rank, object);
        let name = if let Some(group) = self.census.notes().string_group(rank) {
            let passed = &mut self.strings_passed[group as usize];
            *passed += 1;
            self.strings.of_heap_string(group, *passed - 1)
        } else {
            self.node_name_number(name)
        };
        self.writer.node_text(node_type, name)
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

    #[inline]
    fn edge_count(&mut self, rank: u32, object: &Object<'m>) -> u64 {
        let mut count = match self.census.notes().edges(rank) {
            Some(count) => count,
            None => self.edge_counter.count(object),
        };
        if self.census.notes().is_special(rank) {
            count += self.census.ephemerons_of_key(rank).len() as u64;
        }
        if object.kind() == Kind::EphemeronHashTable {
            count += self.pairs_of_table(rank, object).len() as u64;
        }
        count
    }
}

pub(super) fn page_of(address: Address) -> Address {
    address >> (WORD_BITS + 3) << (WORD_BITS + 3)
}

pub(super) fn object_id(page_number: u32, address: Address) -> u64 {
    let word = address >> 3 & ((1 << WORD_BITS) - 1);
    u64::from(page_number) << WORD_BITS | word
}
