//! When a dump is made: how full the old generation is, against which limit, and what that calls for.
//!
//! The isolate's thread runs V8's callbacks ([`isolate_watch`]), which only touch the atomics of a [`Watch`] and send an
//! [`Alarm`] when there is something to do. This room must not know how a dump is made.

pub mod limit;

mod collections;
mod danger;
mod dump_stage;
mod extension;
mod fatal_error;
#[cfg(feature = "bench")]
pub mod hook_cost;
mod isolate_watch;
mod isolates;
mod memory_left;
mod news;
mod node_options;
mod policy;
mod thread_mark;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

pub use collections::{Collection, Collections};
pub use danger::{Alarm, Cause, ChildEnd, Danger, Dumper, Frames, MemoryBound};
pub use dump_stage::{DumpStage, Stage};
pub use fatal_error::catch_fatal_errors;
pub use isolate_watch::IsolateWatch;
pub use isolates::{WatchedIsolate, answer_on_this_thread, ask_for_dump};
pub use memory_left::resident_memory;
pub use news::{Announce, CompleteDump, News};
use node_options::NodeOptions;
use policy::Past;
pub use policy::{Meanwhile, MemoryLeft, Rules};
use thread_mark::ThreadMark;

/// What is watched and what has been seen: shared by the isolate's thread, the monitor and `status()`.
pub struct Watch {
    /// Node's `threadId` of the isolate, 0 for the main thread.
    pub thread: u32,
    /// How large the old generation may become, in bytes.
    pub limit: u64,
    /// The share of the limit, in percent, above which a dump is made. `None` leaves only the near-heap-limit callback.
    pub threshold: Option<u8>,
    /// What the user allows.
    pub rules: Rules,
    /// The last mark-compacts.
    pub collections: Collections,
    /// How far the dump has come.
    pub dump: DumpStage,
    /// What runs in it.
    pub program: Program,
    has_earlier_callback: bool,
    own_thread: ThreadMark,
    used: AtomicU64,
    external: AtomicU64,
    began: Instant,
    last_dump: LastDump,
    precautions: Arc<AtomicU32>,
    alarms: Sender<Alarm>,
    outcome: Mutex<Outcome>,
    announce: Announce,
}

/// When the isolate's last dump was begun, and when one was complete last: milliseconds since the watch began, or [`NEVER`].
struct LastDump {
    begun: AtomicU64,
    complete: AtomicU64,
    /// Whether it counts among the precautions.
    is_precaution: AtomicBool,
    /// Whether it was made of an isolate at its end that has not recovered since.
    is_of_death: AtomicBool,
    /// How long the isolate's thread stood still for it, in microseconds, or [`NEVER`].
    pause: AtomicU64,
}

const NEVER: u64 = u64::MAX;

/// What the reader of a post-mortem wants to know of the program.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// `process.versions.node`.
    pub node_version: String,
    /// `process.versions.v8`.
    pub v8_version: String,
    /// `process.execArgv`.
    pub exec_argv: Vec<String>,
    /// `process.env.NODE_OPTIONS`, empty when unset.
    pub node_options: String,
}

/// What is known of an isolate when its watch begins.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Node's `threadId` of the isolate, 0 for the main thread.
    pub thread: u32,
    /// How large the old generation may become, in bytes.
    pub limit: u64,
    /// The share of the limit, in percent, above which a dump is made.
    pub threshold: Option<u8>,
    /// What the user allows.
    pub rules: Rules,
    /// What runs in the isolate.
    pub program: Program,
}

/// What all watches of a process share.
#[derive(Clone)]
pub struct Common {
    /// Where alarms are sent.
    pub alarms: Sender<Alarm>,
    /// How many dumps of the process were made while it was not dying.
    pub precautions: Arc<AtomicU32>,
}

/// What became of an isolate's dumps.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The complete files, oldest first.
    pub files: Vec<PathBuf>,
    /// Why the last dump failed, if it did.
    pub failure: Option<String>,
}

