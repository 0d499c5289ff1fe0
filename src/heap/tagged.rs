//! A tagged word: a Smi in the upper half, a strong pointer (01), a weak one (11). src/common/globals.h; the tagged size is 8.

use super::memory::Address;

/// A slot's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tagged(pub u64);

const TAG_MASK: u64 = 3;
const STRONG_TAG: u64 = 1;
const WEAK_TAG: u64 = 3;
/// The lower half of a weak slot whose target was collected. src/common/globals.h, kClearedWeakHeapObjectLower32.
const CLEARED: u32 = 3;

impl Tagged {
    /// The target, whether held strongly or weakly.
    #[inline]
    pub fn target(self) -> Option<Address> {
        let points = self.0 & STRONG_TAG != 0 && self.0 as u32 != CLEARED;
        points.then_some(self.0 & !TAG_MASK)
    }

    /// The target, if held strongly.
    #[inline]
    pub fn strong(self) -> Option<Address> {
        (self.0 & TAG_MASK == STRONG_TAG).then_some(self.0 & !TAG_MASK)
    }

    /// Whether the target is held weakly.
    #[inline]
    pub fn is_weak(self) -> bool {
        self.0 & TAG_MASK == WEAK_TAG
    }

    /// The small integer.
    #[inline]
    pub fn smi(self) -> Option<i32> {
        (self.0 & 1 == 0).then_some((self.0 >> 32) as i32)
    }

    /// The small integer, or 0 where there is none or it is negative: for lengths.
    #[inline]
    pub fn length(self) -> u64 {
        self.smi().map_or(0, |value| value.max(0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_says_what_a_word_is() {
        assert_eq!(Tagged(7 << 32).smi(), Some(7));
        assert_eq!(Tagged((-7i64 as u64) << 32).smi(), Some(-7));
        assert_eq!(Tagged((-7i64 as u64) << 32).length(), 0);
        assert_eq!(
            (Tagged(0x1001).strong(), Tagged(0x1001).target()),
            (Some(0x1000), Some(0x1000))
        );
        assert_eq!(
            (Tagged(0x1003).strong(), Tagged(0x1003).target()),
            (None, Some(0x1000))
        );
        assert_eq!(Tagged(0x1003).smi(), None);
    }

    #[test]
    fn a_cleared_weak_word_points_nowhere() {
        assert_eq!(Tagged(0x1234_0000_0003).target(), None);
    }
}
