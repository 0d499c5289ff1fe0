//! When a dump is made: how full the old generation is, against which limit, and what that calls for.
//!
//! The isolate's thread runs V8's callbacks ([`isolate_watch`]), which only touch the atomics of a [`Watch`] and send an
//! [`Alarm`] when there is something to do. This room must not know how a dump is made.

pub mod limit;

mod collections;
mod dump_stage;
mod extension;
#[cfg(feature = "bench")]
pub mod hook_cost;
mod isolate_watch;
mod node_options;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crossbeam_channel::Sender;

pub use collections::{Collection, Collections};
pub use dump_stage::{DumpStage, Stage};
pub use isolate_watch::IsolateWatch;

/// What is watched and what has been seen: shared by the isolate's thread, the monitor and `status()`.
pub struct Watch {
    /// Node's `threadId` of the isolate, 0 for the main thread.
    pub thread: u32,
    /// How large the old generation may become, in bytes.
    pub limit: u64,
    /// The share of the limit, in percent, above which a dump is made. `None` leaves only the near-heap-limit callback.
    pub threshold: Option<u8>,
    /// The last mark-compacts.
    pub collections: Collections,
    /// How far the dump has come.
    pub dump: DumpStage,
    used: AtomicU64,
    began: Instant,
    alarms: Sender<Alarm>,
    outcome: Mutex<Outcome>,
}

/// What became of an isolate's dumps.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The complete files, oldest first.
    pub files: Vec<PathBuf>,
    /// Why the last dump failed, if it did.
    pub failure: Option<String>,
}

/// What made a dump necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The old generation was above the threshold after a mark-compact.
    Threshold,
    /// V8 is about to give up for lack of memory.
    NearHeapLimit,
}

/// What the isolate's thread tells the monitor.
pub enum Alarm {
    /// A dump is needed, and this alarm is the only one for it.
    Danger {
        /// The isolate's watch.
        watch: Arc<Watch>,
        /// Why.
        cause: Cause,
        /// Bytes of the old generation in use.
        used: u64,
    },
    /// V8 called the near-heap-limit callback. For the debug log.
    NearHeapLimit {
        /// V8's limit at that time, in bytes.
        current_heap_limit: u64,
    },
    /// The limit was raised as far as it may be, and the dump is still not complete: the process is let go.
    GivenUp {
        /// The isolate's watch.
        watch: Arc<Watch>,
        /// Bytes by which the limit was raised.
        granted: u64,
    },
}

impl Watch {
    /// A watch that has seen nothing yet. `limit` in bytes, `threshold` in percent of it.
    pub fn new(thread: u32, limit: u64, threshold: Option<u8>, alarms: Sender<Alarm>) -> Arc<Self> {
        Arc::new(Self {
            thread,
            limit,
            threshold,
            collections: Collections::default(),
            dump: DumpStage::default(),
            used: AtomicU64::new(0),
            began: Instant::now(),
            alarms,
            outcome: Mutex::default(),
        })
    }

    /// Bytes of the old generation in use, as of the last mark-compact.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// What became of the dumps so far.
    pub fn outcome(&self) -> Outcome {
        self.lock_outcome().clone()
    }

    /// A complete snapshot lies in `file`.
    pub fn dump_completed(&self, file: PathBuf) {
        let mut outcome = self.lock_outcome();
        outcome.files.push(file);
        outcome.failure = None;
        self.dump.set(Stage::Complete);
    }

    /// The dump came to nothing for `reason`.
    pub fn dump_failed(&self, reason: String) {
        self.lock_outcome().failure = Some(reason);
        self.dump.set(Stage::Failed);
    }

    fn lock_outcome(&self) -> std::sync::MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what a mark-compact left, in bytes. Runs inside V8: no allocation, no lock.
    fn note_collection(self: &Arc<Self>, used: u64) {
        self.used.store(used, Ordering::Relaxed);
        self.collections.record(Collection {
            at_ms: self.began.elapsed().as_millis() as u64,
            used,
        });
        if exceeds(used, self.limit, self.threshold) && self.dump.claim() {
            self.call_for_dump(Cause::Threshold, used);
        }
    }

    /// Hands a claimed dump to the monitor. The channel has room for every isolate's one alarm; should it be full all the
    /// same, the claim is given back so that the next collection tries again.
    fn call_for_dump(self: &Arc<Self>, cause: Cause, used: u64) {
        let alarm = Alarm::Danger {
            watch: Arc::clone(self),
            cause,
            used,
        };
        if self.alarms.try_send(alarm).is_err() {
            self.dump.set(Stage::Idle);
        }
    }

    fn report(&self, alarm: Alarm) {
        // An alarm that only informs may be dropped: the process has better things to do than to wait for its log.
        let _ = self.alarms.try_send(alarm);
    }
}

/// Whether `used` bytes are above `threshold` percent of `limit`.
fn exceeds(used: u64, limit: u64, threshold: Option<u8>) -> bool {
    threshold
        .is_some_and(|percent| u128::from(used) * 100 > u128::from(limit) * u128::from(percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 1000;

    fn watch(threshold: Option<u8>) -> (Arc<Watch>, crossbeam_channel::Receiver<Alarm>) {
        let (sender, alarms) = crossbeam_channel::bounded(4);
        (Watch::new(0, LIMIT, threshold, sender), alarms)
    }

    #[test]
    fn a_collection_above_the_threshold_raises_one_alarm() {
        let (watch, alarms) = watch(Some(75));
        watch.note_collection(751);
        watch.note_collection(800);
        assert!(matches!(
            alarms.try_recv(),
            Ok(Alarm::Danger {
                cause: Cause::Threshold,
                used: 751,
                ..
            })
        ));
        assert!(alarms.try_recv().is_err());
    }

    #[test]
    fn a_collection_at_the_threshold_raises_none() {
        let (watch, alarms) = watch(Some(75));
        watch.note_collection(750);
        assert!(alarms.try_recv().is_err());
        assert_eq!(watch.used(), 750);
    }

    #[test]
    fn without_a_threshold_no_collection_raises_an_alarm() {
        let (watch, alarms) = watch(None);
        watch.note_collection(LIMIT * 2);
        assert!(alarms.try_recv().is_err());
    }

    #[test]
    fn an_alarm_that_finds_no_room_is_raised_again_at_the_next_collection() {
        let (sender, alarms) = crossbeam_channel::bounded(0);
        let watch = Watch::new(0, LIMIT, Some(75), sender);
        watch.note_collection(900);
        assert_eq!(watch.dump.get(), Stage::Idle);
        drop(alarms);
    }

    #[test]
    fn a_complete_dump_forgets_an_earlier_failure() {
        let (watch, _alarms) = watch(Some(75));
        watch.dump_failed("no room".to_owned());
        watch.dump_completed(PathBuf::from("/x.heapsnapshot"));
        let outcome = watch.outcome();
        assert_eq!(outcome.failure, None);
        assert_eq!(outcome.files, [PathBuf::from("/x.heapsnapshot")]);
        assert_eq!(watch.dump.get(), Stage::Complete);
    }
}
