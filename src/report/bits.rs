//! A set of small numbers.

use std::ops::Range;

/// One bit a number.
pub struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// The empty set of numbers below `count`.
    pub fn new(count: usize) -> Bits {
        Bits {
            words: vec![0; count.div_ceil(64)],
        }
    }

    /// Those of `numbers` that `is_in` takes, which is asked in their order. The first is a multiple of 64, and stands for 0.
    pub fn of(numbers: Range<u32>, mut is_in: impl FnMut(u32) -> bool) -> Bits {
        let end = numbers.end;
        let word = |first: u32| {
            let of_word = first..end.min(first.saturating_add(64));
            of_word.fold(0, |word, number| {
                word | u64::from(is_in(number)) << (number % 64)
            })
        };
        Bits {
            words: numbers.step_by(64).map(word).collect(),
        }
    }

    /// Adds a set of higher numbers: its 0 stands for the bound of this set, a multiple of 64.
    pub fn append(&mut self, other: Bits) {
        self.words.extend(other.words);
    }

    /// Whether the number is in the set; false beyond its bound.
    #[inline]
    pub fn contains(&self, number: u32) -> bool {
        self.words
            .get(number as usize / 64)
            .is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Puts the number into the set. False if it was there.
    #[inline]
    pub fn insert(&mut self, number: u32) -> bool {
        let word = &mut self.words[number as usize / 64];
        let bit = 1 << (number % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Takes the number out of the set.
    #[inline]
    pub fn remove(&mut self, number: u32) {
        self.words[number as usize / 64] &= !(1 << (number % 64));
    }
}
