//! Threads that never run the application's signal handlers.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread with all signals blocked: the kernel then delivers each signal to a thread of Node's, as it did before.
#[cfg(unix)]
pub fn spawn_without_signals(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    // SAFETY: both sets are initialised by the calls that are given them; a thread inherits the mask it is created with.
    unsafe {
        let mut all = std::mem::zeroed();
        let mut before = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let thread = Builder::new().name(name.to_owned()).spawn(body);
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        thread
    }
}

/// Windows delivers no signals to threads.
#[cfg(not(unix))]
pub fn spawn_without_signals(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(body)
}
