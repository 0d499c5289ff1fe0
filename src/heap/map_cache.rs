//! What is remembered of maps, and of other objects that many refer to: a table of fixed size in which the newest replaces
//! what has the same place.

use super::memory::Address;

const BITS: u32 = 10;

/// A value for each of the maps seen lately.
pub struct MapCache<T> {
    entries: Box<[Option<(Address, T)>]>,
}

impl<T> MapCache<T> {
    /// Nothing remembered.
    pub fn new() -> MapCache<T> {
        MapCache {
            entries: (0..1 << BITS).map(|_| None).collect(),
        }
    }

    /// What is remembered of `map`.
    #[inline]
    pub fn get(&self, map: Address) -> Option<&T> {
        match &self.entries[place(map)] {
            Some((remembered, value)) if *remembered == map => Some(value),
            _ => None,
        }
    }

    /// What is remembered of `map`, to be changed.
    #[inline]
    pub fn get_mut(&mut self, map: Address) -> Option<&mut T> {
        match &mut self.entries[place(map)] {
            Some((remembered, value)) if *remembered == map => Some(value),
            _ => None,
        }
    }

    /// Remembers `value`; gives what it replaces, with its map.
    pub fn insert(&mut self, map: Address, value: T) -> Option<(Address, T)> {
        self.entries[place(map)].replace((map, value))
    }

    /// Forgets everything, and gives it.
    pub fn drain(&mut self) -> impl Iterator<Item = (Address, T)> {
        self.entries.iter_mut().filter_map(Option::take)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.fill_with(|| None);
    }
}

impl<T> Default for MapCache<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[inline]
fn place(map: Address) -> usize {
    ((map >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - BITS)) as usize
}
