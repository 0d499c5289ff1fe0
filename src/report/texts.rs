//! Which strings of the table are the same. V8 writes each text once, our own writer may write one more than once.

use crate::snapshot::reader::Strings;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::hash::BuildHasher;

/// For each string the first one of the same text.
pub struct Texts {
    first: Vec<u32>,
}

impl Texts {
    /// Compares all strings.
    pub fn of(strings: &Strings) -> Texts {
        let mut known: FxHashMap<u64, u32> = FxHashMap::default();
        let first = (0..strings.len() as u32).map(|index| {
            let text = strings.escaped(index);
            let same = *known.entry(FxBuildHasher.hash_one(text)).or_insert(index);
            if strings.escaped(same) == text {
                same
            } else {
                index
            }
        });
        Texts {
            first: first.collect(),
        }
    }

    /// The first string of the same text.
    #[inline]
    pub fn first(&self, index: u32) -> u32 {
        self.first.get(index as usize).copied().unwrap_or(index)
    }

    /// The first string of this text.
    pub fn find(&self, strings: &Strings, text: &str) -> Option<u32> {
        let indexes = 0..strings.len() as u32;
        indexes
            .filter(|&index| self.first(index) == index)
            .find(|&index| strings.escaped(index) == text.as_bytes())
    }
}
