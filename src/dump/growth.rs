//! How fast a control group uses its memory up, by looks at it that come at any time. Pure: the clock is the caller's.

use std::time::{Duration, Instant};

/// The kernel charges in batches: what is seen between two nearer looks tells little.
const LEAST_SPAN: Duration = Duration::from_millis(10);

/// What was in use at a time, in bytes.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Instant,
    used: u64,
}

/// The looks that the growth is told by.
#[derive(Debug, Default)]
pub struct Growth {
    /// At least [`LEAST_SPAN`] before `newer`.
    older: Option<Look>,
    newer: Option<Look>,
}

impl Growth {
    /// Takes note of the bytes in use, and tells how many more there were a millisecond later of late. 0 until that is known, and
    /// where they are less.
    pub fn note(&mut self, at: Instant, used: u64) -> u64 {
        let look = Look { at, used };
        let is_due = |newer: Look| at.duration_since(newer.at) >= LEAST_SPAN;
        if self.newer.is_none_or(is_due) {
            self.older = self.newer.replace(look);
        }
        self.older.map_or(0, |older| {
            let milliseconds = at.duration_since(older.at).as_millis() as u64;
            used.saturating_sub(older.used) / milliseconds.max(1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the last of these looks tells: milliseconds and bytes in use.
    fn growth(looks: &[(u64, u64)]) -> u64 {
        let start = Instant::now();
        let mut growth = Growth::default();
        let tell = |&(at, used)| growth.note(start + Duration::from_millis(at), used);
        looks.iter().map(tell).last().unwrap()
    }

    #[test]
    fn two_looks_that_are_far_enough_from_each_other_tell_the_growth() {
        assert_eq!(growth(&[(0, 100)]), 0);
        assert_eq!(growth(&[(0, 100), (9, 1000)]), 0);
        assert_eq!(growth(&[(0, 100), (10, 1000)]), 90);
    }

    #[test]
    fn what_is_long_past_tells_nothing_of_now() {
        assert_eq!(
            growth(&[(0, 0), (10, 10_000), (20, 10_000), (30, 10_000)]),
            0
        );
        assert_eq!(growth(&[(0, 0), (1000, 0), (1010, 100), (1015, 150)]), 10);
    }

    #[test]
    fn a_group_that_shrinks_does_not_grow() {
        assert_eq!(growth(&[(0, 1000), (10, 500)]), 0);
    }
}
