//! Whether the heap reader has failed its self-test in this process. V8 does not change while a process runs, so one failure
//! is enough for all isolates and for good.

use std::sync::OnceLock;

static DISTRUST: OnceLock<String> = OnceLock::new();

/// Why the reader is not used any more, if so.
pub fn distrust() -> Option<&'static str> {
    DISTRUST.get().map(String::as_str)
}

/// The reader failed for `reason`.
pub fn lose(reason: String) {
    // The first reason stays.
    let _ = DISTRUST.set(reason);
}
