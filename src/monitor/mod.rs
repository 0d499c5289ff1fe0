//! The monitor thread: it hears the alarms of all isolates of the process and does everything that may take time.
//!
//! One thread a process, with all signals blocked, started with the first watch and never ended: Node does not unload the
//! addon (see `build.rs`). It starts helpers and writes lines; it must not touch an isolate.

mod helper;
mod remains;
mod signals;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use crossbeam_channel::Receiver;

use crate::message::{megabytes, tell};
use crate::metadata;
use crate::method::Method;
use crate::summary::DumpMetadata;
use crate::watch::{
    Alarm, Cause, ChildEnd, Common, CompleteDump, Danger, Frames, MemoryBound, Stage, Watch,
};
pub use helper::{Helper, HelperError, RunningHelper, Snapshot};
pub use signals::spawn_without_signals;

/// How many alarms may wait. Each isolate has one that matters; more than this many at once would be more workers than a
/// process survives anyway.
const WAITING_ALARMS: usize = 256;

/// The helpers that stand ready, by the `threadId` of their isolate.
type Helpers = Mutex<HashMap<u32, Helper>>;

/// A handle to the monitor thread of this process.
#[derive(Clone)]
pub struct Monitor {
    watches: Common,
    helpers: Arc<Helpers>,
}

/// The monitor thread could not be started.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "the thread that starts the dump cannot be created ({0}): raise the limit of threads or processes"
)]
pub struct NoThread(String);

impl From<std::io::Error> for NoThread {
    fn from(error: std::io::Error) -> NoThread {
        NoThread(error.to_string())
    }
}

impl Monitor {
    /// The monitor of this process, started at the first call.
    pub fn of_this_process() -> Result<Self, NoThread> {
        static MONITOR: OnceLock<Result<Monitor, NoThread>> = OnceLock::new();
        MONITOR.get_or_init(Self::start).clone()
    }

    fn start() -> Result<Self, NoThread> {
        let (sender, alarms) = crossbeam_channel::bounded(WAITING_ALARMS);
        let helpers = Arc::<Helpers>::default();
        let for_thread = Arc::clone(&helpers);
        signals::spawn_without_signals("oom-heapdump", move || attend(&alarms, &for_thread))
            .map_err(NoThread::from)?;
        Ok(Self {
            watches: Common {
                alarms: sender,
                precautions: Arc::default(),
            },
            helpers,
        })
    }

    /// What the watches of this process share.
    pub fn watches(&self) -> Common {
        self.watches.clone()
    }

    /// Keeps `helper` ready for the isolate of `thread`, in place of an earlier one.
    pub fn prepare(&self, thread: u32, helper: Helper) {
        lock(&self.helpers).insert(thread, helper);
    }

    /// Forgets the isolate of `thread`, which has ended.
    pub fn dismiss(&self, thread: u32) {
        lock(&self.helpers).remove(&thread);
    }
}

fn lock(helpers: &Helpers) -> std::sync::MutexGuard<'_, HashMap<u32, Helper>> {
    helpers.lock().unwrap_or_else(PoisonError::into_inner)
}

fn attend(alarms: &Receiver<Alarm>, helpers: &Arc<Helpers>) {
    let debug = debug_log_is_on();
    for alarm in alarms {
        match alarm {
            Alarm::Danger { danger, frames } => {
                tell(&describe_danger(&danger));
                begin_dump(danger, frames, helpers);
            }
            Alarm::NearHeapLimit { current_heap_limit } if debug => {
                tell(&format!(
                    "near-heap-limit: current_heap_limit={current_heap_limit}"
                ));
            }
            Alarm::NearHeapLimit { .. } => {}
            Alarm::GivenUp { watch, granted } => tell(&describe_giving_up(&watch, granted)),
        }
    }
}

/// Makes the dump on a thread of its own, so that the dumps of several isolates do not wait for each other.
fn begin_dump(danger: Danger, frames: Option<Frames>, helpers: &Arc<Helpers>) {
    let (watch, helpers) = (Arc::clone(&danger.watch), Arc::clone(helpers));
    let begun = signals::spawn_without_signals("oom-heapdump", move || {
        make_dump(&danger, frames, &helpers);
    });
    if let Err(error) = begun {
        let reason = format!("no heap snapshot: {}", NoThread::from(error));
        tell(&reason);
        watch.dump_failed(reason);
    }
}

fn make_dump(danger: &Danger, frames: Option<Frames>, helpers: &Helpers) {
    let (watch, start) = (&*danger.watch, Instant::now());
    let result = match frames {
        Some(frames) => dump_from_frozen_child(danger, frames, helpers),
        None => {
            let metadata = metadata::gather(metadata::reason_of(&danger.cause), watch);
            dump_from_inspector(danger, &metadata, helpers)
        }
    };
    match result {
        Ok(Made {
            snapshot: Snapshot { file, bytes },
            method,
            helper,
        }) => {
            watch.dump_completed(CompleteDump {
                file,
                bytes,
                reason: metadata::reason_of(&danger.cause),
                method,
                pause: watch.pause().filter(|_| method == Method::Native),
                duration: start.elapsed(),
            });
            helper.wait();
            watch.dump.helper_ended();
        }
        Err(error) => {
            if !error.was_told() {
                tell(&error.to_string());
            }
            if let Some(last) = watch.outcome().files.last() {
                tell(&format!(
                    "the last complete heap snapshot of {} is {}",
                    describe_isolate(watch),
                    last.display()
                ));
            }
            watch.dump_failed(error.to_string());
        }
    }
}

