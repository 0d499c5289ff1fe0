//! A helper that is told to end takes its temporary file with it.

use std::path::Path;

/// Removes `file` should SIGTERM, SIGHUP or SIGINT end this process; replaces the file of an earlier call.
///
/// A process that is killed (SIGKILL) leaves its `.part`; the next dump then takes another temporary name.
#[cfg(unix)]
pub fn remove_on_termination(file: &Path) {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;
    use std::sync::atomic::Ordering;

    let Ok(path) = CString::new(file.as_os_str().as_bytes()) else {
        return;
    };
    // The path is never freed: a signal may arrive at any time, and a helper has one temporary file in its life.
    on_unix::DOOMED.store(path.into_raw(), Ordering::Release);
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT] {
        // SAFETY: the handler calls nothing but unlink, signal and raise, all async-signal-safe.
        unsafe {
            libc::signal(
                signal,
                on_unix::remove_and_die as *const () as libc::sighandler_t,
            )
        };
    }
}

/// Other systems have no such signals.
#[cfg(not(unix))]
pub fn remove_on_termination(_file: &Path) {}

/// The file is no longer temporary.
#[cfg(unix)]
pub fn keep() {
    on_unix::DOOMED.store(std::ptr::null_mut(), std::sync::atomic::Ordering::Release);
}

/// Other systems have no such signals.
#[cfg(not(unix))]
pub fn keep() {}

#[cfg(unix)]
mod on_unix {
    use std::ptr::null_mut;
    use std::sync::atomic::{AtomicPtr, Ordering};

    pub static DOOMED: AtomicPtr<libc::c_char> = AtomicPtr::new(null_mut());

    /// Dies of the same signal as without a handler, so that the parent sees the truth.
    pub extern "C" fn remove_and_die(signal: libc::c_int) {
        let path = DOOMED.swap(null_mut(), Ordering::Acquire);
        // SAFETY: a path in `DOOMED` is NUL-terminated and never freed; the calls are async-signal-safe.
        unsafe {
            if !path.is_null() {
                libc::unlink(path);
            }
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
}
