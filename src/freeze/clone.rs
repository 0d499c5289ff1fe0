//! Starting and reaping a process that the application does not notice.
//!
//! `clone` without an exit signal raises no SIGCHLD, is not seen by a `waitpid(-1)` and runs nobody's `pthread_atfork`
//! handlers. The libc's own wrapper is used: in glibc it is the system call and a jump to the function on the new stack
//! and touches neither locks nor thread-locals; in musl that is true with `CLONE_VM`, and without it adds what the
//! child needs for a consistent thread.

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

/// The life of the new process. It must not unwind.
pub(super) type Life = extern "C" fn(*mut c_void) -> c_int;

/// Whether the new process has a copy of the memory or the memory itself.
#[derive(Clone, Copy)]
pub(super) enum Memory {
    Copied,
    Shared,
}

/// What has become of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Running,
    /// It has ended and been reaped; its wait status.
    Ended(i32),
    /// Someone else has reaped it.
    Gone,
}

/// A process that is killed and reaped when this value is dropped, unless it has ended before.
pub(super) struct Process {
    id: libc::pid_t,
    state: State,
}

impl Process {
    /// Starts a process that runs `life(argument)` on `stack`.
    ///
    /// # Safety
    /// Stack and argument must stay mapped while a process with shared memory lives, and `life` must only do what is
    /// allowed in a process whose other threads are gone or, with shared memory, in a thread of the same thread-locals as
    /// the caller's; the caller must then do nothing but [`Process::join`].
    pub(super) unsafe fn start(
        memory: Memory,
        stack: &Range<usize>,
        life: Life,
        argument: *mut c_void,
    ) -> io::Result<Self> {
        let flags = match memory {
            Memory::Copied => 0,
            Memory::Shared => libc::CLONE_VM,
        };
        // SAFETY: the stack grows down from its end; the rest is the caller's promise.
        let id = unsafe { libc::clone(life, stack.end as *mut c_void, flags, argument) };
        if id < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(Self {
                id,
                state: State::Running,
            })
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.id.unsigned_abs()
    }

    /// Looks whether it has ended, and reaps it if so.
    pub(super) fn state(&mut self) -> State {
        self.wait(libc::WNOHANG)
    }

    /// Waits for its end and reaps it.
    pub(super) fn join(&mut self) -> State {
        self.wait(0)
    }

    /// Asks it to give its memory back and to end, and waits for that for a while: see [`release`](super::release).
    pub(super) fn dismiss(&mut self) {
        const PATIENCE: Duration = Duration::from_millis(500);
        const PAUSE: Duration = Duration::from_millis(1);
        let start = Instant::now();
        // SAFETY: a signal to a process of our own, which has not been reaped.
        unsafe { libc::kill(self.id, libc::SIGTERM) };
        while self.state() == State::Running && start.elapsed() < PATIENCE {
            thread::sleep(PAUSE);
        }
    }

    /// Sends SIGKILL, which the process follows when it next gets a CPU. One that runs only when nobody else does may wait long
    /// for that; its memory is taken from it at once.
    pub(super) fn kill(&mut self) {
        // A process that is gone must not be killed: its id may be another's by now.
        if self.state() == State::Running {
            // SAFETY: a signal to a process of our own.
            unsafe { libc::kill(self.id, libc::SIGKILL) };
            self.release_memory();
        }
    }

    /// Before Linux 5.15 the memory waits as well. That of a process which is not about to end, such as the one that a shared
    /// child works on, the kernel does not touch.
    fn release_memory(&self) {
        // SAFETY: plain numbers; the descriptor is closed once.
        unsafe {
            let descriptor = libc::syscall(libc::SYS_pidfd_open, self.id, 0);
            if let Ok(descriptor @ 0..) = libc::c_int::try_from(descriptor) {
                libc::syscall(libc::SYS_process_mrelease, descriptor, 0);
                libc::close(descriptor);
            }
        }
    }

    fn wait(&mut self, flags: c_int) -> State {
        let mut status = 0;
        while self.state == State::Running {
            // SAFETY: `status` is writable. A process without an exit signal is only found with __WALL.
            match unsafe {
                libc::wait4(
                    self.id,
                    &raw mut status,
                    flags | libc::__WALL,
                    ptr::null_mut(),
                )
            } {
                0 => break,
                id if id == self.id => self.state = State::Ended(status),
                _ if io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
                _ => self.state = State::Gone,
            }
        }
        self.state
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        self.join();
    }
}

/// All signals of the calling thread are blocked while this value lives: the application's handlers must run neither in
/// a child before it has its own, nor on a thread whose thread-locals a child is using.
pub(super) struct BlockedSignals {
    before: libc::sigset_t,
}

impl BlockedSignals {
    pub(super) fn block() -> Self {
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: both sets are written before they are read; neither call fails with these arguments.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            Self {
                before: before.assume_init(),
            }
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set was written by `block`.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut())
        };
    }
}
