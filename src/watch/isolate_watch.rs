//! The callbacks V8 makes on the isolate's own thread. Thin: they read numbers, ask the policy and return.
//!
//! They run inside the garbage collector: no allocation, no lock, no panic, no call back into JavaScript.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::extension::{Extension, parting_limit};
use super::isolates::WatchedIsolate;
use super::policy::{self, Meanwhile, MemoryLeft};
use super::{Alarm, Cause, Dumper, Stage, Watch};
use crate::v8::{Isolate, RawIsolate, YoungSpaces};

/// How long one near-heap-limit call waits for the helper to reach the inspector. The helper takes a few milliseconds;
/// the rest is for a machine under load.
const CONNECTION_PATIENCE: Duration = Duration::from_millis(2000);

/// A heap below this share of its limit has recovered: V8 takes a raised limit back, and the next near-heap-limit call is a new
/// danger.
const RECOVERED_SHARE: f64 = 0.9;

/// A watch bound to its isolate: the callbacks are installed as long as this value lives.
pub struct IsolateWatch {
    shared: Arc<WatchedIsolate>,
    isolate: Isolate,
    young: YoungSpaces,
    extension: Cell<Extension>,
    installed_near_heap_limit: Cell<bool>,
    was_near_heap_limit: Cell<bool>,
    settling: Cell<bool>,
    settled_limit: Cell<u64>,
}

impl IsolateWatch {
    /// Installs the callbacks on the isolate of this thread. The value must be dropped on this thread, before the isolate
    /// ends, or never. `wake` has the isolate's event loop call [`super::answer_on_this_thread`] soon.
    pub fn install(
        isolate: Isolate,
        watch: Arc<Watch>,
        dumper: Box<dyn Dumper>,
        wake: Box<dyn Fn() + Send + Sync>,
    ) -> Box<Self> {
        let this = Box::new(Self {
            shared: WatchedIsolate::register(isolate, watch, dumper, wake),
            isolate,
            young: isolate.young_spaces(),
            extension: Cell::default(),
            installed_near_heap_limit: Cell::new(false),
            was_near_heap_limit: Cell::new(false),
            settling: Cell::new(false),
            settled_limit: Cell::new(0),
        });
        // SAFETY: the box gives the data a fixed address, and dropping it removes the callback first.
        unsafe { isolate.add_mark_compact_epilogue(mark_compact_epilogue, this.as_data()) };
        this.install_near_heap_limit();
        this
    }

    /// The shared part.
    pub fn watch(&self) -> &Arc<Watch> {
        &self.shared.watch
    }

    /// Bytes of the old generation in use now.
    pub fn used_now(&self) -> u64 {
        self.isolate.old_generation_use(self.young).used
    }

    fn on_mark_compact(&self) {
        let used = self.used_now();
        let external = self.isolate.external_memory();
        if self.watch().note_collection(used, external) {
            self.shared.begin_if_due(Cause::Threshold);
        }
        let has_recovered = (used as f64) < self.watch().limit as f64 * RECOVERED_SHARE;
        if has_recovered && !self.settling.get() {
            self.install_near_heap_limit();
        }
    }

    /// V8 is about to give up. Returns the limit it shall have, in bytes.
    fn on_near_heap_limit(&self, current: u64, initial: u64) -> u64 {
        if self.settling.get() {
            self.settled_limit.set(self.parting_limit(current));
            return self.settled_limit.get();
        }
        if !self.was_near_heap_limit.replace(true) {
            self.watch().report(Alarm::NearHeapLimit {
                current_heap_limit: current,
            });
            self.meet_the_limit();
        }
        match self.watch().dump.get() {
            Stage::Requested | Stage::Connected => self.outlive_the_dump(current, initial),
            Stage::Idle | Stage::Frozen | Stage::Complete | Stage::Failed => {
                self.step_aside(current)
            }
        }
    }

    /// The first call for this danger, and the only one that may wait. The process may live on: V8 has one more collection to
    /// try, and where that is no use the fatal error waits for the dump. A worker has none, so it waits here.
    fn meet_the_limit(&self) {
        let watch = self.watch();
        let cause = Cause::NearHeapLimit;
        if !watch.dump.is_at_work() && !watch.is_due(&cause) {
            return;
        }
        let Some(meanwhile) = policy::meanwhile(&cause, watch.is_worker(), &MemoryLeft::now())
        else {
            return;
        };
        let deadline = Instant::now() + watch.rules.timeout;
        match meanwhile {
            Meanwhile::GoesOn => self.shared.begin_unless_begun(cause, meanwhile),
            _ if watch.is_worker() => self.shared.dump_and_wait(cause, meanwhile, deadline),
            _ => self.shared.wait_or_begin(cause, meanwhile, deadline),
        }
    }