/// A snapshot, and the helper that may still have something to do with it.
struct Made {
    snapshot: Snapshot,
    method: Method,
    helper: RunningHelper,
}

fn dump_from_frozen_child(
    danger: &Danger,
    frames: Frames,
    helpers: &Helpers,
) -> Result<Made, HelperError> {
    let Frames {
        pipe,
        child,
        metadata,
    } = frames;
    let watch = &danger.watch;
    let result = with_helper(watch, helpers, |helper| helper.start(pipe)).and_then(|mut helper| {
        // The child is gone before the dump is over, so that the next one finds its place free.
        child.iter().for_each(ChildEnd::wait);
        helper.hear_of_snapshot(|| {}).map(|snapshot| Made {
            snapshot,
            method: Method::Native,
            helper,
        })
    });
    let may_ask_inspector = lock(helpers)
        .get(&watch.thread)
        .is_some_and(Helper::may_ask_inspector);
    match result {
        Err(error) if error.is_of_source() && may_ask_inspector => {
            if !error.was_told() {
                tell(&error.to_string());
            }
            tell("the inspector is asked for the heap snapshot instead");
            watch.dump.set(Stage::Requested);
            dump_from_inspector(danger, &metadata, helpers)
        }
        result => result,
    }
}

/// `metadata` is that of an earlier try, if there was one: by it the helper knows that try's summary and goes on with it.
fn dump_from_inspector(
    danger: &Danger,
    metadata: &DumpMetadata,
    helpers: &Helpers,
) -> Result<Made, HelperError> {
    let watch = &danger.watch;
    let mut helper = with_helper(watch, helpers, |helper| helper.ask_inspector(metadata))?;
    let snapshot = helper.hear_of_snapshot(|| watch.dump.set(Stage::Connected))?;
    Ok(Made {
        snapshot,
        method: Method::Inspector,
        helper,
    })
}

fn with_helper(
    watch: &Watch,
    helpers: &Helpers,
    start: impl FnOnce(&mut Helper) -> Result<RunningHelper, HelperError>,
) -> Result<RunningHelper, HelperError> {
    let mut helpers = lock(helpers);
    let helper = helpers.get_mut(&watch.thread);
    start(helper.ok_or(HelperError::IsolateEnded)?)
}

fn describe_danger(danger: &Danger) -> String {
    let Danger { watch, cause, .. } = danger;
    let heap = describe_share(
        &format!("the old generation of {}", describe_isolate(watch)),
        danger.used,
        "its limit of",
        watch.limit,
    );
    let why = match cause {
        Cause::Threshold => {
            let threshold = watch.threshold.unwrap_or_default();
            format!("{heap}, above the threshold of {threshold} %")
        }
        Cause::NearHeapLimit => format!("{heap} and V8 is about to give up"),
        Cause::OutOfMemory { location } if location.is_empty() => {
            format!("{heap} and V8 has given up")
        }
        Cause::OutOfMemory { location } => format!("{heap} and V8 has given up ({location})"),
        Cause::Memory { used, limit, bound } => describe_memory(watch, *used, *limit, *bound),
        Cause::Signal => format!("{} was asked by a signal", describe_isolate(watch)),
    };
    format!("{why}: taking a heap snapshot")
}

fn describe_memory(watch: &Watch, used: u64, limit: u64, bound: MemoryBound) -> String {
    match bound {
        MemoryBound::Percent(percent) => {
            let group = format!("the control group of {}", describe_isolate(watch));
            let share = describe_share(&group, used, "its limit of", limit);
            format!("{share}, above rss: \"{percent}%\"")
        }
        MemoryBound::Bytes(_) => format!(
            "{} holds {} MB of memory, above rss: {} MB",
            describe_isolate(watch),
            megabytes(used),
            megabytes(limit)
        ),
    }
}

fn describe_share(who: &str, used: u64, limit_is: &str, limit: u64) -> String {
    let percent = (u128::from(used) * 100 / u128::from(limit.max(1))) as u64;
    format!(
        "{who} holds {} MB of {limit_is} {} MB ({percent} %)",
        megabytes(used),
        megabytes(limit)
    )
}

fn describe_giving_up(watch: &Watch, granted: u64) -> String {
    format!(
        "the heap limit of {} was raised by {} MB and the heap snapshot is still not complete: the process is let go, so the \
         snapshot may be lost; a lower threshold begins it earlier",
        describe_isolate(watch),
        megabytes(granted),
    )
}

fn describe_isolate(watch: &Watch) -> String {
    let process = std::process::id();
    match watch.thread {
        0 => format!("process {process}"),
        thread => format!("worker {thread} of process {process}"),
    }
}

/// Node's own convention for debug logs: `NODE_DEBUG=oom-heapdump`, in any case, among others separated by commas.
fn debug_log_is_on() -> bool {
    std::env::var("NODE_DEBUG").is_ok_and(|sections| {
        sections
            .split(',')
            .any(|section| section.trim().eq_ignore_ascii_case("oom-heapdump"))
    })
}
