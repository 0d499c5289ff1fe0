//! How a frozen child ends, and how its parent learns of it.
//!
//! The exit code says which [`Ending`] it was; a page that both processes share has the details, and the parent's word that
//! it waits for that end. Nothing here allocates or takes a lock on the child's side, so that a signal handler may end it.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering};

use super::arena::ARENA;
use super::release::release;

/// Why a frozen child did not do its job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The job itself gave up or panicked; its own words.
    #[error("{0}")]
    Job(String),
    /// The child was ended by its own fault, such as a read of memory that is not there.
    #[error("reading the frozen image crashed with signal {signal} at address {address:#x}")]
    Crashed {
        /// `SIGSEGV`, `SIGBUS`, …
        signal: i32,
        /// The address that could not be accessed, where the signal has one.
        address: usize,
    },
    /// The arena could not grow.
    #[error(
        "there was no memory left to read the frozen image; give the container some percent of the heap more"
    )]
    OutOfMemory,
    /// The child did not end by its deadline and was ended.
    #[error("reading the frozen image took longer than its deadline")]
    TimedOut,
    /// A dying application waited for the child, which had no CPU.
    #[error(
        "the process that read the frozen image got no CPU: it runs at idle priority, others keep all CPUs busy, and this process, which is dying and waits for it, may not raise its priority (CAP_SYS_NICE)"
    )]
    Starved,
    /// Someone ended the child from outside.
    #[error(
        "the process that read the frozen image was killed by signal {signal}; it needs memory of its own, about 4 % of the heap"
    )]
    Killed {
        /// `SIGKILL` where the kernel's out-of-memory killer did it.
        signal: i32,
    },
    /// Another part of the application reaped the child with `__WALL` before it could tell.
    #[error("the process that read the frozen image disappeared")]
    Vanished,
}

impl Failure {
    /// Whether the child died of a fault of its own. After a crash in the shared way a copy-on-write try is worth it.
    pub fn is_crash(&self) -> bool {
        match self {
            Self::Crashed { .. } => true,
            // A fault before the child had its handlers, or within one.
            Self::Killed { signal } => FAULTS.contains(signal),
            _ => false,
        }
    }
}

/// The signals of a process' own faults.
pub(super) const FAULTS: [i32; 6] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGABRT,
    libc::SIGSYS,
];

/// The exit codes of a frozen child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Ending {
    Done = 80,
    Failed = 81,
    Crashed = 82,
    OutOfMemory = 83,
    TimedOut = 84,
    Dismissed = 85,
}

/// Where the calling process' frozen child leaves its last words, or null.
static LAST_WORDS: AtomicPtr<Page> = AtomicPtr::new(ptr::null_mut());

/// Ends the frozen child at once: no destructor, no flush, no lock.
pub(super) fn end(ending: Ending) -> ! {
    if let Some(page) = current_page() {
        page.peak_memory.store(ARENA.peak(), Ordering::Relaxed);
        page.ending.store(ending as u8, Ordering::Release);
    }
    release();
    // SAFETY: always sound; it is the child's only way to end.
    unsafe { libc::_exit(ending as i32) }
}

/// Ends the frozen child because its job failed.
pub(super) fn fail(reason: &str) -> ! {
    if let Some(page) = current_page() {
        let mut length = reason.len().min(REASON_SIZE);
        while !reason.is_char_boundary(length) {
            length -= 1;
        }
        for (target, &byte) in page.reason.iter().zip(&reason.as_bytes()[..length]) {
            target.store(byte, Ordering::Relaxed);
        }
        page.reason_length.store(length, Ordering::Relaxed);
    }
    end(Ending::Failed)
}

/// Ends the frozen child because of a fault.
pub(super) fn crash(signal: i32, address: usize) -> ! {
    if let Some(page) = current_page() {
        page.signal.store(signal as u8, Ordering::Relaxed);
        page.address.store(address, Ordering::Relaxed);
    }
    end(Ending::Crashed)
}

