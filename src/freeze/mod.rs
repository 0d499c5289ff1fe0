//! A consistent image of this process for a reader to walk, while the application waits or lives on.
//!
//! [`freeze`] starts a *frozen child*: a process that runs a job on this process' memory and ends. It knows nothing of
//! what the job reads (V8's heap) and writes (frames on a pipe), nor of Node.
//!
//! There are two ways. A **copy-on-write** child has its own copy of the memory, as after a fork, and the application
//! goes on at once; the price is the copy of the page tables (25 to 75 ms per GB) and of the pages written meanwhile. A
//! **shared** child works on the memory itself while the calling thread waits for it; that costs nothing and needs no
//! memory, and is right where the application is about to die. In both ways a crash of the child harms nobody.

mod arena;
mod child;
mod clone;
mod dontfork;
mod ending;
pub mod mappings;
mod pace;
mod priority;
mod quarters;
mod release;
mod starvation;

use std::fmt;
use std::hash::RandomState;
use std::hint;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub use arena::Allocator;
pub use child::Child;
use child::{Birth, live};
use clone::{BlockedSignals, Memory, Process, State};
use dontfork::{Marked, Unmarked};
pub use ending::Failure;
use ending::LastWords;
pub use pace::Pace;
pub use priority::{Background, Priority};
use quarters::Quarters;
use starvation::Starvation;

/// How the image is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The child has a copy; the application goes on.
    CopyOnWrite,
    /// The child works on the application's own memory; the calling thread waits until it has ended.
    Shared,
}

impl Way {
    /// The way to try when this one is refused.
    pub fn other(self) -> Self {
        match self {
            Self::CopyOnWrite => Self::Shared,
            Self::Shared => Self::CopyOnWrite,
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CopyOnWrite => "copy-on-write",
            Self::Shared => "shared",
        })
    }
}

/// What the child may have and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The one descriptor that is left to the child.
    pub output: BorrowedFd<'a>,
    /// The child is ended this long after the freeze, and after a day in any case.
    pub deadline: Duration,
    /// What a copy-on-write child takes of the CPU beside an application that goes on. `None` where that waits.
    pub background: Option<Background>,
}

/// Why there is no frozen image.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// There can be one frozen child in a process.
    #[error("another dump of this process is still being made; try again when it has ended")]
    Busy,
    /// Everything here was only ever proven on Linux x64.
    #[error("a frozen image of a process can be had on Linux x64 only; use the inspector here")]
    Unsupported,
    /// The system did not let a process be cloned.
    #[error("the system refused a {way} clone of this process: {cause}; {}", remedy(.cause))]
    Refused {
        /// The way that was tried.
        way: Way,
        /// `ENOMEM`, `EAGAIN`, `EPERM`, …
        cause: io::Error,
    },
    /// Neither way worked.
    #[error(
        "the system refused a {first_way} clone of this process ({first}) and a {} one ({second}); {}",
        .first_way.other(),
        remedy(.second)
    )]
    RefusedBothWays {
        /// The way that was tried first.
        first_way: Way,
        /// Why that was refused.
        first: io::Error,
        /// Why the other was refused.
        second: io::Error,
    },
}

fn remedy(refusal: &io::Error) -> &'static str {
    match refusal.raw_os_error() {
        Some(libc::ENOMEM) => "leave more memory free, or set vm.overcommit_memory to 0 or 1",
        Some(libc::EAGAIN) => "allow it more processes (pids limit of the container, ulimit -u)",
        Some(libc::EPERM | libc::EACCES | libc::ENOSYS) => "allow clone in its seccomp profile",
        Some(libc::ENOENT) => "mount /proc",
        _ => "use the inspector",
    }
}

/// How a frozen child ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Whether the job did what it should.
    pub result: Result<(), Failure>,
    /// The most bytes of the child's arena that were in use at one time; 0 where it was killed.
    pub peak_memory: usize,
}

