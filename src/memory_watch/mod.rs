//! Watches memory that V8 does not: buffers, add-ons and all else that counts for the kernel, until the option `rss` is exceeded.
//!
//! One thread samples, asks for a dump and knows nothing of how it is made. It sleeps a second while there is time, less when it
//! may be short.

mod pace;
mod shares;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use crate::cgroup::{MemoryGroups, SYSTEM_ROOT};
use crate::monitor::{NoThread, spawn_without_signals};
use crate::watch::{Cause, MemoryBound, ask_for_dump, resident_memory};

/// Memory cannot be watched as the option `rss` asks for.
#[derive(Debug, thiserror::Error)]
pub enum MemoryWatchError {
    /// There is no limit to take a share of.
    #[error(
        "no control group limits the memory of this process, so there is nothing that rss: \"{0}%\" could be a share of: give rss in bytes"
    )]
    NoLimit(f64),
    /// Nobody tells how much memory is used.
    #[error(
        "the resident memory of this process cannot be read from /proc/self/statm: rss needs Linux with /proc mounted"
    )]
    NoResidentMemory,
    /// There can be no thread.
    #[error(transparent)]
    Thread(#[from] NoThread),
}

/// What is watched now. The thread looks at it at each sample, so that a process that begins and ceases to watch a thousand times
/// has one such thread.
static WATCHED: Mutex<Option<Gauge>> = Mutex::new(None);

/// Begins to watch, until [`stop`].
///
/// # Errors
/// A [`MemoryWatchError`] where there is nothing to compare with.
pub fn start(bound: MemoryBound) -> Result<(), MemoryWatchError> {
    let gauge = Gauge::new(bound);
    gauge.read().ok_or(match bound {
        MemoryBound::Percent(percent) => MemoryWatchError::NoLimit(percent),
        MemoryBound::Bytes(_) => MemoryWatchError::NoResidentMemory,
    })?;
    if watched().replace(gauge).is_none() {
        static THREAD: OnceLock<Result<(), NoThread>> = OnceLock::new();
        let thread = || {
            spawn_without_signals("oom-rss", watch)
                .map(drop)
                .map_err(NoThread::from)
        };
        THREAD.get_or_init(thread).clone()?;
    }
    Ok(())
}

/// Ceases to watch.
pub fn stop() {
    *watched() = None;
}

fn watched() -> MutexGuard<'static, Option<Gauge>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch() {
    loop {
        let filled = watched().as_ref().map_or(0.0, Gauge::sample);
        thread::sleep(pace::until_next_sample(filled));
    }
}

/// How much memory is used, and of how much, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Level {
    used: u64,
    limit: u64,
}

impl Level {
    /// How full it is: 1 is the bound.
    fn filled(self, bound: MemoryBound) -> f64 {
        let bound = match bound {
            MemoryBound::Percent(percent) => self.limit as f64 * percent / 100.0,
            MemoryBound::Bytes(bytes) => bytes as f64,
        };
        self.used as f64 / bound.max(1.0)
    }

    fn is_above(self, bound: MemoryBound) -> bool {
        self.filled(bound) > 1.0
    }

    fn as_cause(self, bound: MemoryBound) -> Cause {
        Cause::Memory {
            used: self.used,
            limit: self.limit,
            bound,
        }
    }
}

/// Where the level is read.
struct Gauge {
    bound: MemoryBound,
    groups: MemoryGroups,
}

impl Gauge {
    fn new(bound: MemoryBound) -> Gauge {
        Gauge {
            bound,
            groups: MemoryGroups::of_this_process(Path::new(SYSTEM_ROOT)),
        }
    }

    /// Asks for a dump where the bound is exceeded. Returns how much of it is filled.
    fn sample(&self) -> f64 {
        let Some(level) = self.read() else {
            return 0.0;
        };
        if level.is_above(self.bound) && self.is_this_process_to_blame() {
            ask_for_dump(level.as_cause(self.bound));
        }
        level.filled(self.bound)
    }

    fn read(&self) -> Option<Level> {
        match self.bound {
            MemoryBound::Percent(percent) => {
                let usage = self.groups.tightest_above(percent / 100.0);
                usage.map(|usage| Level {
                    used: usage.working_set,
                    limit: usage.limit,
                })
            }
            MemoryBound::Bytes(limit) => resident_memory("self").map(|used| Level { used, limit }),
        }
    }

    /// Of the processes that share a limit, the one that holds the most is the one to look into.
    fn is_this_process_to_blame(&self) -> bool {
        match self.bound {
            MemoryBound::Percent(_) => {
                shares::is_largest(std::process::id(), &self.groups.processes(), |process| {
                    resident_memory(process)
                })
            }
            MemoryBound::Bytes(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: Level = Level {
        used: 901,
        limit: 1000,
    };

    #[test]
    fn a_share_is_one_of_the_limit() {
        assert!(LEVEL.is_above(MemoryBound::Percent(90.0)));
        assert!(!LEVEL.is_above(MemoryBound::Percent(90.1)));
    }

    #[test]
    fn bytes_are_those_in_use() {
        assert!(LEVEL.is_above(MemoryBound::Bytes(900)));
        assert!(!LEVEL.is_above(MemoryBound::Bytes(901)));
    }
}
