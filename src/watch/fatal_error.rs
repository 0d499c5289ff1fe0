//! V8's last call, when memory is out for good. It comes without a near-heap-limit call where a single table or array is too
//! large, and on any thread.

use std::ffi::{CStr, c_char};
use std::time::Instant;

use super::isolates::isolate_out_of_memory;
use super::{Cause, Meanwhile, Watch};
use crate::message::tell;
use crate::v8::{FatalError, Isolate, NoFatalError, OutOfMemoryDetails};

/// From now on the end of `isolate` for lack of memory waits for its dump, and so does that of a thread without an isolate. Then
/// the process ends as it would have.
///
/// # Errors
/// Where this Node does not let its end be waited for.
pub fn catch_fatal_errors(isolate: Isolate) -> Result<(), NoFatalError> {
    let fatal_error = FatalError::of_this_process()?;
    fatal_error.set_handler(isolate, out_of_memory);
    fatal_error.set_handler_without_isolate(out_of_memory_without_isolate);
    Ok(())
}

unsafe extern "C" fn out_of_memory(location: *const c_char, details: OutOfMemoryDetails) {
    leave_a_dump(location);
    if let Ok(fatal_error) = FatalError::of_this_process() {
        // SAFETY: V8's own arguments.
        unsafe { fatal_error.end_as_node_does(location, details) }
    }
}

/// V8 itself ends the process afterwards.
unsafe extern "C" fn out_of_memory_without_isolate(
    location: *const c_char,
    _details: OutOfMemoryDetails,
) {
    leave_a_dump(location);
}

/// What the dump takes in this process: a thread's stack, the child's first memory, lists of mappings.
const LEAST_MEMORY: usize = 32 << 20;

/// Whether the system still gives memory to this process. Where it does not (`ulimit -v`, an exhausted address space), a dump
/// cannot be had, and trying would end the process in other words than V8's.
fn is_there_memory() -> bool {
    Vec::<u8>::new().try_reserve_exact(LEAST_MEMORY).is_ok()
}

fn leave_a_dump(location: *const c_char) {
    if !is_there_memory() {
        return tell(
            "no heap snapshot: the system gives this process no memory any more; raise its limit of memory (ulimit -v)",
        );
    }
    let location = if location.is_null() {
        String::new()
    } else {
        // SAFETY: V8 hands over a C string or null.
        let location = unsafe { CStr::from_ptr(location) };
        location.to_string_lossy().into_owned()
    };
    let Some(isolate) = isolate_out_of_memory() else {
        return;
    };
    let deadline = Instant::now() + isolate.watch.rules.timeout;
    if !isolate.needs_javascript() {
        let cause = Cause::OutOfMemory { location };
        isolate.dump_and_wait(cause, meanwhile(&isolate.watch), deadline);
    }
    isolate.watch.dump.wait_for_helpers(deadline);
}

fn meanwhile(watch: &Watch) -> Meanwhile {
    if watch.is_of_this_thread() {
        Meanwhile::Waits
    } else {
        Meanwhile::OtherThreadWaits
    }
}
