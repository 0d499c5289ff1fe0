//! How much of the CPU a frozen child takes beside an application that goes on.
//!
//! A priority is chosen before the child reads: Linux lets a process lower its own without privilege, and raise it again
//! only with one.

use std::ffi::c_int;

/// How urgent the dump is, where others want the CPU too. Without them every priority has all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// The application's own: a death is at hand.
    Normal,
    /// About a quarter of a CPU that one other thread wants, and never in the way of one that wakes up: a death may come, and
    /// must not find the dump unfinished.
    Low,
    /// What nobody else wants: the application lives on. Where all CPUs are busy that is less than one percent.
    Idle,
}

/// The terms of a child beside an application that goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Background {
    /// The share of one CPU that [`super::Pace`] grants: 0.25 is a quarter, 1 is no limit.
    pub share: f64,
    /// Which CPU time that is.
    pub priority: Priority,
}

impl Priority {
    /// Each step of nice(2) is a tenth of the CPU; five steps weigh 335, where a thread of the application weighs 1024.
    const LOW: c_int = 5;
    const LOWEST: c_int = 19;

    /// Gives it to the calling process, which has the application's. A refusal is harmless.
    pub(super) fn take(self) {
        let (policy, steps) = match self {
            Self::Normal => (libc::SCHED_OTHER, None),
            Self::Low => (libc::SCHED_BATCH, Some(Self::LOW)),
            Self::Idle => (libc::SCHED_IDLE, Some(Self::LOWEST)),
        };
        set_policy(0, policy);
        if let Some(steps) = steps {
            // SAFETY: no memory is touched.
            unsafe { libc::nice(steps) };
        }
    }
}

/// Gives `process` the priority of the calling thread, if the system lets it: with `CAP_SYS_NICE`, or by `RLIMIT_NICE`. False
/// where it stays at idle priority.
pub(super) fn raise(process: u32) -> bool {
    let process = process.cast_signed();
    let is_raised = set_policy(process, libc::SCHED_OTHER);
    // SAFETY: no memory is touched. A priority of -1 is also what a failure gives, which cannot be: the caller exists.
    unsafe {
        let own = libc::getpriority(libc::PRIO_PROCESS, 0);
        libc::setpriority(libc::PRIO_PROCESS, process.unsigned_abs(), own);
    }
    is_raised
}

/// Among the policies that need no privilege, but for the way out of `SCHED_IDLE`. False where it was refused.
fn set_policy(process: libc::pid_t, policy: c_int) -> bool {
    let parameter = libc::sched_param { sched_priority: 0 };
    // SAFETY: the structure is complete. musl has no working wrapper of the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_sched_setscheduler,
            process,
            policy,
            &raw const parameter,
        )
    };
    result == 0
}
