//! How far the heap limit may be raised so that a process outlives its dump. Pure policy; the callback applies it.

const MB: u64 = 1 << 20;

/// What the limit has above the heap after a raise: enough for V8 to go on, small enough to stay close to what is needed.
const STEP: u64 = 64 * MB;

/// What the limit may grow by in all, unless the limit itself is larger.
const LEAST_CEILING: u64 = 512 * MB;

/// What V8 gets when the watch steps aside: room to come back and ask the next callback, or to fail in its own words.
const SLACK: u64 = 4 * MB;

/// The raises granted to one isolate.
#[derive(Debug, Default, Clone, Copy)]
pub struct Extension {
    granted: u64,
}

impl Extension {
    /// The raised limit for a heap that is at `current`, began with `initial` and has `committed` (bytes), or `None` when the
    /// ceiling is reached and the process must be let go. V8 asks once and ends the process unless what is committed then
    /// fits, and one array may have taken the heap far above its limit: V8 admits the first large young object whatever its
    /// size (`NewLargeObjectSpace::AllocateRaw`, `Heap::CollectGarbage`; V8 10.2 to 14.6).
    pub fn raise(&mut self, current: u64, initial: u64, committed: u64) -> Option<u64> {
        let ceiling = LEAST_CEILING.max(initial);
        let overshoot = committed.saturating_sub(current);
        let raise = (overshoot + STEP).min(ceiling - self.granted);
        if raise == 0 || raise < overshoot {
            return None;
        }
        self.granted += raise;
        Some(current + raise)
    }

    /// Bytes granted so far.
    pub fn granted(&self) -> u64 {
        self.granted
    }
}

/// The limit to leave behind: a little more than the heap has now. Below that V8 would fail at once, and the callback
/// that was installed before ours (Node's terminator of a worker, for one) would never be asked.
pub fn parting_limit(current: u64, committed: u64) -> u64 {
    current.max(committed) + SLACK
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total_raise(initial: u64) -> u64 {
        let mut extension = Extension::default();
        let mut limit = initial;
        while let Some(raised) = extension.raise(limit, initial, limit) {
            limit = raised;
        }
        assert_eq!(limit - initial, extension.granted());
        limit - initial
    }

    #[test]
    fn the_limit_is_raised_by_64_mb_at_a_time() {
        assert_eq!(
            Extension::default().raise(60 * MB, 60 * MB, 59 * MB),
            Some(124 * MB)
        );
    }

    #[test]
    fn a_heap_above_its_limit_gets_64_mb_above_what_it_has() {
        assert_eq!(
            Extension::default().raise(256 * MB, 256 * MB, 351 * MB),
            Some(415 * MB)
        );
    }

    #[test]
    fn the_last_raise_ends_at_the_ceiling() {
        let mut extension = Extension::default();
        assert_eq!(extension.raise(60 * MB, 60 * MB, 540 * MB), Some(572 * MB));
        assert_eq!(extension.raise(572 * MB, 60 * MB, 570 * MB), None);
    }

    #[test]
    fn a_heap_beyond_the_ceiling_is_let_go_with_its_limit_as_it_was() {
        let mut extension = Extension::default();
        assert_eq!(extension.raise(60 * MB, 60 * MB, 573 * MB), None);
        assert_eq!(extension.granted(), 0);
    }

    #[test]
    fn a_small_heap_gets_512_mb_in_all() {
        assert_eq!(total_raise(60 * MB), 512 * MB);
    }

    #[test]
    fn a_large_heap_may_double() {
        assert_eq!(total_raise(4096 * MB), 4096 * MB);
    }

    #[test]
    fn the_parting_limit_leaves_room_above_what_is_committed() {
        assert_eq!(parting_limit(60 * MB, 90 * MB), 94 * MB);
        assert_eq!(parting_limit(124 * MB, 90 * MB), 128 * MB);
    }
}
