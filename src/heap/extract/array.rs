//! The edges of arrays, whose elements are called by their number, and of tables of ephemerons.

use super::{EdgeName, EdgeSink, Extraction};
use crate::heap::hash_table::HashTable;
use crate::heap::layout::kind::Kind;
use crate::heap::properties::HASH_TABLE_PREFIX;
use crate::snapshot::EdgeType;

impl<S: EdgeSink> Extraction<'_, '_, S> {
    /// `ExtractFixedArrayReferences`, `ExtractWeakArrayReferences`: all elements from `first` on, by number.
    pub(super) fn array(&mut self, first: u64) {
        let end = match self.object.kind() {
            // Only as many as are in use.
            Kind::WeakArrayList => {
                (first + 8 * self.object.tagged(16).length()).min(self.object.size())
            }
            _ => self.object.size(),
        };
        for (index, offset) in (first..end).step_by(8).enumerate() {
            let value = self.object.tagged(offset);
            let Some(target) = value.target().filter(|&target| self.is_essential(target)) else {
                continue;
            };
            let edge_type = if value.is_weak() {
                EdgeType::Weak
            } else {
                EdgeType::Internal
            };
            self.sink
                .edge(edge_type, EdgeName::Decimal(index as u32), target);
        }
    }

    pub(super) fn ephemerons(&mut self) {
        for entry in HashTable::new(self.object, HASH_TABLE_PREFIX, 2).entries() {
            for slot in 0..2 {
                let Some(target) = entry
                    .slot(slot)
                    .target()
                    .filter(|&target| self.is_essential(target))
                else {
                    continue;
                };
                let index = (entry.element() + slot) as u32;
                self.sink
                    .edge(EdgeType::Weak, EdgeName::Decimal(index), target);
            }
        }
    }
}
