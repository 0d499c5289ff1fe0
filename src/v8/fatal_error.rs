//! V8's last call: memory is out, and the process is about to be aborted.

use std::ffi::c_char;
use std::sync::OnceLock;

use super::isolate::Isolate;
use super::symbols::{Program, RawIsolate, UnsupportedHost};

/// What V8 says of an out-of-memory error beside its place: a `bool` in V8 10.2, the address of `v8::OOMDetails` since then.
/// Both come in one register, and this value is only ever handed on.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct OutOfMemoryDetails(usize);

/// `v8::OOMErrorCallback`: where V8 ran out of memory (a C string, or null), details. May be called on any thread: that of the
/// isolate, one that collects garbage for it, or one that compiles.
pub type OutOfMemoryCallback = unsafe extern "C" fn(*const c_char, OutOfMemoryDetails);

/// What V8 and Node do at that moment.
pub struct FatalError {
    /// `Isolate::SetOOMErrorHandler`.
    set_handler: unsafe extern "C" fn(*mut RawIsolate, OutOfMemoryCallback),
    /// `V8::SetFatalMemoryErrorCallback`.
    set_handler_without_isolate: unsafe extern "C" fn(OutOfMemoryCallback),
    /// `node::OOMErrorHandler`, which Node gives to each isolate.
    node_handler: OutOfMemoryCallback,
}

/// The names of the three functions, read with `nm -D` from the official binaries: V8 11.3 to 14.6, and 10.2.
const NAMES: [[&str; 3]; 2] = [
    [
        "_ZN2v87Isolate18SetOOMErrorHandlerEPFvPKcRKNS_10OOMDetailsEE",
        "_ZN2v82V827SetFatalMemoryErrorCallbackEPFvPKcRKNS_10OOMDetailsEE",
        "_ZN4node15OOMErrorHandlerEPKcRKN2v810OOMDetailsE",
    ],
    [
        "_ZN2v87Isolate18SetOOMErrorHandlerEPFvPKcbE",
        "_ZN2v82V827SetFatalMemoryErrorCallbackEPFvPKcbE",
        "_ZN4node15OOMErrorHandlerEPKcb",
    ],
];

/// V8's fatal error cannot be waited for.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0}; where V8 runs out of memory without a warning, as for a table that grows too large, there will be no heap snapshot"
)]
pub struct NoFatalError(#[from] UnsupportedHost);

impl FatalError {
    /// The functions of the running program, looked up once.
    ///
    /// # Errors
    /// Where one is not exported.
    pub fn of_this_process() -> Result<&'static Self, NoFatalError> {
        static FUNCTIONS: OnceLock<FatalError> = OnceLock::new();
        if let Some(functions) = FUNCTIONS.get() {
            return Ok(functions);
        }
        let program = Program::open()?;
        let [current, legacy] = NAMES;
        let functions =
            Self::resolve(&program, legacy).or_else(|_| Self::resolve(&program, current))?;
        Ok(FUNCTIONS.get_or_init(|| functions))
    }

    fn resolve(
        program: &Program,
        [handler, handler_without_isolate, node_handler]: [&'static str; 3],
    ) -> Result<Self, UnsupportedHost> {
        // SAFETY: the names determine the C++ signatures; they differ in a word that is only handed on.
        let functions = unsafe {
            Self {
                set_handler: program.function(handler)?,
                set_handler_without_isolate: program.function(handler_without_isolate)?,
                node_handler: program.function(node_handler)?,
            }
        };
        Ok(functions)
    }

    /// Has V8 call `callback` instead of Node's handler when `isolate` has no memory left.
    pub fn set_handler(&self, isolate: Isolate, callback: OutOfMemoryCallback) {
        // SAFETY: the isolate runs the caller; V8 only stores the address of a function.
        unsafe { (self.set_handler)(isolate.raw(), callback) }
    }

    /// Has V8 call `callback` where a thread without an isolate, such as one that compiles, has no memory left. When it returns,
    /// V8 prints its message and ends the process. Node leaves this one unset.
    pub fn set_handler_without_isolate(&self, callback: OutOfMemoryCallback) {
        // SAFETY: V8 only stores the address of a function, which is never unloaded.
        unsafe { (self.set_handler_without_isolate)(callback) }
    }

    /// What Node does: prints the message, writes the report if one is wanted, aborts.
    ///
    /// # Safety
    /// Both arguments must be those of the call that V8 made.
    pub unsafe fn end_as_node_does(&self, location: *const c_char, details: OutOfMemoryDetails) {
        // SAFETY: the caller's promise.
        unsafe { (self.node_handler)(location, details) }
    }
}
