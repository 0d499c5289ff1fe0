//! The most recent mark-compacts of one isolate, kept for the person who reads the post-mortem.
//!
//! The garbage collector's callback writes, any thread reads; there is no lock, so a reader may see one entry while it is
//! being replaced. That costs a wrong line in a log, never a crash.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many collections are remembered.
pub const REMEMBERED: usize = 20;

/// What a mark-compact left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collection {
    /// Milliseconds since the watch began.
    pub at_ms: u64,
    /// Bytes of the old generation in use afterwards.
    pub used: u64,
}

#[derive(Default)]
struct Slot {
    at_ms: AtomicU64,
    used: AtomicU64,
}

/// A ring of the last [`REMEMBERED`] collections.
#[derive(Default)]
pub struct Collections {
    slots: [Slot; REMEMBERED],
    count: AtomicU64,
}

impl Collections {
    /// Remembers one more. Called by the isolate's thread alone.
    pub fn record(&self, collection: Collection) {
        let count = self.count.load(Ordering::Relaxed);
        let slot = &self.slots[count as usize % REMEMBERED];
        slot.at_ms.store(collection.at_ms, Ordering::Relaxed);
        slot.used.store(collection.used, Ordering::Relaxed);
        self.count.store(count + 1, Ordering::Release);
    }

    /// How many mark-compacts there have been.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// The remembered ones, oldest first.
    pub fn recent(&self) -> Vec<Collection> {
        let count = self.count();
        let oldest = count.saturating_sub(REMEMBERED as u64);
        (oldest..count)
            .map(|index| {
                let slot = &self.slots[index as usize % REMEMBERED];
                Collection {
                    at_ms: slot.at_ms.load(Ordering::Relaxed),
                    used: slot.used.load(Ordering::Relaxed),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(count: u64) -> Collections {
        let collections = Collections::default();
        for n in 0..count {
            collections.record(Collection {
                at_ms: n,
                used: n * 1000,
            });
        }
        collections
    }

    #[test]
    fn a_new_ring_is_empty() {
        assert_eq!(recorded(0).recent(), []);
    }

    #[test]
    fn collections_come_back_oldest_first() {
        let recent = recorded(2).recent();
        assert_eq!(
            recent,
            [
                Collection { at_ms: 0, used: 0 },
                Collection {
                    at_ms: 1,
                    used: 1000
                }
            ]
        );
    }

    #[test]
    fn only_the_last_twenty_are_kept() {
        let recent = recorded(45).recent();
        assert_eq!(recent.len(), REMEMBERED);
        assert_eq!(recent.first().map(|collection| collection.at_ms), Some(25));
        assert_eq!(recent.last().map(|collection| collection.at_ms), Some(44));
    }
}
