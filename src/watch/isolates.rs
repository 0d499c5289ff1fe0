//! The watched isolates of this process, for all threads: where V8 fails, where memory is sampled, where a signal comes in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::policy::{self, Meanwhile, MemoryLeft};
use super::{Cause, Danger, Dumper, Stage, Watch};
use crate::v8::{Isolate, RawIsolate, RemoteIsolate, YoungSpaces};

/// What any thread may do for the dump of an isolate.
pub struct WatchedIsolate {
    /// What is watched.
    pub watch: Arc<Watch>,
    dumper: Box<dyn Dumper>,
    isolate: RemoteIsolate,
    young: YoungSpaces,
    wake: Box<dyn Fn() + Send + Sync>,
    asked: Mutex<Option<Cause>>,
}

/// Locked for a moment only, and never while V8 or a dump is at work but for [`RemoteIsolate::request_interrupt`].
static WATCHED: Mutex<Vec<Arc<WatchedIsolate>>> = Mutex::new(Vec::new());

fn watched() -> MutexGuard<'static, Vec<Arc<WatchedIsolate>>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl WatchedIsolate {
    /// Makes the isolate of this thread known. `wake` has its event loop call [`answer_on_this_thread`] soon.
    pub fn register(
        isolate: Isolate,
        watch: Arc<Watch>,
        dumper: Box<dyn Dumper>,
        wake: Box<dyn Fn() + Send + Sync>,
    ) -> Arc<Self> {
        let this = Arc::new(Self {
            watch,
            dumper,
            isolate: isolate.remote(),
            young: isolate.young_spaces(),
            wake,
            asked: Mutex::default(),
        });
        watched().push(Arc::clone(&this));
        this
    }

    /// Forgets it, before it ends. No other thread touches it afterwards.
    pub fn unregister(&self) {
        watched().retain(|other| other.isolate.address() != self.isolate.address());
    }

    /// Begins a dump for `cause` if it is time for one, as far as the memory around allows. The isolate's own thread calls.
    pub fn begin_if_due(&self, cause: Cause) {
        if !self.watch.is_due(&cause) {
            return;
        }
        let decision = policy::meanwhile(&cause, self.watch.is_worker(), &MemoryLeft::now());
        if let Some(meanwhile) = decision {
            self.begin_unless_begun(cause, meanwhile);
        }
    }

    /// Begins a dump for `cause` if it is time for one.
    pub fn begin_unless_begun(&self, cause: Cause, meanwhile: Meanwhile) {
        if self.watch.claim(&cause) {
            let start = Instant::now();
            self.dumper.begin(Danger {
                watch: Arc::clone(&self.watch),
                cause,
                used: self.used(),
                meanwhile,
            });
            self.watch.note_pause(start.elapsed());
        }
    }

    /// Waits for the dump that is being made, and begins one if that came to nothing or there is none.
    pub fn wait_or_begin(&self, cause: Cause, meanwhile: Meanwhile, deadline: Instant) {
        if self.watch.dump.get() == Stage::Frozen {
            self.dumper.hurry();
        }
        self.watch.dump.wait_for_frozen_child(deadline);
        self.begin_unless_begun(cause, meanwhile);
    }

    /// The same, and waits for that one too.
    pub fn dump_and_wait(&self, cause: Cause, meanwhile: Meanwhile, deadline: Instant) {
        self.wait_or_begin(cause, meanwhile, deadline);
        self.watch.dump.wait_for_frozen_child(deadline);
    }

    /// See [`Dumper::needs_javascript`].
    pub fn needs_javascript(&self) -> bool {
        self.dumper.needs_javascript()
    }

    /// Bytes of the old generation in use: now, or as of the last mark-compact where another thread asks.
    pub fn used(&self) -> u64 {
        match Isolate::current() {
            Ok(isolate) if self.watch.is_of_this_thread() => {
                isolate.old_generation_use(self.young).used
            }
            _ => self.watch.used(),
        }
    }

    /// Asks the isolate's thread for a dump, whatever it does now: in JavaScript it is interrupted, idle it is woken.
    fn ask(&self, cause: Cause) {
        *self.lock_asked() = Some(cause);
        // SAFETY: the caller found it among the watched isolates and keeps them locked, so it has not ended.
        unsafe { self.isolate.request_interrupt(answer) };
        (self.wake)();
    }

    /// On the isolate's thread: what comes first, the interrupt or the event loop, finds the question.
    fn answer(&self) {
        if let Some(cause) = self.lock_asked().take() {
            self.begin_if_due(cause);
        }
    }

    fn lock_asked(&self) -> MutexGuard<'_, Option<Cause>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks for a dump from any thread: of the isolate that holds the most where memory is short, else of the main thread's. Nothing
/// happens where it is not time for one.
pub fn ask_for_dump(cause: Cause) {
    let watched = watched();
    let isolate = match cause {
        Cause::Memory { .. } => watched.iter().max_by_key(|isolate| isolate.watch.held()),
        _ => watched.iter().min_by_key(|isolate| isolate.watch.thread),
    };
    if let Some(isolate) = isolate
        && isolate.watch.is_due(&cause)
    {
        isolate.ask(cause);
    }
}

/// The isolate whose memory is out, as seen by the thread that V8 tells it: its own, or one that works for it and may not know for
/// which isolate. Then it is the one that is nearest to its limit.
pub fn isolate_out_of_memory() -> Option<Arc<WatchedIsolate>> {
    let watched = watched();
    let isolate = match Isolate::current() {
        Ok(current) => watched
            .iter()
            .find(|isolate| isolate.isolate.address() == current.address()),
        Err(_) => watched.iter().max_by_key(|isolate| {
            u128::from(isolate.watch.used()) * 1000 / u128::from(isolate.watch.limit.max(1))
        }),
    };
    isolate.map(Arc::clone)
}

/// Makes the dump that the isolate of this thread was asked for, if it was.
pub fn answer_on_this_thread() {
    let Ok(current) = Isolate::current() else {
        return;
    };
    let isolate = watched()
        .iter()
        .find(|isolate| isolate.isolate.address() == current.address())
        .map(Arc::clone);
    if let Some(isolate) = isolate {
        isolate.answer();
    }
}

unsafe extern "C" fn answer(_isolate: *mut RawIsolate, _data: *mut std::ffi::c_void) {
    answer_on_this_thread();
}
