//! Which strings of the table are the same. V8 writes each text once, our own writer may write one more than once.

use super::bits::Bits;
use crate::snapshot::reader::Strings;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::hash::BuildHasher;

/// For each string the first one of the same text.
pub struct Texts {
    first: Vec<u32>,
}

impl Texts {
    /// Compares all strings. Nearly all texts are there once, which two bits for each part of the range of hashes tell with
    /// less memory, and less waiting for it, than a table of all hashes; only the rest is put into one.
    pub fn of(strings: &Strings) -> Texts {
        let hash_of = |index: u32| FxBuildHasher.hash_one(strings.escaped(index));
        let parts = (PARTS_PER_STRING * strings.len().max(1)).next_power_of_two();
        let shift = 32 - parts.trailing_zeros().min(32);
        let mut seen = Bits::new(parts);
        let mut is_repeated = Bits::new(parts);
        let mut first: Vec<u32> = Vec::with_capacity(strings.len());
        for index in 0..strings.len() as u32 {
            let part = (hash_of(index) >> 32) as u32 >> shift;
            if !seen.insert(part) {
                is_repeated.insert(part);
            }
            first.push(part);
        }
        drop(seen);
        let mut known: FxHashMap<u64, u32> = FxHashMap::default();
        for (index, first) in (0..).zip(&mut first) {
            if !is_repeated.contains(*first) {
                *first = index;
                continue;
            }
            let same = *known.entry(hash_of(index)).or_insert(index);
            let is_same = strings.escaped(same) == strings.escaped(index);
            *first = if is_same { same } else { index };
        }
        Texts { first }
    }

    /// The first string of the same text.
    #[inline]
    pub fn first(&self, index: u32) -> u32 {
        self.first.get(index as usize).copied().unwrap_or(index)
    }

    /// The first string of this text.
    pub fn find(&self, strings: &Strings, text: &str) -> Option<u32> {
        (0..strings.len() as u32).find(|&index| strings.escaped(index) == text.as_bytes())
    }
}

/// So many that few texts share one by chance.
const PARTS_PER_STRING: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::NodeType;
    use crate::snapshot::reader::sample::Sample;

    #[test]
    fn strings_of_one_text_have_the_same_first_one() {
        let mut strings = Strings::new(None);
        for text in (0..1000).chain((0..1000).step_by(3)) {
            strings.push(format!("text {text}").as_bytes(), 0);
        }
        let texts = Texts::of(&strings);
        for index in 0..1000 {
            assert_eq!(texts.first(index), index);
        }
        for index in 1000..strings.len() as u32 {
            assert_eq!(texts.first(index), 3 * (index - 1000));
        }
    }

    #[test]
    fn a_heap_without_strings_has_no_texts() {
        let mut sample = Sample::with_root();
        sample.node(NodeType::Object, "Object", 10);
        let graph = sample.build();
        let texts = Texts::of(&Strings::default());
        assert_eq!(
            (texts.first(3), texts.find(graph.strings(), "none")),
            (3, None)
        );
    }
}
