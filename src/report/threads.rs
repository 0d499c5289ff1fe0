//! Two things at once.

use std::panic::resume_unwind;
use std::thread::{Builder, available_parallelism, scope};

/// What both functions give: the first is run by a thread of its own where there is one to have, else before the second.
pub fn both<A: Send, B>(one: impl Fn() -> A + Sync, other: impl FnOnce() -> B) -> (A, B) {
    if available_parallelism().is_ok_and(|cores| cores.get() == 1) {
        return (one(), other());
    }
    scope(|scope| match Builder::new().spawn_scoped(scope, &one) {
        Ok(thread) => {
            let other = other();
            let one = thread.join();
            (one.unwrap_or_else(|panic| resume_unwind(panic)), other)
        }
        Err(_) => (one(), other()),
    })
}
