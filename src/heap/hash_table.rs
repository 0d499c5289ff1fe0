//! The entries of V8's hash tables, src/objects/hash-table.h. What the slots of an entry mean is known to those who ask.

use super::object::Object;
use super::tagged::Tagged;

/// A hash table's entries: `src/objects/hash-table.h`. Three elements of counts, a prefix, then entries.
pub struct HashTable<'a, 'm> {
    object: &'a Object<'m>,
    first: u64,
    entry_size: u64,
    capacity: u64,
}

impl<'a, 'm> HashTable<'a, 'm> {
    /// The table in `object`, whose entries of `entry_size` slots begin with element `prefix`.
    pub fn new(object: &'a Object<'m>, prefix: u64, entry_size: u64) -> HashTable<'a, 'm> {
        let first = Self::element_offset(prefix);
        // The capacity is the third element; a wrong one cannot lead beyond the object.
        let room = object.size().saturating_sub(first) / (8 * entry_size);
        let capacity = object.tagged(Self::element_offset(2)).length().min(room);
        HashTable {
            object,
            first,
            entry_size,
            capacity,
        }
    }

    /// The offset of the array's element of that index.
    pub fn element_offset(index: u64) -> u64 {
        16 + 8 * index
    }

    /// For each entry the index of its first element, and a function from element number to value.
    pub fn entries(&self) -> impl Iterator<Item = HashTableEntry<'a, 'm>> + '_ {
        (0..self.capacity).map(|entry| HashTableEntry {
            object: self.object,
            offset: self.first + 8 * self.entry_size * entry,
        })
    }
}

/// One entry, used or not.
pub struct HashTableEntry<'a, 'm> {
    object: &'a Object<'m>,
    offset: u64,
}

impl HashTableEntry<'_, '_> {
    /// The value of the entry's slot of that number.
    pub fn slot(&self, number: u64) -> Tagged {
        self.object.tagged(self.offset + 8 * number)
    }

    /// The index of the entry's first slot among the array's elements.
    pub fn element(&self) -> u64 {
        (self.offset - 16) / 8
    }
}
