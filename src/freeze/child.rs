//! The life of a frozen child, from the clone to `_exit`.
//!
//! It disturbs nobody: its signals, timer, limits, descriptors and priority are its own in both ways. What belongs to the
//! memory and not to the process, such as `oom_score_adj`, is touched only where the memory is a copy.

use std::ffi::{c_int, c_void};
use std::io;
use std::mem;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::Once;
use std::time::Duration;

use super::arena::ARENA;
use super::dontfork::Marked;
use super::ending::{self, Ending, FAULTS};
use super::pace::Pace;
use super::priority::Priority;
use super::quarters::Quarters;
use super::release::release_at_end;
use super::{Terms, Way};

/// What the job gets to work with.
pub struct Child<'a> {
    way: Way,
    output: BorrowedFd<'a>,
    dontfork: &'a [Range<usize>],
    own_memory: Range<usize>,
    /// To be kept between pieces of work.
    pub pace: Pace,
}

impl Child<'_> {
    /// The one descriptor that is left.
    pub fn output(&self) -> BorrowedFd<'_> {
        self.output
    }

    /// How the image was frozen. In the shared way other threads of the application go on writing to it.
    pub fn way(&self) -> Way {
        self.way
    }

    /// The private anonymous memory that the application marked `MADV_DONTFORK`, by ascending address. V8 does so with
    /// its heap, malloc does not.
    ///
    /// # Errors
    /// In the shared way it is found out only here, which takes `/proc` and a process more.
    pub fn dontfork(&self) -> io::Result<Vec<Range<usize>>> {
        match self.way {
            Way::CopyOnWrite => Ok(self.dontfork.to_vec()),
            Way::Shared => Ok(Marked::find()?.ranges),
        }
    }

    /// The addresses of the child's stacks and arena, which are no part of the image.
    pub fn own_memory(&self) -> Range<usize> {
        self.own_memory.clone()
    }

    /// Bytes of the arena in use now, and the most so far.
    pub fn memory(&self) -> (usize, usize) {
        (ARENA.in_use(), ARENA.peak())
    }
}

/// All that a child is given at the clone.
pub(super) struct Birth<'a, J> {
    pub(super) way: Way,
    pub(super) terms: &'a Terms<'a>,
    pub(super) dontfork: &'a [Range<usize>],
    pub(super) quarters: &'a Quarters,
    pub(super) job: &'a J,
}

/// The child's first function; `birth` is a `Birth<J>`.
pub(super) extern "C" fn live<J>(birth: *mut c_void) -> c_int
where
    J: Fn(&mut Child<'_>) -> Result<(), String>,
{
    // SAFETY: the parent passes a `Birth<J>` that lives as long as the child.
    let birth = unsafe { &*birth.cast::<Birth<'_, J>>() };
    let Terms {
        output,
        deadline,
        background,
    } = birth.terms;
    let background = background.filter(|_| birth.way == Way::CopyOnWrite);
    drop_descriptors_but(output.as_raw_fd());
    // Before it has to wait for a CPU that nobody else wants: memory is copied from this moment on.
    if birth.way == Way::CopyOnWrite {
        be_killed_first();
    }
    // Soon, because the application goes on at this moment.
    background
        .map_or(Priority::Normal, |background| background.priority)
        .take();
    handle_signals(&birth.quarters.handler_stack());
    set_deadline(*deadline);
    leave_no_core();
    stand_alone();
    if birth.way == Way::CopyOnWrite {
        // SAFETY: the memory is a copy, and neither V8's heap nor the arena has stacks or our code.
        unsafe { release_at_end(birth.dontfork, birth.quarters.arena()) };
    }
    let mut child = Child {
        way: birth.way,
        output: *output,
        dontfork: birth.dontfork,
        own_memory: birth.quarters.addresses(),
        pace: Pace::new(background.map_or(1.0, |background| background.share)),
    };
    match panic::catch_unwind(AssertUnwindSafe(|| (birth.job)(&mut child))) {
        Ok(Ok(())) => ending::end(Ending::Done),
        Ok(Err(reason)) => ending::fail(&reason),
        Err(panic) => ending::fail(panic_message(&*panic)),
    }
}

/// A panic of the child is told by its last words. Printing it as well would take locks, and would leave the symbols of a
/// backtrace in a static that in the shared way is the application's.
pub(super) fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !ARENA.is_callers() {
                print(panic);
            }
        }));
    });
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let message = panic.downcast_ref::<&str>().copied();
    message
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("the reader panicked")
}

