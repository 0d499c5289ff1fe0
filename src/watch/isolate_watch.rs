//! The callbacks V8 makes on the isolate's own thread. Thin: they read numbers, ask the policy and return.
//!
//! They run inside the garbage collector: no allocation, no lock, no panic, no call back into JavaScript.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use super::extension::{Extension, parting_limit};
use super::{Alarm, Cause, Danger, Dumper, Stage, Watch};
use crate::v8::{Isolate, RawIsolate, YoungSpaces};

/// How long one near-heap-limit call waits for the helper to reach the inspector. The helper takes a few milliseconds;
/// the rest is for a machine under load.
const CONNECTION_PATIENCE: Duration = Duration::from_millis(2000);

/// How long a process that is about to die waits for the dump from its frozen image.
const FROZEN_PATIENCE: Duration = Duration::from_millis(300_000);

/// A raised limit is taken back when the heap falls below this share of the limit it began with.
const RESTORE_SHARE: f64 = 0.9;

/// Node's `threadId` of the main thread.
const MAIN_THREAD: u32 = 0;

/// A watch bound to its isolate: the callbacks are installed as long as this value lives.
pub struct IsolateWatch {
    watch: Arc<Watch>,
    dumper: Box<dyn Dumper>,
    isolate: Isolate,
    young: YoungSpaces,
    extension: Cell<Extension>,
    installed_near_heap_limit: Cell<bool>,
    settling: Cell<bool>,
    settled_limit: Cell<u64>,
}

impl IsolateWatch {
    /// Installs the callbacks on the isolate of this thread. The value must be dropped on this thread, before the isolate
    /// ends, or never.
    pub fn install(isolate: Isolate, watch: Arc<Watch>, dumper: Box<dyn Dumper>) -> Box<Self> {
        let this = Box::new(Self {
            watch,
            dumper,
            isolate,
            young: isolate.young_spaces(),
            extension: Cell::default(),
            installed_near_heap_limit: Cell::new(true),
            settling: Cell::new(false),
            settled_limit: Cell::new(0),
        });
        let data: *mut c_void = std::ptr::from_ref(&*this).cast_mut().cast();
        // SAFETY: the box gives `data` a fixed address, and dropping it removes both callbacks first. Each is added once:
        // this value is new, and there is one for each isolate.
        unsafe {
            isolate.add_mark_compact_epilogue(mark_compact_epilogue, data);
            isolate.add_near_heap_limit_callback(near_heap_limit, data);
        }
        this
    }

    /// The shared part.
    pub fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// Bytes of the old generation in use now.
    pub fn used_now(&self) -> u64 {
        self.isolate.old_generation_use(self.young).used
    }

    fn on_mark_compact(&self) {
        let used = self.used_now();
        if self.watch.note_collection(used) {
            self.begin_dump(Cause::Threshold, used);
        }
    }

    /// V8 is about to give up. Returns the limit it shall have, in bytes.
    fn on_near_heap_limit(&self, current: u64, initial: u64) -> u64 {
        if self.settling.get() {
            self.settled_limit.set(self.parting_limit(current));
            return self.settled_limit.get();
        }
        if self.extension.get().granted() == 0 {
            self.watch.report(Alarm::NearHeapLimit {
                current_heap_limit: current,
            });
        }
        if self.watch.dump.claim_last_chance() {
            self.begin_dump(Cause::NearHeapLimit, self.used_now());
        }
        self.watch.dump.wait_for_frozen_child(FROZEN_PATIENCE);
        match self.watch.dump.get() {
            Stage::Requested | Stage::Connected => self.outlive_the_dump(current, initial),
            Stage::Idle | Stage::Frozen | Stage::Complete | Stage::Failed => {
                self.step_aside(current)
            }
        }
    }

    fn begin_dump(&self, cause: Cause, used: u64) {
        self.dumper.begin(Danger {
            watch: Arc::clone(&self.watch),
            cause,
            used,
        });
    }

    /// The helper needs this process alive, and its thread running JavaScript, until the file is complete.
    fn outlive_the_dump(&self, current: u64, initial: u64) -> u64 {
        self.watch.dump.wait_for_connection(CONNECTION_PATIENCE);
        let mut extension = self.extension.get();
        let raised = extension.raise(current, initial);
        self.extension.set(extension);
        raised.unwrap_or_else(|| {
            self.watch.report(Alarm::GivenUp {
                watch: Arc::clone(&self.watch),
                granted: extension.granted(),
            });
            self.step_aside(current)
        })
    }

    /// Lets the process go on as it would have without us: V8's next call reaches the callback installed before ours.
    fn step_aside(&self, current: u64) -> u64 {
        if self.watch.thread != MAIN_THREAD {
            self.settle();
        }
        self.remove_near_heap_limit();
        if self.extension.get().granted() > 0 {
            self.isolate
                .automatically_restore_initial_heap_limit(RESTORE_SHARE);
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
        parting_limit(
            current,
            self.isolate.old_generation_use(self.young).committed,
        )
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
}

impl Drop for IsolateWatch {
    fn drop(&mut self) {
        let data: *mut c_void = std::ptr::from_ref(&*self).cast_mut().cast();
        // SAFETY: a watch is dropped before its isolate ends (see `install`).
        unsafe {
            self.isolate
                .remove_mark_compact_epilogue(mark_compact_epilogue, data)
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
