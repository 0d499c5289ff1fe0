//! How fast the frozen child may go while the application goes on.

use std::mem::MaybeUninit;
use std::thread;
use std::time::{Duration, Instant};

use super::ending::is_awaited;

/// A share of a CPU. The job calls [`Pace::keep`] between pieces of work of some milliseconds.
pub struct Pace {
    share: f64,
    since: Instant,
    used: Duration,
}

impl Pace {
    /// The shortest work after which a rest is worth a system call.
    const WORTH_A_REST: Duration = Duration::from_millis(2);

    /// At most this share of one CPU, over all threads of the process: 0.25 is a quarter, 1 is no limit.
    pub(super) fn new(share: f64) -> Self {
        Self {
            share: share.clamp(0.01, 1.0),
            since: Instant::now(),
            used: cpu_time(),
        }
    }

    /// Sleeps as long as the work since the last rest demands, unless the application waits by now. Time spent waiting
    /// counts as rest, but is not saved up.
    pub fn keep(&mut self) {
        if self.share == 1.0 || is_awaited() {
            return;
        }
        let work = cpu_time().saturating_sub(self.used);
        if work < Self::WORTH_A_REST {
            return;
        }
        thread::sleep(rest_after(work, self.since.elapsed(), self.share));
        *self = Self::new(self.share);
    }
}

/// How long to sleep so that `work` is `share` of all the time since it began, `elapsed` ago.
fn rest_after(work: Duration, elapsed: Duration, share: f64) -> Duration {
    work.div_f64(share).saturating_sub(elapsed)
}

/// CPU time of the calling process.
fn cpu_time() -> Duration {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the structure is writable and valid when zero, as it stays if the call should fail.
    let time = unsafe {
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, time.as_mut_ptr());
        time.assume_init()
    };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_quarter_of_a_cpu_rests_three_times_as_long_as_it_works() {
        assert_eq!(rest_after(10 * MS, 10 * MS, 0.25), 30 * MS);
    }

    #[test]
    fn time_spent_waiting_counts_as_rest() {
        assert_eq!(rest_after(10 * MS, 25 * MS, 0.25), 15 * MS);
        assert_eq!(rest_after(10 * MS, 90 * MS, 0.25), Duration::ZERO);
    }
}
