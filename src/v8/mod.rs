//! V8's exported C++ API, as far as the watch needs it, and its debug constants. The only place with mangled names and C++
//! structures.
//!
//! It knows isolates, their statistics and their callbacks; it must not know what a dump is.

mod isolate;
mod symbols;

pub use isolate::{Isolate, OldGenerationUse, YoungSpaces};
pub use symbols::{
    GcCallback, NearHeapLimitCallback, RawIsolate, UnsupportedHost, debug_constants,
};
