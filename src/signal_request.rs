//! A signal that asks for a dump. What else handles it goes on doing so.
//!
//! The handler only writes a byte; a thread reads it and asks. libuv sets a handler without regard to the one that is there, so
//! [`chain`] is called again whenever the program may have added or removed one.

use std::io::{self, PipeWriter, Read};
use std::mem::MaybeUninit;
use std::os::fd::{IntoRawFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use libc::{c_int, c_void, sigaction, siginfo_t};

use crate::monitor::{NoThread, spawn_without_signals};
use crate::watch::{Cause, ask_for_dump};

/// The signal cannot be listened to.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// There are no descriptors.
    #[error(
        "no pipe can be made for the signal that asks for a dump ({0}): raise the limit of open files"
    )]
    Pipe(#[source] io::Error),
    /// The system refused.
    #[error("signal {signal} cannot be handled ({source}): choose another one")]
    Handler {
        /// Its number.
        signal: c_int,
        /// Why.
        source: io::Error,
    },
    /// There can be no thread.
    #[error(transparent)]
    Thread(#[from] NoThread),
}

/// Where the handler writes, or -1.
static BELL: AtomicI32 = AtomicI32::new(-1);

/// The signal that asks for a dump, or [`NONE`].
static LISTENED: AtomicI32 = AtomicI32::new(NONE);

const NONE: c_int = 0;

/// The handlers that were there before ours, by their signal; never freed, for they may be running.
static BEFORE: [AtomicPtr<sigaction>; SIGNALS] =
    [const { AtomicPtr::new(ptr::null_mut()) }; SIGNALS];

/// Signals of Linux and macOS are below.
const SIGNALS: usize = 65;

/// Has `signal` ask for a dump until [`stop`], instead of an earlier one.
///
/// # Errors
/// A [`SignalError`]; nothing listens then.
pub fn listen(signal: c_int) -> Result<(), SignalError> {
    stop();
    make_bell()?;
    LISTENED.store(signal, Ordering::Release);
    chain(signal)
}

/// The signal does again what it did before. Where somebody has put a handler in front of ours, ours stays and passes on.
pub fn stop() {
    let signal = LISTENED.swap(NONE, Ordering::AcqRel);
    if signal == NONE || !present(signal).is_ok_and(|present| is_ours(&present)) {
        return;
    }
    let before = before(signal).load(Ordering::Acquire);
    // SAFETY: the handler is one that the system has given. It has been accepted before, so it is again.
    unsafe { libc::sigaction(signal, before, ptr::null_mut()) };
}

/// Puts our handler in front of the one that is there, unless it is there already.
///
/// # Errors
/// [`SignalError::Handler`].
pub fn chain(signal: c_int) -> Result<(), SignalError> {
    let refused = |source| SignalError::Handler { signal, source };
    let present = present(signal).map_err(refused)?;
    if LISTENED.load(Ordering::Acquire) != signal || is_ours(&present) {
        return Ok(());
    }
    remember(signal, present);
    let ours = sigaction {
        sa_sigaction: on_signal as *const () as usize,
        // The handler before is called by ours, with whatever it needs.
        sa_flags: present.sa_flags & libc::SA_ONSTACK | libc::SA_SIGINFO | libc::SA_RESTART,
        ..present
    };
    // SAFETY: the handler calls nothing that is not safe in a signal handler.
    match unsafe { libc::sigaction(signal, &raw const ours, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(refused(io::Error::last_os_error())),
    }
}

/// The pipe that the handler writes to, and the thread that reads it: made once a process, for a handler may be running at any
/// time.
fn make_bell() -> Result<(), SignalError> {
    if BELL.load(Ordering::Acquire) >= 0 {
        return Ok(());
    }
    let (mut rings, bell) = io::pipe().map_err(SignalError::Pipe)?;
    make_non_blocking(&bell).map_err(SignalError::Pipe)?;
    spawn_without_signals("oom-heapdump", move || {
        // Several rings that were not heard yet are one request.
        let mut heard = [0; 64];
        while rings.read(&mut heard).is_ok_and(|count| count > 0) {
            ask_for_dump(Cause::Signal);
        }
    })
    .map_err(NoThread::from)?;
    BELL.store(bell.into_raw_fd(), Ordering::Release);
    Ok(())
}

fn present(signal: c_int) -> io::Result<sigaction> {
    let mut present = MaybeUninit::<sigaction>::zeroed();
    // SAFETY: the structure is writable, and valid when zero.
    match unsafe { libc::sigaction(signal, ptr::null(), present.as_mut_ptr()) } {
        // SAFETY: as above.
        0 => Ok(unsafe { present.assume_init() }),
        _ => Err(io::Error::last_os_error()),
    }
}

fn is_ours(handler: &sigaction) -> bool {
    handler.sa_sigaction == on_signal as *const () as usize
}

fn before(signal: c_int) -> &'static AtomicPtr<sigaction> {
    // The system has accepted the signal, so it is one.
    &BEFORE[signal as usize % SIGNALS]
}

fn remember(signal: c_int, handler: sigaction) {
    let slot = before(signal);
    // SAFETY: what was stored is never freed.
    let known = unsafe { slot.load(Ordering::Acquire).as_ref() };
    let is_known = known.is_some_and(|known| {
        (known.sa_sigaction, known.sa_flags) == (handler.sa_sigaction, handler.sa_flags)
    });
    if !is_known {
        slot.store(Box::into_raw(Box::new(handler)), Ordering::Release);
    }
}

extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    if LISTENED.load(Ordering::Acquire) == signal {
        let bell: RawFd = BELL.load(Ordering::Acquire);
        let error = errno();
        // SAFETY: writes one live byte. A full pipe means that the thread will read it anyway.
        unsafe { libc::write(bell, c"!".as_ptr().cast(), 1) };
        set_errno(error);
    }
    // SAFETY: what was stored is never freed.
    if let Some(before) = unsafe { before(signal).load(Ordering::Acquire).as_ref() } {
        // SAFETY: the handler is the one that the system would have called, with the arguments that it would have had.
        unsafe { call(before, signal, info, context) };
    }
}

/// # Safety
/// `handler` must be one that the system has given, and the rest the arguments of a signal handler.
unsafe fn call(handler: &sigaction, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    match handler.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => {}
        address if handler.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: the flag says that it is a function of this signature.
            let function: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
                unsafe { std::mem::transmute(address) };
            function(signal, info, context);
        }
        address => {
            // SAFETY: without the flag it is a function of this signature.
            let function: extern "C" fn(c_int) = unsafe { std::mem::transmute(address) };
            function(signal);
        }
    }
}

fn make_non_blocking(pipe: &PipeWriter) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: sets a flag of a descriptor that is open.
    match unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn errno() -> c_int {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn set_errno(error: c_int) {
    #[cfg(target_os = "linux")]
    // SAFETY: the address of this thread's own variable.
    unsafe {
        *libc::__errno_location() = error
    };
    #[cfg(target_os = "macos")]
    // SAFETY: as above.
    unsafe {
        *libc::__error() = error
    };
}
