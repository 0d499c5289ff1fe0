//! Whether the heap reader is trusted in this process, and the self-test that decides it. V8 does not change while a process
//! runs, so one test and one failure are enough for all isolates and for good.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use super::HeapReader;
use crate::freeze::{Ended, Failure, Frozen};

static DISTRUST: OnceLock<String> = OnceLock::new();

/// The child of the self-test, while it is at work.
static TESTING: Mutex<Option<Frozen>> = Mutex::new(None);

/// Why the reader is not used any more, if so.
pub fn distrust() -> Option<&'static str> {
    DISTRUST.get().map(String::as_str)
}

/// Freezes the process for the self-test, unless there has been one. A refusal, such as while a dump is made, is no verdict.
pub fn begin_self_test(reader: &HeapReader) {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    if !BEGUN.swap(true, Ordering::Relaxed) {
        *testing() = reader.self_test_frozen().ok();
    }
}

/// Waits for the self-test. Returns why the reader is not used any more, if so.
pub fn finish_self_test() -> Option<&'static str> {
    const PAUSE: Duration = Duration::from_millis(10);
    while is_testing() {
        thread::sleep(PAUSE);
    }
    distrust()
}

/// Whether the self-test goes on. Its end is judged here.
fn is_testing() -> bool {
    let mut testing = testing();
    if let Some(ended) = testing.as_mut().and_then(Frozen::try_wait) {
        judge(&ended);
        *testing = None;
    }
    testing.is_some()
}

/// Ends a self-test that is at work: a dump, whose child tests itself, goes first.
pub fn give_way() {
    drop(testing().take());
}

/// Only what the reader itself has done wrong is held against it; a child that was killed or found no memory was not wrong.
fn judge(ended: &Ended) {
    if let Err(failure @ (Failure::Job(_) | Failure::Crashed { .. })) = &ended.result {
        // The first reason stays.
        let _ = DISTRUST.set(failure.to_string());
    }
}

fn testing() -> MutexGuard<'static, Option<Frozen>> {
    TESTING.lock().unwrap_or_else(PoisonError::into_inner)
}
