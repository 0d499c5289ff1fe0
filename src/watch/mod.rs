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

use std::io::PipeReader;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};

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

/// A dump is needed, and has been claimed.
#[derive(Clone)]
pub struct Danger {
    /// The isolate's watch.
    pub watch: Arc<Watch>,
    /// Why.
    pub cause: Cause,
    /// Bytes of the old generation in use.
    pub used: u64,
}

/// How the dump of an isolate is begun.
pub trait Dumper {
    /// Begins the dump that was claimed. Called on the isolate's thread, inside V8. Afterwards the stage of the watch tells
    /// what the isolate must do.
    fn begin(&self, danger: Danger);
}

/// The frames of a snapshot that a frozen child writes.
pub struct Frames {
    /// Where they come from.
    pub pipe: PipeReader,
    /// The child, as soon as it exists; nothing where there could be none.
    pub child: Receiver<Box<dyn ChildEnd>>,
}

/// A frozen child that must be waited for.
pub trait ChildEnd: Send {
    /// Returns when the child has ended and left no zombie.
    fn wait(self: Box<Self>);
}

/// What the isolate's thread tells the monitor.
pub enum Alarm {
    /// A dump is needed, and this alarm is the only one for it.
    Danger {
        /// What is wrong.
        danger: Danger,
        /// The frames of a frozen child; the inspector is asked where there are none.
        frames: Option<Frames>,
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

    /// A snapshot that the program asked for is complete and lies in `file`.
    pub fn snapshot_completed(&self, file: PathBuf) {
        self.lock_outcome().files.push(file);
    }

    /// The dump came to nothing for `reason`.
    pub fn dump_failed(&self, reason: String) {
        self.lock_outcome().failure = Some(reason);
        self.dump.set(Stage::Failed);
    }

    fn lock_outcome(&self) -> std::sync::MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what a mark-compact left, in bytes, and claims a dump if it is time for one. Runs inside V8: no
    /// allocation, no lock.
    #[must_use]
    fn note_collection(&self, used: u64) -> bool {
        self.used.store(used, Ordering::Relaxed);
        self.collections.record(Collection {
            at_ms: self.began.elapsed().as_millis() as u64,
            used,
        });
        exceeds(used, self.limit, self.threshold) && self.dump.claim()
    }

    /// Hands a claimed dump to the monitor. The channel has room for every isolate's one alarm; should it be full all the
    /// same, the claim is given back so that the next collection tries again. Returns whether the monitor has it.
    pub fn call_for_dump(&self, danger: Danger, frames: Option<Frames>) -> bool {
        let sent = self
            .alarms
            .try_send(Alarm::Danger { danger, frames })
            .is_ok();
        if !sent {
            self.dump.set(Stage::Idle);
        }
        sent
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

    fn watch(threshold: Option<u8>) -> Arc<Watch> {
        Watch::new(0, LIMIT, threshold, crossbeam_channel::bounded(4).0)
    }

    #[test]
    fn a_collection_above_the_threshold_claims_one_dump() {
        let watch = watch(Some(75));
        assert!(watch.note_collection(751));
        assert!(!watch.note_collection(800));
    }

    #[test]
    fn a_collection_at_the_threshold_claims_none() {
        let watch = watch(Some(75));
        assert!(!watch.note_collection(750));
        assert_eq!(watch.used(), 750);
    }

    #[test]
    fn without_a_threshold_no_collection_claims_a_dump() {
        assert!(!watch(None).note_collection(LIMIT * 2));
    }

    #[test]
    fn an_alarm_that_finds_no_room_is_raised_again_at_the_next_collection() {
        let (sender, _alarms) = crossbeam_channel::bounded(0);
        let watch = Watch::new(0, LIMIT, Some(75), sender);
        assert!(watch.note_collection(900));
        let danger = Danger {
            watch: Arc::clone(&watch),
            cause: Cause::Threshold,
            used: 900,
        };
        assert!(!watch.call_for_dump(danger, None));
        assert!(watch.note_collection(900));
    }

    #[test]
    fn a_complete_dump_forgets_an_earlier_failure() {
        let watch = watch(Some(75));
        watch.dump_failed("no room".to_owned());
        watch.dump_completed(PathBuf::from("/x.heapsnapshot"));
        let outcome = watch.outcome();
        assert_eq!(outcome.failure, None);
        assert_eq!(outcome.files, [PathBuf::from("/x.heapsnapshot")]);
        assert_eq!(watch.dump.get(), Stage::Complete);
    }
}
