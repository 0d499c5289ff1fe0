//! Memory that a fork leaves out: the mappings marked `MADV_DONTFORK`.
//!
//! V8 marks its heap so, hence a copy-on-write child has no heap unless the mark is taken away before the clone. It must
//! be put back afterwards on exactly the same mappings: without it every later fork copies the heap's page tables, and
//! on other memory, such as a thread's stack, it makes every later `child_process.spawn` crash.
//!
//! The kernel shows the mark only in `smaps`, which takes 50 ms per GB to make. A process cloned while the marks are in
//! place shows it, too: what it does not have is marked. That takes a millisecond or two, because the heap is left out,
//! so the list is made anew for each freeze and is never out of date.

use std::ffi::{c_int, c_void};
use std::io;
use std::ops::Range;
use std::ptr;

use super::clone::{self, Memory, State};
use super::mappings;

/// The private anonymous mappings of the calling process that a fork leaves out, by ascending address.
///
/// # Errors
/// `/proc` is not mounted, or the system refuses a process.
pub(super) fn find() -> io::Result<Vec<Range<usize>>> {
    let mut candidates: Vec<Range<usize>> = mappings::of_this_process()?
        .into_iter()
        .filter(|m| m.is_private_memory())
        .map(|m| m.range)
        .collect();
    let probe = Probe::run(&candidates)?;
    let mut forked = probe.answers().iter();
    candidates.retain(|_| forked.next() == Some(&0));
    Ok(candidates)
}

/// msync because it does nothing for anonymous memory and is ten times as quick as mincore.
fn is_mapped(address: usize) -> bool {
    // SAFETY: no content changes; the call fails if the page is not mapped.
    unsafe { libc::msync(address as *mut c_void, 1, libc::MS_ASYNC) == 0 }
}

/// A forked process that says which mappings it has got, and the memory it says it in.
struct Probe {
    start: *mut u8,
    count: usize,
}

impl Probe {
    const STACK_SIZE: usize = 64 << 10;

    fn run(candidates: &[Range<usize>]) -> io::Result<Self> {
        let (access, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        );
        let size = Self::STACK_SIZE + candidates.len();
        // SAFETY: a new mapping at an address of the kernel's choice touches no existing one.
        let start = unsafe { libc::mmap(ptr::null_mut(), size, access, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let probe = Self {
            start: start.cast(),
            count: candidates.len(),
        };
        let stack = start as usize..start as usize + Self::STACK_SIZE;
        let mut task = Task {
            candidates,
            answers: stack.end as *mut u8,
        };
        // SAFETY: the task outlives the process, which is reaped below, and which only calls msync.
        let process =
            unsafe { clone::start(Memory::Copied, &stack, answer, (&raw mut task).cast()) }?;
        match clone::reap(process) {
            State::Ended(0) => Ok(probe),
            _ => Err(io::Error::other(
                "the process that looks for forked memory was killed",
            )),
        }
    }

    /// For each candidate 1 if the forked process has it, else 0.
    fn answers(&self) -> &[u8] {
        // SAFETY: that many bytes follow the stack in the mapping, and the process that wrote them has ended.
        unsafe { std::slice::from_raw_parts(self.start.add(Self::STACK_SIZE), self.count) }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own.
        unsafe { libc::munmap(self.start.cast(), Self::STACK_SIZE + self.count) };
    }
}

struct Task<'a> {
    candidates: &'a [Range<usize>],
    answers: *mut u8,
}

extern "C" fn answer(task: *mut c_void) -> c_int {
    // SAFETY: `Probe::run` passes its task, which has an answer byte for each candidate.
    unsafe {
        let task = &*task.cast::<Task>();
        for (index, range) in task.candidates.iter().enumerate() {
            *task.answers.add(index) = is_mapped(range.start).into();
        }
    }
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
        find().unwrap().iter().any(|range| range.contains(&address))
    }

    #[test]
    fn marked_memory_is_found_to_the_page() {
        let mapped = map(8);
        let marked = mapped.start + 2 * PAGE..mapped.start + 5 * PAGE;
        mark(&marked, libc::MADV_DONTFORK).unwrap();
        assert!(find().unwrap().contains(&marked));
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
        unmap(&mapped);
    }

    #[test]
    fn what_was_unmapped_before_is_not_marked_again() {
        let mapped = map_marked(4);
        unmap(&mapped);
        assert!(Unmarked::new(vec![mapped]).ranges().is_empty());
    }
}