impl Watch {
    /// A watch of the calling thread's isolate that has seen nothing yet.
    pub fn new(settings: Settings, common: Common, announce: Announce) -> Arc<Self> {
        Arc::new(Self {
            thread: settings.thread,
            limit: settings.limit,
            threshold: settings.threshold,
            rules: settings.rules,
            has_earlier_callback: has_earlier_callback(settings.thread, &settings.program),
            program: settings.program,
            collections: Collections::default(),
            dump: DumpStage::default(),
            own_thread: ThreadMark::of_this_thread(),
            used: AtomicU64::new(0),
            external: AtomicU64::new(0),
            began: Instant::now(),
            last_dump: LastDump {
                begun: AtomicU64::new(NEVER),
                complete: AtomicU64::new(NEVER),
                is_precaution: AtomicBool::new(false),
                is_of_death: AtomicBool::new(false),
                pause: AtomicU64::new(NEVER),
            },
            precautions: common.precautions,
            alarms: common.alarms,
            outcome: Mutex::default(),
            announce,
        })
    }

    /// Whether the isolate is a worker's.
    pub fn is_worker(&self) -> bool {
        self.thread != MAIN_THREAD
    }

    /// Whether the calling thread is the isolate's own.
    pub fn is_of_this_thread(&self) -> bool {
        self.own_thread == ThreadMark::of_this_thread()
    }

    /// Bytes of the old generation in use, as of the last mark-compact.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// What the isolate's objects hold in the heap and outside of it, in bytes, as of the last mark-compact.
    pub fn held(&self) -> u64 {
        self.used() + self.external.load(Ordering::Relaxed)
    }

    /// What became of the dumps so far.
    pub fn outcome(&self) -> Outcome {
        self.lock_outcome().clone()
    }

    /// A snapshot is complete. Its helper is still there: see [`DumpStage::helper_ended`].
    pub fn dump_completed(&self, dump: CompleteDump) {
        let mut outcome = self.lock_outcome();
        outcome.files.push(dump.file.clone());
        outcome.failure = None;
        drop(outcome);
        self.last_dump.complete.store(self.now(), Ordering::Relaxed);
        self.dump.note_helper();
        self.dump.set(Stage::Complete);
        (self.announce)(News::Complete(dump));
    }

    /// Likewise for a snapshot that the program asked for.
    pub fn snapshot_completed(&self, dump: CompleteDump) {
        self.dump.note_helper();
        self.lock_outcome().files.push(dump.file.clone());
        (self.announce)(News::Complete(dump));
    }

    /// The dump came to nothing for `reason`.
    pub fn dump_failed(&self, reason: String) {
        self.lock_outcome().failure = Some(reason.clone());
        self.uncount();
        self.dump.set(Stage::Failed);
        (self.announce)(News::Failed(reason));
    }

    /// The isolate's thread stood still for `pause` so that the dump that is being made could begin.
    pub fn note_pause(&self, pause: Duration) {
        let microseconds = pause.as_micros() as u64;
        self.last_dump.pause.store(microseconds, Ordering::Relaxed);
    }

    /// See [`Watch::note_pause`].
    pub fn pause(&self) -> Option<Duration> {
        match self.last_dump.pause.load(Ordering::Relaxed) {
            NEVER => None,
            microseconds => Some(Duration::from_micros(microseconds)),
        }
    }

    /// Gives a claim back that came to nothing through no fault of the dump: the next cause may try again at once.
    pub fn withdraw(&self) {
        self.uncount();
        self.last_dump.begun.store(NEVER, Ordering::Relaxed);
        self.dump.set(Stage::Idle);
    }

    /// The isolate that was near its end lives on.
    pub fn note_recovery(&self) {
        self.last_dump.is_of_death.store(false, Ordering::Relaxed);
    }

    /// Whether `cause` calls for a dump now.
    pub fn is_due(&self, cause: &Cause) -> bool {
        let since = |moment: &AtomicU64| match moment.load(Ordering::Relaxed) {
            NEVER => None,
            moment => Some(Duration::from_millis(self.now().saturating_sub(moment))),
        };
        let past = Past {
            precautions: self.precautions.load(Ordering::Relaxed),
            since_begun: since(&self.last_dump.begun),
            since_complete: since(&self.last_dump.complete),
            shows_this_death: self.last_dump.is_of_death.load(Ordering::Relaxed)
                && self.dump.get() == Stage::Complete,
        };
        !self.dump.is_at_work() && policy::is_due(cause, &self.rules, &past)
    }

