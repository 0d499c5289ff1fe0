//! Memory that a fork leaves out: the mappings marked `MADV_DONTFORK`.
//!
//! V8 marks its heap so, hence a copy-on-write child has no heap unless the mark is taken away before the clone. It must
//! be put back afterwards on exactly the same mappings: without it every later fork copies the heap's page tables, and
//! on other memory, such as a thread's stack, it makes every later `child_process.spawn` crash.
//!
//! The kernel shows the mark only in `smaps`, which takes 20 to 50 ms per GB to make. A process cloned while the marks
//! are in place shows it, too: what is not among its mappings is marked. That takes some 3 ms per GB, because the heap
//! is left out, so the list is made anew for each freeze and is never out of date.

use std::ffi::{c_int, c_void};
use std::io;
use std::ops::Range;
use std::ptr;
use std::thread;
use std::time::Duration;

use super::clone::{Memory, Process, State};
use super::mappings::{self, Mapping};

/// The private anonymous mappings of the calling process that a fork leaves out, by ascending address.
pub(super) struct Marked {
    pub(super) ranges: Vec<Range<usize>>,
    /// What showed them: a process that has been killed and is to be reaped. It has not been waited for, because where
    /// all CPUs are busy that takes long.
    pub(super) probe: Option<Process>,
}

impl Marked {
    /// # Errors
    /// `/proc` is not mounted, or the system refuses a process.
    pub(super) fn find() -> io::Result<Self> {
        let mut candidates = mappings::of_this_process()?;
        candidates.retain(Mapping::is_private_memory);
        let mut probe = start_probe()?;
        let forked = match mappings::of_process(probe.id()) {
            // A program with file capabilities may not look at another process, be it its own child.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Self::find_in_smaps();
            }
            forked => forked?,
        };
        if probe.state() != State::Running {
            return Err(io::Error::other(
                "the process that shows which memory is forked was killed",
            ));
        }
        probe.kill();
        let is_forked = |mapping: &Mapping| {
            let next = forked.partition_point(|other| other.range.end <= mapping.range.start);
            forked
                .get(next)
                .is_some_and(|other| other.range.contains(&mapping.range.start))
        };
        candidates.retain(|mapping| !is_forked(mapping));
        Ok(Self {
            ranges: candidates
                .into_iter()
                .map(|mapping| mapping.range)
                .collect(),
            probe: Some(probe),
        })
    }

    fn find_in_smaps() -> io::Result<Self> {
        let text = std::fs::read("/proc/self/smaps")?;
        Ok(Self {
            ranges: mappings::parse_marked(&text),
            probe: None,
        })
    }
}

/// A process that has what a fork leaves, for as long as it takes to look.
fn start_probe() -> io::Result<Process> {
    const STACK_SIZE: usize = 64 << 10;
    let (access, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    );
    // SAFETY: a new mapping at an address of the kernel's choice touches no existing one.
    let stack = unsafe { libc::mmap(ptr::null_mut(), STACK_SIZE, access, flags, -1, 0) };
    if stack == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let range = stack as usize..stack as usize + STACK_SIZE;
    // SAFETY: the process has its own copy of the stack and only sleeps.
    let probe = unsafe { Process::start(Memory::Copied, &range, sleep, ptr::null_mut()) };
    // SAFETY: mapped above, and not used by this process.
    unsafe { libc::munmap(stack, STACK_SIZE) };
    probe
}

/// Long enough to be looked at, and short enough not to stay where the parent is killed meanwhile.
extern "C" fn sleep(_: *mut c_void) -> c_int {
    thread::sleep(Duration::from_secs(5));
    0
}

/// Mappings whose marks are taken away while this value lives.
pub(super) struct Unmarked {
    ranges: Vec<Range<usize>>,
}

impl Unmarked {
    /// Leaves out what was unmapped since it was found: other memory may come to lie there.
    pub(super) fn new(mut ranges: Vec<Range<usize>>) -> Self {
        ranges.retain(|range| mark(range, libc::MADV_DOFORK).is_ok());
        Self { ranges }
    }

    pub(super) fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }
}

impl Drop for Unmarked {
    fn drop(&mut self) {
        for range in &self.ranges {
            // An error means that something of the range is gone; the kernel has marked the rest.
            let _ = mark(range, libc::MADV_DONTFORK);
        }
    }
}

fn mark(range: &Range<usize>, advice: c_int) -> io::Result<()> {
    // SAFETY: the advice changes no content, only what a fork does with it.
    match unsafe { libc::madvise(range.start as *mut c_void, range.len(), advice) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    fn map(pages: usize) -> Range<usize> {
        let (access, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a new mapping at an address of the kernel's choice touches no existing one.
        let start =
            unsafe { libc::mmap(ptr::null_mut(), pages * PAGE, access, flags, -1, 0) } as usize;
        start..start + pages * PAGE
    }

    fn unmap(range: &Range<usize>) {
        // SAFETY: the tests unmap only what they mapped.
        unsafe { libc::munmap(range.start as *mut c_void, range.len()) };
    }

    fn map_marked(pages: usize) -> Range<usize> {
        let mapped = map(pages);
        mark(&mapped, libc::MADV_DONTFORK).unwrap();
        mapped
    }

    fn is_marked(address: usize) -> bool {
        Marked::find()
            .unwrap()
            .ranges
            .iter()
            .any(|range| range.contains(&address))
    }

    #[test]
    fn marked_memory_is_found_to_the_page() {
        let mapped = map(8);
        let marked = mapped.start + 2 * PAGE..mapped.start + 5 * PAGE;
        mark(&marked, libc::MADV_DONTFORK).unwrap();
        assert!(Marked::find().unwrap().ranges.contains(&marked));
        unmap(&mapped);
    }

    #[test]
    fn marks_are_away_only_while_the_guard_lives() {
        let mapped = map_marked(4);
        let unmarked = Unmarked::new(vec![mapped.clone()]);
        assert!(!is_marked(mapped.start));
        drop(unmarked);
        assert!(is_marked(mapped.start));
        unmap(&mapped);
    }

    #[test]
    fn memory_unmapped_meanwhile_does_not_keep_the_rest_from_being_marked() {
        let mapped = map_marked(4);
        let unmarked = Unmarked::new(vec![mapped.clone()]);
        unmap(&(mapped.start..mapped.start + PAGE));
        drop(unmarked);
        assert!(is_marked(mapped.start + 2 * PAGE));
        // What was unmapped may be another thread's stack by now.
        unmap(&(mapped.start + PAGE..mapped.end));
    }

    #[test]
    fn what_was_unmapped_before_is_not_marked_again() {
        let mapped = map_marked(4);
        unmap(&mapped);
        assert!(Unmarked::new(vec![mapped]).ranges().is_empty());
    }
}
