//! What the census remembers of each node, in half a byte: the number of edges of a node that is as its map says, or else in
//! which way it is not. What both lends and is lent something is rare and stands in a table. It knows nodes by rank alone.

use rustc_hash::FxHashMap;

/// The node is as its map says and has more edges than fit here. Smaller notes are the number of edges.
const MANY_EDGES: u8 = 10;
const STRING: u8 = 11;
const KEY: u8 = 12;
const ELEMENTS: u8 = 13;
const PROPERTIES: u8 = 14;
const SPECIAL: u8 = 15;

/// Strings are numbered in two groups, so that what many edges are called has a short number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringGroup {
    /// Keys of properties, names of constructors, and texts that V8 makes up too.
    Key,
    /// All others.
    Other,
}

/// What an object keeps in a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// Its elements.
    Elements,
    /// Its properties.
    Properties,
}

/// One note for each node.
pub struct Notes {
    /// The note of an even rank is in the lower half.
    notes: Vec<u8>,
    /// What a special node is besides.
    besides: FxHashMap<u32, u8>,
}

impl Notes {
    /// Notes of `count` nodes, of which nothing is known.
    pub fn new(count: u32) -> Notes {
        Notes {
            notes: vec![0; (count as usize).div_ceil(2)],
            besides: FxHashMap::default(),
        }
    }

    /// Notes the number of edges; of a remarkable node it is not kept.
    #[inline]
    pub fn set_edges(&mut self, rank: u32, edges: u64) {
        if self.at(rank) < STRING {
            self.put(rank, edges.min(u64::from(MANY_EDGES)) as u8);
        }
    }

    /// The node is a string whose text is an entry of its own.
    pub fn set_string(&mut self, rank: u32) {
        self.set(rank, STRING);
    }

    /// Edges or nodes are called by the string. What is no string stays as it is.
    pub fn set_key(&mut self, rank: u32) {
        if self.besides_special(rank) == STRING {
            self.set(rank, KEY);
        }
    }

    /// An object keeps its elements or properties in the node. A string keeps nothing, and elements come first.
    #[inline]
    pub fn set_storage(&mut self, rank: u32, storage: Storage) {
        let known = self.besides_special(rank);
        match storage {
            Storage::Elements if known != STRING && known != KEY => self.set(rank, ELEMENTS),
            Storage::Properties if known < STRING => self.set(rank, PROPERTIES),
            _ => {}
        }
    }

    /// The node is in the tables of the census.
    pub fn set_special(&mut self, rank: u32) {
        let known = self.at(rank);
        if known != SPECIAL {
            self.put(rank, SPECIAL);
            if known >= STRING {
                self.besides.insert(rank, known);
            }
        }
    }

    /// The number of edges, if it is known.
    #[inline]
    pub fn edges(&self, rank: u32) -> Option<u64> {
        let note = self.at(rank);
        (note < MANY_EDGES).then_some(u64::from(note))
    }

    /// Whether the node is as its map says: it has no text of its own and no other object lends it anything.
    #[inline]
    pub fn is_unremarkable(&self, rank: u32) -> bool {
        self.at(rank) <= MANY_EDGES
    }

    /// Whether the node is in the tables of the census.
    #[inline]
    pub fn is_special(&self, rank: u32) -> bool {
        self.at(rank) == SPECIAL
    }

    /// The group of the node's string, if it is a string that the file holds.
    #[inline]
    pub fn string_group(&self, rank: u32) -> Option<StringGroup> {
        match self.besides_special(rank) {
            STRING => Some(StringGroup::Other),
            KEY => Some(StringGroup::Key),
            _ => None,
        }
    }

    /// What an object keeps in the node.
    #[inline]
    pub fn storage(&self, rank: u32) -> Option<Storage> {
        match self.besides_special(rank) {
            ELEMENTS => Some(Storage::Elements),
            PROPERTIES => Some(Storage::Properties),
            _ => None,
        }
    }

    #[inline]
    fn besides_special(&self, rank: u32) -> u8 {
        match self.at(rank) {
            SPECIAL => self.besides.get(&rank).copied().unwrap_or(MANY_EDGES),
            note => note,
        }
    }

    fn set(&mut self, rank: u32, note: u8) {
        if self.at(rank) == SPECIAL {
            self.besides.insert(rank, note);
        } else {
            self.put(rank, note);
        }
    }

    /// There is no note beyond the last node's.
    #[inline]
    fn at(&self, rank: u32) -> u8 {
        let both = self.notes.get(rank as usize / 2).copied().unwrap_or(0);
        both >> (rank % 2 * 4) & 0xf
    }

    #[inline]
    fn put(&mut self, rank: u32, note: u8) {
        if let Some(both) = self.notes.get_mut(rank as usize / 2) {
            let shift = rank % 2 * 4;
            *both = *both & !(0xf << shift) | note << shift;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_do_not_disturb_each_other() {
        let mut notes = Notes::new(3);
        notes.set_edges(0, 9);
        notes.set_string(1);
        notes.set_edges(2, 3);
        assert_eq!((notes.edges(0), notes.edges(2)), (Some(9), Some(3)));
        assert_eq!(notes.string_group(1), Some(StringGroup::Other));
        assert!(notes.is_unremarkable(0) && !notes.is_unremarkable(1));
    }

    #[test]
    fn many_edges_are_not_remembered() {
        let mut notes = Notes::new(1);
        notes.set_edges(0, 10);
        assert_eq!(notes.edges(0), None);
        assert!(notes.is_unremarkable(0));
    }

    #[test]
    fn what_was_noted_before_the_edges_stays() {
        let mut notes = Notes::new(1);
        notes.set_storage(0, Storage::Properties);
        notes.set_edges(0, 2);
        assert_eq!(notes.storage(0), Some(Storage::Properties));
        assert_eq!(notes.edges(0), None);
    }

    #[test]
    fn elements_come_before_properties_and_a_string_keeps_nothing() {
        let mut notes = Notes::new(2);
        notes.set_storage(0, Storage::Properties);
        notes.set_storage(0, Storage::Elements);
        notes.set_storage(0, Storage::Properties);
        assert_eq!(notes.storage(0), Some(Storage::Elements));
        notes.set_string(1);
        notes.set_storage(1, Storage::Elements);
        assert_eq!(notes.storage(1), None);
    }

    #[test]
    fn a_special_node_is_still_what_it_was_and_what_it_becomes() {
        let mut notes = Notes::new(3);
        notes.set_string(0);
        notes.set_special(0);
        notes.set_key(0);
        assert_eq!(notes.string_group(0), Some(StringGroup::Key));
        notes.set_special(1);
        notes.set_storage(1, Storage::Elements);
        assert_eq!(notes.storage(1), Some(Storage::Elements));
        notes.set_special(2);
        notes.set_edges(2, 1);
        assert_eq!((notes.edges(2), notes.storage(2)), (None, None));
        assert!((0..3).all(|rank| notes.is_special(rank)));
    }

    #[test]
    fn a_rank_beyond_the_last_node_has_no_note() {
        let mut notes = Notes::new(2);
        notes.set_special(7);
        assert!(!notes.is_special(7) && notes.is_unremarkable(7));
    }
}