/// Faults, the deadline and a dismissal end the child with a reason, a closed pipe is an error of `write`, and all other
/// signals do what they do by default. The parent had them all blocked at the clone.
fn handle_signals(handler_stack: &Range<usize>) {
    let stack = libc::stack_t {
        ss_sp: handler_stack.start as *mut c_void,
        ss_flags: 0,
        ss_size: handler_stack.len(),
    };
    // SAFETY: the stack is mapped and unused. The structures are valid when zero, and the handlers only touch their own
    // stack and atomics before they exit. Calls that libc refuses (its internal signals) change nothing.
    unsafe {
        libc::sigaltstack(&raw const stack, ptr::null_mut());
        let mut action: libc::sigaction = mem::zeroed();
        libc::sigfillset(&raw mut action.sa_mask);
        for signal in 1..=libc::SIGRTMAX() {
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_fault;
            (action.sa_flags, action.sa_sigaction) = match signal {
                libc::SIGPIPE => (0, libc::SIG_IGN),
                libc::SIGALRM => (
                    libc::SA_ONSTACK,
                    on_deadline as extern "C" fn(c_int) as usize,
                ),
                libc::SIGTERM => (
                    libc::SA_ONSTACK,
                    on_dismissal as extern "C" fn(c_int) as usize,
                ),
                signal if FAULTS.contains(&signal) => {
                    (libc::SA_ONSTACK | libc::SA_SIGINFO, handler as usize)
                }
                _ => (0, libc::SIG_DFL),
            };
            libc::sigaction(signal, &raw const action, ptr::null_mut());
        }
        let mut none = mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

extern "C" fn on_fault(signal: c_int, information: *mut libc::siginfo_t, _context: *mut c_void) {
    // SAFETY: the kernel passes the signal's information.
    let information = unsafe { &*information };
    let is_of_the_kernel = information.si_code > 0;
    let address = match signal {
        libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGFPE if is_of_the_kernel => {
            // SAFETY: sent by the kernel, these signals have an address.
            unsafe { information.si_addr() as usize }
        }
        _ => 0,
    };
    ending::crash(signal, address)
}

extern "C" fn on_deadline(_signal: c_int) {
    ending::end(Ending::TimedOut)
}

extern "C" fn on_dismissal(_signal: c_int) {
    ending::end(Ending::Dismissed)
}

/// A deadline that timers and clocks can take: zero would mean none.
pub(super) fn limited(deadline: Duration) -> Duration {
    deadline.clamp(Duration::from_millis(1), Duration::from_secs(86_400))
}

/// The timer is the child's own: timers belong to a process, not to its memory.
fn set_deadline(deadline: Duration) {
    let deadline = limited(deadline);
    let it_value = libc::timeval {
        tv_sec: deadline.as_secs() as _,
        tv_usec: deadline.subsec_micros().into(),
    };
    let timer = libc::itimerval {
        it_interval: libc::timeval {
            tv_sec: 1,
            tv_usec: 0,
        },
        it_value,
    };
    // SAFETY: the structure is complete. Where the call fails the parent's own deadline remains.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, ptr::null_mut()) };
}

/// A core of this process would be as large as the application.
fn leave_no_core() {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure is complete; lowering a limit is always allowed.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
}

/// A process group of its own, so that Ctrl-C and a closing terminal do not end the dump, and a name for `ps`. The session stays
/// the application's: Linux may share the CPU out among sessions first (sched(7), autogroup), and a low priority counts
/// within one only.
fn stand_alone() {
    // SAFETY: neither call touches memory of this process; the name ends with a zero.
    unsafe {
        libc::setpgid(0, 0);
        libc::prctl(libc::PR_SET_NAME, c"heap-reader".as_ptr());
    }
}

/// The application's descriptors must not outlive it in the child: a listening socket would keep its port bound. The
/// first three then lead to `/dev/null`, so that no file opened later is taken for standard error.
fn drop_descriptors_but(kept: RawFd) {
    let after_kept = kept as u32 + 1;
    close_between(0, kept as u32);
    close_between(after_kept, u32::MAX);
    // SAFETY: the path ends with a zero; descriptors are plain numbers.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
        for standard in (0..=2).filter(|&standard| standard != kept) {
            libc::dup2(null, standard);
        }
        if null > 2 {
            libc::close(null);
        }
    }
}

fn close_between(first: u32, end: u32) {
    if first >= end {
        return;
    }
    // SAFETY: descriptors are plain numbers.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, end - 1, 0) } == 0;
    if !closed {
        for descriptor in first..end.min(descriptor_table_size()) {
            // SAFETY: as above.
            unsafe { libc::close(descriptor as RawFd) };
        }
    }
}

/// The number of descriptors that this process' table has room for. Before Linux 5.9 there was no `close_range`, and the
/// limit of open files may be a billion.
fn descriptor_table_size() -> u32 {
    const FALLBACK: u32 = 65_536;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let size = status
        .lines()
        .find_map(|line| line.strip_prefix("FDSize:"))
        .and_then(|size| size.trim().parse().ok());
    size.unwrap_or(FALLBACK)
}

/// Under memory pressure the kernel ends this process, never the application. The setting belongs to the memory, so it
/// must not be made where that is shared.
fn be_killed_first() {
    // A refusal leaves the child as likely to be killed as the application, and the dump goes on.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}
