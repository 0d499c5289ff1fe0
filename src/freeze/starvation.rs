//! Whether a frozen child that the application waits for gets a CPU at all.
//!
//! A child at idle priority runs when nobody else wants a CPU. Where the system does not let its priority be raised, and other
//! programs keep all CPUs busy, a dying process would wait for it until its timeout, and leave nothing.

use std::fs;
use std::time::{Duration, Instant};

/// How long a child is watched before it is judged, each time anew.
const WINDOW: Duration = Duration::from_secs(5);
/// A child with less than this share of a CPU, which it wants most of the time, starves: a dump of its own takes the process
/// less time.
const LEAST_SHARE: f64 = 0.25;

/// What a child has had of the CPU since somebody waits for it.
#[derive(Default)]
pub(super) struct Starvation {
    window: Option<Window>,
}

/// The looks at a child within [`WINDOW`].
struct Window {
    since: Instant,
    /// The CPU time it had had at the first.
    cpu: Duration,
    looks: u32,
    /// How often it ran or waited for a CPU, and not for something else such as a reader.
    wanting: u32,
}

impl Starvation {
    /// Looks at `process`, some ten times a second at least. True when it has wanted a CPU for [`WINDOW`] and hardly had one.
    pub(super) fn is_seen(&mut self, process: u32) -> bool {
        // What cannot be learned is no reason to end anybody.
        let Some(standing) = Standing::of(process) else {
            return false;
        };
        let window = self.window.get_or_insert_with(|| Window::at(&standing));
        window.note(&standing);
        let waited = window.since.elapsed();
        if waited < WINDOW {
            return false;
        }
        let starved = window.starved(&standing, waited);
        *window = Window::at(&standing);
        starved
    }
}

impl Window {
    fn at(first: &Standing) -> Self {
        Self {
            since: Instant::now(),
            cpu: first.cpu,
            looks: 0,
            wanting: 0,
        }
    }

    fn note(&mut self, standing: &Standing) {
        self.looks += 1;
        self.wanting += u32::from(standing.wants_cpu);
    }

    fn starved(&self, last: &Standing, waited: Duration) -> bool {
        let cpu = last.cpu.saturating_sub(self.cpu);
        2 * self.wanting > self.looks && cpu < waited.mul_f64(LEAST_SHARE)
    }
}

/// What the kernel tells of a process, in `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Standing {
    wants_cpu: bool,
    cpu: Duration,
}

impl Standing {
    fn of(process: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        // The program's name may hold blanks and brackets.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let wants_cpu = fields.next()? == "R";
        let mut times = fields.skip(10).map_while(|ticks| ticks.parse::<u32>().ok());
        let ticks = times.next()?.saturating_add(times.next()?);
        Some(Self {
            wants_cpu,
            cpu: TICK * ticks,
        })
    }
}

/// Linux counts CPU time for programs in hundredths of a second (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(wants_cpu: bool, milliseconds: u64) -> Standing {
        Standing {
            wants_cpu,
            cpu: Duration::from_millis(milliseconds),
        }
    }

    #[test]
    fn what_the_kernel_tells_is_read_behind_a_name_with_brackets() {
        let stat = "4711 (a) R (b) R 1 2 3 4 5 6 7 8 9 10 150 50 0 0 39 19 1 0\n";
        assert_eq!(Standing::parse(stat), Some(standing(true, 2000)));
        let stat = stat.replace("(b) R", "(b) S");
        assert_eq!(Standing::parse(&stat), Some(standing(false, 2000)));
        assert_eq!(Standing::parse("4711 (a) R 1"), None);
    }

    /// Whether a child starved that had `milliseconds` of a CPU in the window and wanted one in `wanting` of ten looks.
    fn starved(milliseconds: u64, wanting: u32) -> bool {
        let mut window = Window::at(&standing(true, 100));
        for look in 0..10 {
            window.note(&standing(look < wanting, 100));
        }
        window.starved(&standing(true, 100 + milliseconds), WINDOW)
    }

    #[test]
    fn who_wants_a_cpu_and_has_less_than_a_quarter_of_one_starves() {
        assert!(starved(1200, 10));
        assert!(!starved(1300, 10));
    }

    #[test]
    fn who_waits_for_a_reader_most_of_the_time_does_not_starve() {
        assert!(starved(0, 6));
        assert!(!starved(0, 5));
    }

    #[test]
    fn nobody_is_judged_at_the_first_look() {
        let mut starvation = Starvation::default();
        assert!(!starvation.is_seen(std::process::id()));
        assert!(!starvation.is_seen(std::process::id()));
    }
}
