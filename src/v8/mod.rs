//! V8's exported C++ API, as far as the watch needs it, and its debug constants. The only place with mangled names and C++
//! structures.
//!
//! It knows isolates, their statistics and their callbacks; it must not know what a dump is.

mod fatal_error;
mod isolate;
mod symbols;

pub use fatal_error::{FatalError, NoFatalError, OutOfMemoryCallback, OutOfMemoryDetails};
pub use isolate::{HeapSpaceUse, Isolate, OldGenerationUse, RemoteIsolate, YoungSpaces};
pub use symbols::{
    GcCallback, InterruptCallback, NearHeapLimitCallback, RawIsolate, UnsupportedHost,
    debug_constants,
};