/// Whether the application waits for this child.
pub(super) fn is_awaited() -> bool {
    current_page().is_some_and(|page| page.is_awaited.load(Ordering::Relaxed))
}

fn current_page() -> Option<&'static Page> {
    // SAFETY: null, or the page that the parent mapped for the child's whole life.
    unsafe { LAST_WORDS.load(Ordering::Relaxed).as_ref() }
}

const REASON_SIZE: usize = 1024;

#[repr(C)]
struct Page {
    peak_memory: AtomicUsize,
    address: AtomicUsize,
    reason_length: AtomicUsize,
    ending: AtomicU8,
    signal: AtomicU8,
    is_awaited: AtomicBool,
    reason: [AtomicU8; REASON_SIZE],
}

/// The parent's hold on the shared page. Unmapped when dropped.
pub(super) struct LastWords {
    page: NonNull<Page>,
}

// SAFETY: the page consists of atomics and may be read from any thread.
unsafe impl Send for LastWords {}

impl LastWords {
    /// A new page, to which the next clone's child will write.
    pub(super) fn map() -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping at an address of the kernel's choice touches no existing one.
        let page = unsafe { libc::mmap(ptr::null_mut(), size_of::<Page>(), access, flags, -1, 0) };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let page = NonNull::new(page.cast()).ok_or_else(io::Error::last_os_error)?;
        LAST_WORDS.store(page.as_ptr(), Ordering::Relaxed);
        Ok(Self { page })
    }

    /// Tells the child that the application waits for it.
    pub(super) fn hurry(&self) {
        self.page().is_awaited.store(true, Ordering::Relaxed);
    }

    /// The most bytes the arena had in use; 0 where the child was killed.
    pub(super) fn peak_memory(&self) -> usize {
        self.page().peak_memory.load(Ordering::Relaxed)
    }

    /// What the wait status of the child means.
    pub(super) fn explain(&self, status: i32) -> Result<(), Failure> {
        if libc::WIFSIGNALED(status) {
            return Err(Failure::Killed {
                signal: libc::WTERMSIG(status),
            });
        }
        self.explain_code(libc::WEXITSTATUS(status))
    }

    /// What the child said, where its wait status was taken by someone else.
    pub(super) fn explain_without_status(&self) -> Result<(), Failure> {
        self.explain_code(self.page().ending.load(Ordering::Acquire).into())
    }

    fn explain_code(&self, code: i32) -> Result<(), Failure> {
        let page = self.page();
        match code {
            code if code == Ending::Done as i32 => Ok(()),
            code if code == Ending::Crashed as i32 => Err(Failure::Crashed {
                signal: page.signal.load(Ordering::Relaxed).into(),
                address: page.address.load(Ordering::Relaxed),
            }),
            code if code == Ending::OutOfMemory as i32 => Err(Failure::OutOfMemory),
            code if code == Ending::TimedOut as i32 => Err(Failure::TimedOut),
            code if code == Ending::Dismissed as i32 => Err(Failure::Killed {
                signal: libc::SIGTERM,
            }),
            code if code == Ending::Failed as i32 => Err(Failure::Job(self.reason())),
            _ => Err(Failure::Vanished),
        }
    }

    fn reason(&self) -> String {
        let page = self.page();
        let length = page.reason_length.load(Ordering::Relaxed).min(REASON_SIZE);
        let bytes: Vec<u8> = page.reason[..length]
            .iter()
            .map(|byte| byte.load(Ordering::Relaxed))
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn page(&self) -> &Page {
        // SAFETY: mapped in `map` and until the drop; all its fields are atomics, valid when zero.
        unsafe { self.page.as_ref() }
    }
}

impl Drop for LastWords {
    fn drop(&mut self) {
        LAST_WORDS.store(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: the mapping is this value's own.
        unsafe { libc::munmap(self.page.as_ptr().cast(), size_of::<Page>()) };
    }
}
