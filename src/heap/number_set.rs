//! A set of numbers that are mostly small and dense, and which of them a number is: the smallest, the second, and so on.

/// One rank is kept for so many words of bits.
const WORDS_PER_RANK: usize = 8;

/// Numbers: one bit for each up to the largest.
#[derive(Debug, Default)]
pub struct NumberSet {
    words: Vec<u64>,
    /// How many numbers are in the words before each group of [`WORDS_PER_RANK`].
    ranks: Vec<u32>,
    length: u32,
    /// All numbers below this one are in the set.
    gapless: u32,
}

impl NumberSet {
    /// Adds a number.
    #[inline]
    pub fn insert(&mut self, number: u32) {
        let (word, bit) = place(number);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= bit;
    }

    /// Counts the numbers, after which [`NumberSet::len`] and [`NumberSet::position`] tell.
    pub fn rank(&mut self) {
        self.length = 0;
        self.ranks.clear();
        let full = self.words.iter().take_while(|&&word| word == u64::MAX);
        self.gapless = 64 * full.count() as u32;
        for words in self.words.chunks(WORDS_PER_RANK) {
            self.ranks.push(self.length);
            self.length += words.iter().map(|word| word.count_ones()).sum::<u32>();
        }
    }

    /// The number of numbers.
    pub fn len(&self) -> u32 {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many smaller numbers are in the set.
    #[inline]
    pub fn position(&self, number: u32) -> u32 {
        if number < self.gapless {
            return number;
        }
        let (word, bit) = place(number);
        let first = word - word % WORDS_PER_RANK;
        let Some(words) = self.words.get(first..=word) else {
            return self.length;
        };
        let before = words[..word - first].iter();
        self.ranks[first / WORDS_PER_RANK]
            + before.map(|word| word.count_ones()).sum::<u32>()
            + (words[word - first] & (bit - 1)).count_ones()
    }

    /// All numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let words = self.words.iter().enumerate();
        words.flat_map(|(index, &word)| {
            let bits = (0..64).filter(move |bit| word >> bit & 1 == 1);
            bits.map(move |bit| index as u32 * 64 + bit)
        })
    }
}

#[inline]
fn place(number: u32) -> (usize, u64) {
    (number as usize / 64, 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_position_at_which_it_comes() {
        let gapless = 0..200;
        let numbers: Vec<u32> = gapless.chain([201, 511, 512, 513, 70_000]).collect();
        let mut set = NumberSet::default();
        numbers
            .iter()
            .rev()
            .chain(&numbers)
            .for_each(|&number| set.insert(number));
        set.rank();
        assert!(set.iter().eq(numbers.iter().copied()));
        assert_eq!(set.len(), numbers.len() as u32);
        for (position, &number) in numbers.iter().enumerate() {
            assert_eq!(set.position(number), position as u32);
        }
    }
}
