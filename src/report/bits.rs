//! A set of small numbers.

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