    /// Claims a dump for `cause` if it is time for one. Runs inside V8: no allocation, no lock.
    #[must_use]
    pub fn claim(&self, cause: &Cause) -> bool {
        let claimed = self.is_due(cause) && self.dump.claim();
        if claimed {
            let counts = cause.is_precaution();
            self.last_dump
                .is_precaution
                .store(counts, Ordering::Relaxed);
            if cause.is_death() {
                self.last_dump.is_of_death.store(true, Ordering::Relaxed);
            }
            if counts {
                self.precautions.fetch_add(1, Ordering::Relaxed);
            }
            if *cause != Cause::Signal {
                self.last_dump.begun.store(self.now(), Ordering::Relaxed);
            }
        }
        claimed
    }

    /// Hands a claimed dump to the monitor. The channel has room for every isolate's one alarm; should it be full all the
    /// same, the claim is given back so that the next collection tries again. Returns whether the monitor has it.
    pub fn call_for_dump(&self, danger: Danger, frames: Option<Frames>) -> bool {
        let sent = self
            .alarms
            .try_send(Alarm::Danger { danger, frames })
            .is_ok();
        if !sent {
            self.withdraw();
        }
        sent
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    fn uncount(&self) {
        if self.last_dump.is_precaution.swap(false, Ordering::Relaxed) {
            self.precautions.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn lock_outcome(&self) -> std::sync::MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what a mark-compact left, in bytes, and tells whether that is above the threshold. Runs inside V8: no
    /// allocation, no lock.
    #[must_use]
    fn note_collection(&self, used: u64, external: u64) -> bool {
        self.used.store(used, Ordering::Relaxed);
        self.external.store(external, Ordering::Relaxed);
        self.collections.record(Collection {
            at_ms: self.now(),
            used,
        });
        exceeds(used, self.limit, self.threshold)
    }

    fn report(&self, alarm: Alarm) {
        // An alarm that only informs may be dropped: the process has better things to do than to wait for its log.
        let _ = self.alarms.try_send(alarm);
    }
}

/// Node's `threadId` of the main thread.
const MAIN_THREAD: u32 = 0;

/// Whether Node has installed a near-heap-limit callback before ours: the one that ends a worker, or the one that writes its own
/// snapshots (`Environment::NearHeapLimitCallback`, since 15.1).
fn has_earlier_callback(thread: u32, program: &Program) -> bool {
    let options = NodeOptions::new(&program.node_options, &program.exec_argv);
    thread != MAIN_THREAD || options.has("heapsnapshot-near-heap-limit")
}

/// Whether `used` bytes are above `threshold` percent of `limit`.
fn exceeds(used: u64, limit: u64, threshold: Option<u8>) -> bool {
    threshold
        .is_some_and(|percent| u128::from(used) * 100 > u128::from(limit) * u128::from(percent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::Method;
    use crate::summary::Reason;

    const LIMIT: u64 = 1000;

    fn watch_sending(alarms: Sender<Alarm>, rules: Rules) -> Arc<Watch> {
        let precautions = Arc::default();
        let common = Common {
            alarms,
            precautions,
        };
        Watch::new(settings(0, rules), common, Box::new(|_| {}))
    }

    fn settings(thread: u32, rules: Rules) -> Settings {
        Settings {
            thread,
            limit: LIMIT,
            threshold: Some(75),
            rules,
            program: Program::default(),
        }
    }

    fn watch() -> Arc<Watch> {
        watch_sending(crossbeam_channel::bounded(4).0, Rules::default())
    }

    fn without_cooldown(max_dumps: u32) -> Arc<Watch> {
        let rules = Rules {
            max_dumps,
            cooldown: Duration::ZERO,
            ..Rules::default()
        };
        watch_sending(crossbeam_channel::bounded(4).0, rules)
    }

    fn complete(watch: &Watch) {
        watch.dump_completed(CompleteDump {
            file: PathBuf::from("/x.heapsnapshot"),
            bytes: 1,
            reason: Reason::Threshold,
            method: Method::Native,
            pause: None,
            duration: Duration::ZERO,
        });
        watch.dump.helper_ended();
    }

    #[test]
    fn a_collection_above_the_threshold_claims_one_dump() {
        let watch = watch();
        assert!(watch.note_collection(751, 0));
        assert!(watch.claim(&Cause::Threshold));
        assert!(!watch.claim(&Cause::Threshold));
    }

    #[test]
    fn a_collection_at_the_threshold_is_not_above_it() {
        let watch = watch();
        assert!(!watch.note_collection(750, 20));
        assert_eq!((watch.used(), watch.held()), (750, 770));
    }

    #[test]
    fn without_a_threshold_no_collection_is_above_it() {
        assert!(!exceeds(LIMIT * 2, LIMIT, None));
    }

    #[test]
    fn a_process_is_dumped_as_often_as_allowed_while_it_lives() {
        let watch = without_cooldown(2);
        for _ in 0..2 {
            assert!(watch.claim(&Cause::Threshold));
            complete(&watch);
        }
        assert!(!watch.claim(&Cause::Threshold));
        assert!(watch.claim(&Cause::NearHeapLimit));
    }

    #[test]
    fn a_failed_dump_does_not_count() {
        let watch = without_cooldown(1);
        assert!(watch.claim(&Cause::Threshold));
        watch.dump_failed("no room".to_owned());
        assert!(watch.claim(&Cause::Threshold));
    }

    #[test]
    fn all_isolates_of_a_process_count_together() {
        let common = Common {
            alarms: crossbeam_channel::bounded(4).0,
            precautions: Arc::default(),
        };
        let [first, second] = [0, 1].map(|thread| {
            let settings = settings(thread, Rules::default());
            Watch::new(settings, common.clone(), Box::new(|_| {}))
        });
        assert!(first.claim(&Cause::Threshold));
        assert!(!second.claim(&Cause::Threshold));
        assert!(second.claim(&Cause::NearHeapLimit));
    }

    #[test]
    fn a_death_after_a_complete_dump_needs_no_other_and_after_a_failed_one_it_does() {
        let watch = watch();
        assert!(watch.claim(&Cause::Threshold));
        watch.dump_failed("no room".to_owned());
        assert!(watch.claim(&Cause::NearHeapLimit));
        complete(&watch);
        assert!(!watch.claim(&Cause::NearHeapLimit));
    }

    #[test]
    fn one_death_leaves_one_dump_unless_the_isolate_recovers_in_between() {
        let watch = without_cooldown(1);
        assert!(watch.claim(&Cause::NearHeapLimit));
        complete(&watch);
        let out_of_memory = Cause::OutOfMemory {
            location: String::new(),
        };
        assert!(!watch.claim(&out_of_memory));
        watch.note_recovery();
        assert!(watch.claim(&out_of_memory));
    }

    #[test]
    fn an_alarm_that_finds_no_room_is_raised_again_at_the_next_collection() {
        let (sender, _alarms) = crossbeam_channel::bounded(0);
        let watch = watch_sending(sender, Rules::default());
        assert!(watch.claim(&Cause::Threshold));
        let danger = Danger {
            watch: Arc::clone(&watch),
            cause: Cause::Threshold,
            used: 900,
            meanwhile: Meanwhile::GoesOn,
        };
        assert!(!watch.call_for_dump(danger, None));
        assert!(watch.claim(&Cause::Threshold));
    }

    #[test]
    fn a_complete_dump_forgets_an_earlier_failure() {
        let watch = watch();
        watch.dump_failed("no room".to_owned());
        complete(&watch);
        let outcome = watch.outcome();
        assert_eq!(outcome.failure, None);
        assert_eq!(outcome.files, [PathBuf::from("/x.heapsnapshot")]);
        assert_eq!(watch.dump.get(), Stage::Complete);
    }
}
