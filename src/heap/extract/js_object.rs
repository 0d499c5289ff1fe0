//! The edges of JavaScript's objects that differ among the objects of a map: properties in a dictionary, elements, memory.
//! `ExtractPropertyReferences` and `ExtractElementReferences`.

use super::plan::{accessor_edges, property_edge_type};
use super::{EdgeName, EdgeSink, Extraction};
use crate::heap::graph::Graph;
use crate::heap::hash_table::HashTable;
use crate::heap::layout::kind::Kind;
use crate::heap::memory::Address;
use crate::heap::object::Object;
use crate::heap::properties::{JS_ELEMENTS, Property};
use crate::heap::tagged::Tagged;
use crate::snapshot::EdgeType;

const JS_ARRAY_LENGTH: u64 = 24;
const PACKED_ELEMENTS: u8 = 2;
const HOLEY_ELEMENTS: u8 = 3;
const NUMBER_DICTIONARY_PREFIX: u64 = 4;

impl<'m, S: EdgeSink> Extraction<'_, 'm, S> {
    pub(super) fn dictionary(&mut self) {
        let graph = self.graph;
        graph.find_own_property(self.object, |property| {
            let edge_type = property_edge_type(graph, property.key);
            if property.is_accessor {
                self.accessor(edge_type, property);
            } else {
                self.property(edge_type, property.key, property.value, property.offset);
            }
            false
        });
    }

    /// `SetPropertyReference`.
    pub(super) fn property(
        &mut self,
        edge_type: EdgeType,
        key: Address,
        value: Tagged,
        offset: Option<u64>,
    ) {
        let Some(target) = value.target() else { return };
        self.sink.edge(edge_type, EdgeName::Key(key), target);
        if let Some(offset) = offset {
            self.visit(offset);
        }
    }

    pub(super) fn accessor(&mut self, edge_type: EdgeType, property: Property) {
        for (name, target) in accessor_edges(self.graph, property.key, property.value) {
            self.sink.edge(edge_type, name, target);
        }
        if let Some(offset) = property.offset {
            self.visit(offset);
        }
    }

    pub(super) fn backing_store(&mut self) {
        let buffer = &self.graph.layout().buffer;
        let memory = self.object.view().word(u64::from(buffer.backing_store));
        if memory != 0 {
            self.sink
                .native_edge(EdgeName::Name(self.names.backing_store), memory);
        }
    }

    pub(super) fn elements(&mut self) {
        let kind = self.object.shape.elements_kind();
        let Some(elements) = self.object.pointer(JS_ELEMENTS) else {
            return;
        };
        if kind == PACKED_ELEMENTS || kind == HOLEY_ELEMENTS {
            if self.graph.well_known.is_essential(elements)
                && let Some(elements) = self.graph.object(elements)
            {
                self.fast_elements(&elements);
            }
        } else if kind == self.graph.layout().properties.dictionary_elements
            && let Some(dictionary) = self
                .graph
                .object(elements)
                .filter(|found| found.kind() == Kind::NumberDictionary)
        {
            for entry in HashTable::new(&dictionary, NUMBER_DICTIONARY_PREFIX, 3).entries() {
                let key = entry.slot(0);
                if let (true, Some(target)) = (self.graph.is_key(key), entry.slot(1).target())
                    && let Some(index) = element_index(self.graph, key)
                {
                    let index = self.graph.shown_index(index);
                    self.sink
                        .edge(EdgeType::Element, EdgeName::Index(index), target);
                }
            }
        }
    }

    fn fast_elements(&mut self, elements: &Object<'m>) {
        let mut length = elements.tagged(8).length();
        if self.object.kind() == Kind::JsArray {
            length = length.min(self.object.tagged(JS_ARRAY_LENGTH).length());
        }
        for index in 0..length {
            if let Some(target) = elements.tagged(16 + 8 * index).target()
                && target != self.graph.well_known.the_hole
            {
                self.sink
                    .edge(EdgeType::Element, EdgeName::Index(index as u32), target);
            }
        }
    }
}

/// The number that a key of a dictionary of elements is.
fn element_index(graph: &Graph, key: Tagged) -> Option<u32> {
    match key.smi() {
        Some(index) => u32::try_from(index).ok(),
        None => {
            let number = graph
                .object(key.target()?)
                .filter(|object| object.kind() == Kind::HeapNumber)?;
            Some(f64::from_bits(number.view().word(8)) as u32)
        }
    }
}
