//! What the watch adds to a mark-compact, measured inside real collections. Built with the feature `bench` only; printed
//! by `npm run bench:watch`.

use std::cell::RefCell;
use std::ffi::c_void;
use std::time::Duration;

use super::IsolateWatch;
use super::isolate_watch::mark_compact_epilogue;
use crate::v8::{Isolate, RawIsolate};

/// CPU time of one callback in each collection, in nanoseconds: a hook that does nothing, and the watch's.
#[derive(Default)]
pub struct HookCosts {
    /// The empty hook, a value a collection.
    pub empty: Vec<f64>,
    /// The watch, a value a collection.
    pub watch: Vec<f64>,
}

/// Measures both hooks in each mark-compact that `collect` causes, in turns as to which comes first.
pub fn measure(isolate: Isolate, watch: &IsolateWatch, collect: impl FnOnce()) -> HookCosts {
    let measurement = Measurement {
        watch,
        costs: RefCell::default(),
    };
    let data: *mut c_void = std::ptr::from_ref(&measurement).cast_mut().cast();
    // SAFETY: `measurement` outlives the callback, which is removed below.
    unsafe { isolate.add_mark_compact_epilogue(time_both_hooks, data) };
    collect();
    // SAFETY: the isolate runs the caller.
    unsafe { isolate.remove_mark_compact_epilogue(time_both_hooks, data) };
    measurement.costs.into_inner()
}

struct Measurement<'a> {
    watch: &'a IsolateWatch,
    costs: RefCell<HookCosts>,
}

unsafe extern "C" fn time_both_hooks(
    isolate: *mut RawIsolate,
    gc_type: u32,
    flags: u32,
    data: *mut c_void,
) {
    // SAFETY: `data` is the measurement that `measure` keeps alive.
    let measurement = unsafe { &*data.cast::<Measurement<'_>>() };
    let watch: *mut c_void = std::ptr::from_ref(measurement.watch).cast_mut().cast();
    // SAFETY: each hook gets the data it expects.
    let time_empty = || cpu_time_of(|| unsafe { empty_hook(isolate, gc_type, flags, watch) });
    // SAFETY: as above.
    let time_watch =
        || cpu_time_of(|| unsafe { mark_compact_epilogue(isolate, gc_type, flags, watch) });
    let mut costs = measurement.costs.borrow_mut();
    let (empty, watch) = if costs.empty.len() % 2 == 0 {
        let empty = time_empty();
        (empty, time_watch())
    } else {
        let watch = time_watch();
        (time_empty(), watch)
    };
    costs.empty.push(empty);
    costs.watch.push(watch);
}

#[inline(never)]
unsafe extern "C" fn empty_hook(
    isolate: *mut RawIsolate,
    _gc_type: u32,
    _flags: u32,
    data: *mut c_void,
) {
    std::hint::black_box((isolate, data));
}

fn cpu_time_of(body: impl FnOnce()) -> f64 {
    let before = thread_cpu_time();
    body();
    (thread_cpu_time() - before).as_nanos() as f64
}

fn thread_cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the clock exists on every system with threads; the buffer is live.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