/// Runs `job` in a frozen child.
///
/// In the copy-on-write way it returns as soon as the child exists, in the shared way when the child has ended. The
/// child writes to `terms.output` and has no other descriptor. It is reaped by [`Frozen::wait`], or killed and reaped
/// when the value is dropped; the application sees neither a SIGCHLD nor a process to wait for.
///
/// # Errors
/// See [`FreezeError`]. Nothing has happened then.
///
/// # Safety
/// The job runs where other threads are gone in the middle of whatever they did (copy-on-write), or on the calling
/// thread's own thread-locals (shared). So it must not take a lock that code outside of it takes, must not call code that
/// uses the system's allocator, and must not leave anything it allocated in a static, a thread-local or a captured
/// place: that memory is gone with the child.
pub unsafe fn freeze<J>(way: Way, terms: &Terms<'_>, job: &J) -> Result<Frozen, FreezeError>
where
    J: Fn(&mut Child<'_>) -> Result<(), String>,
{
    if cfg!(not(target_arch = "x86_64")) {
        return Err(FreezeError::Unsupported);
    }
    let turn = Turn::take().ok_or(FreezeError::Busy)?;
    let refused = |cause| FreezeError::Refused { way, cause };
    materialise_thread_locals();
    child::silence_panics();
    let started = Instant::now();
    // Before anything is mapped, so that the mappings are those of the last time.
    let marked = match way {
        Way::CopyOnWrite => Marked::recall_or_find().map_err(refused)?,
        Way::Shared => Marked::none(),
    };
    let last_words = LastWords::map().map_err(refused)?;
    let quarters = Quarters::map().map_err(refused)?;
    let _signals = BlockedSignals::block();
    let stack = quarters.stack();
    let birth = |dontfork| Birth {
        way,
        terms,
        dontfork,
        quarters: &quarters,
        job,
    };
    let process = match way {
        Way::CopyOnWrite => {
            let unmarked = Unmarked::new(marked.ranges);
            let mut birth = birth(unmarked.ranges());
            // SAFETY: the child has its own copy of the stack and of `birth`; the job keeps its caller's promise.
            let process = unsafe {
                Process::start(Memory::Copied, &stack, live::<J>, (&raw mut birth).cast())
            };
            process.map_err(refused)?
        }
        Way::Shared => {
            let mut birth = birth(&[]);
            // SAFETY: this thread only waits for the child, and the quarters and `birth` live until then.
            let process = unsafe {
                Process::start(Memory::Shared, &stack, live::<J>, (&raw mut birth).cast())
            };
            let mut process = process.map_err(refused)?;
            process.join();
            process
        }
    };
    drop(quarters);
    Ok(Frozen {
        process,
        probe: marked.probe,
        way,
        give_up: started + child::limited(terms.deadline) + Frozen::GRACE,
        starvation: Starvation::default(),
        last_words,
        _turn: turn,
    })
}

/// How long a clone of the process takes that copies what a copy-on-write child gets, and nothing else. Its child ends at once.
///
/// # Errors
/// `/proc` is not mounted, or the system refuses a process.
#[cfg(feature = "bench")]
pub fn time_bare_clone() -> io::Result<Duration> {
    extern "C" fn end_at_once(_: *mut std::ffi::c_void) -> std::ffi::c_int {
        0
    }
    let quarters = Quarters::map()?;
    let _signals = BlockedSignals::block();
    let marked = Marked::find()?;
    drop(marked.probe);
    let _unmarked = Unmarked::new(marked.ranges);
    let start = Instant::now();
    // SAFETY: the child has its own copy of the stack and only ends.
    let process = unsafe {
        Process::start(
            Memory::Copied,
            &quarters.stack(),
            end_at_once,
            std::ptr::null_mut(),
        )
    };
    let time = start.elapsed();
    process.map(|_| time)
}

/// Like [`freeze`], but where one way is refused the other is tried. [`Frozen::way`] tells which it was.
///
/// # Errors
/// See [`FreezeError`].
///
/// # Safety
/// As for [`freeze`].
pub unsafe fn freeze_either<J>(
    preferred: Way,
    terms: &Terms<'_>,
    job: &J,
) -> Result<Frozen, FreezeError>
where
    J: Fn(&mut Child<'_>) -> Result<(), String>,
{
    // SAFETY: the caller's promise.
    match unsafe { freeze(preferred, terms, job) } {
        Err(FreezeError::Refused {
            way: first_way,
            cause: first,
        }) => {
            // SAFETY: the caller's promise.
            match unsafe { freeze(preferred.other(), terms, job) } {
                Err(FreezeError::Refused { cause: second, .. }) => {
                    Err(FreezeError::RefusedBothWays {
                        first_way,
                        first,
                        second,
                    })
                }
                result => result,
            }
        }
        result => result,
    }
}

/// The thread-locals of a library that was loaded at run time are allocated at their first use, by the system's malloc,
/// and the seeds of hash tables are drawn then, which may take a lock. The frozen child finds both made.
fn materialise_thread_locals() {
    hint::black_box(RandomState::new());
}

/// A frozen child. Dropped before its end, it is dismissed, and killed if that takes too long.
#[must_use = "a frozen child is ended when this value is dropped"]
pub struct Frozen {
    process: Process,
    /// What showed the marked memory. It was killed and dies at its leisure.
    probe: Option<Process>,
    way: Way,
    give_up: Instant,
    starvation: Starvation,
    last_words: LastWords,
    _turn: Turn,
}

impl Frozen {
    /// How long after its deadline a child that did not end by itself is killed.
    const GRACE: Duration = Duration::from_secs(2);
    /// How often it is looked whether the child has ended.
    pub const POLL_INTERVAL: Duration = Duration::from_millis(10);

    /// The child's process id.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// How the image was frozen.
    pub fn way(&self) -> Way {
        self.way
    }

    /// How the child ended, or `None` while it lives.
    pub fn try_wait(&mut self) -> Option<Ended> {
        self.probe.take_if(|probe| probe.state() != State::Running);
        let result = match self.process.state() {
            State::Ended(status) => self.last_words.explain(status),
            State::Gone => self.last_words.explain_without_status(),
            State::Running => {
                let failure = self.reason_to_end_it()?;
                self.process.kill();
                self.process.join();
                Err(failure)
            }
        };
        Some(Ended {
            result,
            peak_memory: self.last_words.peak_memory(),
        })
    }

    /// Looks after a child that runs: the application may wait for it by now. Tells why it is ended, if it is.
    fn reason_to_end_it(&mut self) -> Option<Failure> {
        if Instant::now() > self.give_up {
            return Some(Failure::TimedOut);
        }
        if !AWAITED.load(Ordering::Relaxed) {
            return None;
        }
        self.last_words.hurry();
        // Each time, for the child may lower its priority only now.
        let is_raised = priority::raise(self.process());
        (!is_raised && self.starvation.is_seen(self.process())).then_some(Failure::Starved)
    }

    /// Waits until the child has ended, at most until shortly after its deadline.
    pub fn wait(mut self) -> Ended {
        loop {
            match self.try_wait() {
                Some(ended) => return ended,
                None => thread::sleep(Self::POLL_INTERVAL),
            }
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if self.way == Way::CopyOnWrite && self.process.state() == State::Running {
            priority::raise(self.process());
            self.process.dismiss();
        }
    }
}

/// Whether the process has a frozen child, so that [`freeze`] would be refused as [`FreezeError::Busy`].
pub fn is_busy() -> bool {
    TAKEN.load(Ordering::Acquire)
}

/// Tells whoever looks after the frozen child, if there is one, that the application waits for it from now on: it need not leave
/// any CPU to others. For a thread on which everything else may be broken.
pub fn hurry() {
    AWAITED.store(is_busy(), Ordering::Relaxed);
}

/// Whether somebody waits for the frozen child.
static AWAITED: AtomicBool = AtomicBool::new(false);

/// The right to have the process' only frozen child.
struct Turn;

static TAKEN: AtomicBool = AtomicBool::new(false);

impl Turn {
    fn take() -> Option<Self> {
        (!TAKEN.swap(true, Ordering::Acquire)).then_some(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        AWAITED.store(false, Ordering::Relaxed);
        TAKEN.store(false, Ordering::Release);
    }
}