    /// The helper needs this process alive, and its thread running JavaScript, until the file is complete.
    fn outlive_the_dump(&self, current: u64, initial: u64) -> u64 {
        let mut extension = self.extension.get();
        if extension.granted() == 0 {
            self.watch().dump.wait_for_connection(CONNECTION_PATIENCE);
        }
        let raised = extension.raise(current, initial, self.committed_now());
        self.extension.set(extension);
        raised.unwrap_or_else(|| {
            self.watch().report(Alarm::GivenUp {
                watch: Arc::clone(self.watch()),
                granted: extension.granted(),
            });
            self.step_aside(current)
        })
    }

    /// Lets the process go on as it would have without us. Where a callback was installed before ours, V8's next call reaches it,
    /// and until then the limit must be higher. Where none was, V8 goes by the limit it has: with a higher one the process would
    /// use memory that it would never have used, and its control group may not have it.
    fn step_aside(&self, current: u64) -> u64 {
        if self.watch().is_worker() {
            self.settle();
        }
        self.remove_near_heap_limit();
        self.isolate
            .automatically_restore_initial_heap_limit(RECOVERED_SHARE);
        if !self.watch().has_earlier_callback {
            return current;
        }
        // V8 takes a limit that is not above the one it has for a refusal.
        self.parting_limit(current.max(self.settled_limit.get()))
    }

    /// Empties and shrinks the young generation. The callback that Node installs in a worker ends it with
    /// ERR_WORKER_OUT_OF_MEMORY and gives V8 16 MB to get there; were V8 13.6 to promote a grown young generation of 64 MB
    /// at that moment, it would end the process instead.
    fn settle(&self) {
        self.settling.set(true);
        self.isolate.low_memory_notification();
        self.settling.set(false);
    }

    fn parting_limit(&self, current: u64) -> u64 {
        parting_limit(current, self.committed_now())
    }

    fn committed_now(&self) -> u64 {
        self.isolate.old_generation_use(self.young).committed
    }

    fn install_near_heap_limit(&self) {
        // Whoever makes no dump there has no say there.
        if self.watch().rules.only_on_request {
            return;
        }
        if !self.installed_near_heap_limit.replace(true) {
            self.watch().note_recovery();
            self.was_near_heap_limit.set(false);
            self.extension.set(Extension::default());
            // SAFETY: the flag lets it be added once until it is removed; the data stay where they are until then.
            unsafe {
                self.isolate
                    .add_near_heap_limit_callback(near_heap_limit, self.as_data())
            }
        }
    }

    fn remove_near_heap_limit(&self) {
        if self.installed_near_heap_limit.replace(false) {
            // SAFETY: it was installed, and the flag lets it be removed once.
            unsafe {
                self.isolate
                    .remove_near_heap_limit_callback(near_heap_limit)
            }
        }
    }

    fn as_data(&self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }
}

impl Drop for IsolateWatch {
    fn drop(&mut self) {
        self.shared.unregister();
        // SAFETY: a watch is dropped before its isolate ends (see `install`).
        unsafe {
            self.isolate
                .remove_mark_compact_epilogue(mark_compact_epilogue, self.as_data())
        }
        self.remove_near_heap_limit();
    }
}

pub(super) unsafe extern "C" fn mark_compact_epilogue(
    _isolate: *mut RawIsolate,
    _gc_type: u32,
    _flags: u32,
    data: *mut c_void,
) {
    // SAFETY: `data` is the value that `install` registered; it is alive as long as the callback is.
    let watch = unsafe { &*data.cast::<IsolateWatch>() };
    watch.on_mark_compact();
}

unsafe extern "C" fn near_heap_limit(data: *mut c_void, current: usize, initial: usize) -> usize {
    // SAFETY: as above.
    let watch = unsafe { &*data.cast::<IsolateWatch>() };
    watch.on_near_heap_limit(current as u64, initial as u64) as usize
}
