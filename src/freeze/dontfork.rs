//! Memory that a fork leaves out: the mappings marked `MADV_DONTFORK`.
//!
//! V8 marks its heap so, hence a copy-on-write child has no heap unless the mark is taken away before the clone. It must
//! be put back afterwards on exactly the same mappings: without it every later fork copies the heap's page tables, and
//! on other memory, such as a thread's stack, it makes every later `child_process.spawn` crash.
//!
//! The kernel shows the mark only in `smaps`, which takes 20 to 50 ms per GB to make. A process cloned while the marks
//! are in place shows it, too: what is not among its mappings is marked. That takes some 3 ms per GB, more where all CPUs
//! are busy, so what was learned is remembered. It serves the next freeze if every mapping is one that was there, with the same
//! bounds and permissions; in a heap that has grown since, the marks are learned anew, so that they are never guessed.

use std::ffi::{c_int, c_void};
use std::io;
use std::ops::Range;
use std::ptr;
use std::sync::{Mutex, PoisonError};
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
    /// For a child that finds out itself.
    pub(super) fn none() -> Self {
        Self {
            ranges: Vec::new(),
            probe: None,
        }
    }

    /// What is remembered, if it still holds; else what is found, which is then remembered.
    ///
    /// # Errors
    /// `/proc` is not mounted, or the system refuses a process.
    pub(super) fn recall_or_find() -> io::Result<Self> {
        let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
        let present = private_memory(&mappings::text_of_this_process()?);
        if let Some(ranges) = memory.recall(&present) {
            return Ok(Self {
                ranges,
                probe: None,
            });
        }
        let (learned, probe) = look()?;
        let ranges = learned.marked().collect();
        *memory = learned;
        Ok(Self { ranges, probe })
    }

    /// What is found. It leaves nothing behind, so that the frozen child may call it.
    ///
    /// # Errors
    /// `/proc` is not mounted, or the system refuses a process.
    pub(super) fn find() -> io::Result<Self> {
        let (learned, probe) = look()?;
        let ranges = learned.marked().collect();
        Ok(Self { ranges, probe })
    }
}

static MEMORY: Mutex<Learned> = Mutex::new(Learned(Vec::new()));

/// The private anonymous mappings of this process at one time, by ascending address, and whether a fork leaves them out.
struct Learned(Vec<(Mapping, bool)>);

impl Learned {
    /// The marked ones of the mappings that are `present`, if all of those are known.
    fn recall(&self, present: &[Mapping]) -> Option<Vec<Range<usize>>> {
        let mut known = self.0.iter();
        let mut marked = Vec::new();
        for mapping in present {
            let (_, is_marked) = known.find(|(known, _)| known == mapping)?;
            if *is_marked {
                marked.push(mapping.range.clone());
            }
        }
        Some(marked)
    }

    fn marked(&self) -> impl Iterator<Item = Range<usize>> {
        let marked = self.0.iter().filter(|(_, is_marked)| *is_marked);
        marked.map(|(mapping, _)| mapping.range.clone())
    }
}

/// Has a probe show the marks. What is not there before and after it, such as a buffer of malloc's that was just given back, is
/// left out: it is missing in the probe, too.
fn look() -> io::Result<(Learned, Option<Process>)> {
    let text = mappings::text_of_this_process()?;
    let before = private_memory(&text);
    let mut probe = start_probe()?;
    let forked = match mappings::of_process(probe.id()) {
        // A program with file capabilities may not look at another process, be it its own child.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Ok((look_in_smaps(before)?, None));
        }
        forked => forked?,
    };
    if probe.state() != State::Running {
        return Err(io::Error::other(
            "the process that shows which memory is forked was killed",
        ));
    }
    probe.kill();
    let after = private_memory(&mappings::text_of_this_process()?);
    let mut after = after.iter().peekable();
    let lasting = before.into_iter().filter(|mapping| {
        while after
            .next_if(|other| other.range.start < mapping.range.start)
            .is_some()
        {}
        after.peek() == Some(&mapping)
    });
    let is_forked = |mapping: &Mapping| {
        let next = forked.partition_point(|other| other.range.end <= mapping.range.start);
        let at_start = forked.get(next);
        at_start.is_some_and(|other| other.range.contains(&mapping.range.start))
    };
    let learned = lasting.map(|mapping| {
        let is_marked = !is_forked(&mapping);
        (mapping, is_marked)
    });
    let learned = Learned(learned.collect());
    drop(text);
    Ok((learned, Some(probe)))
}

fn look_in_smaps(present: Vec<Mapping>) -> io::Result<Learned> {
    let marked = mappings::parse_marked(&std::fs::read("/proc/self/smaps")?);
    let is_marked = |mapping: &Mapping| {
        let found = marked.binary_search_by_key(&mapping.range.start, |range| range.start);
        found.is_ok_and(|index| marked[index] == mapping.range)
    };
    let learned = present.into_iter().map(|mapping| {
        let is_marked = is_marked(&mapping);
        (mapping, is_marked)
    });
    Ok(Learned(learned.collect()))
}

fn private_memory(maps: &[u8]) -> Vec<Mapping> {
    let mappings = mappings::parse(maps);
    mappings.filter(Mapping::is_private_memory).collect()
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
    fn what_was_learned_is_recalled_while_no_mapping_is_new() {
        let mapped = map_marked(4);
        let (learned, _) = look().unwrap();
        let present = private_memory(&mappings::text_of_this_process().unwrap());
        let known: Vec<Mapping> = learned
            .0
            .iter()
            .map(|(mapping, _)| mapping.clone())
            .collect();
        assert!(learned.recall(&known).unwrap().contains(&mapped));
        let gone: Vec<Mapping> = known
            .iter()
            .filter(|mapping| mapping.range != mapped)
            .cloned()
            .collect();
        assert!(!learned.recall(&gone).unwrap().contains(&mapped));
        let mut grown = present
            .iter()
            .find(|mapping| mapping.range == mapped)
            .unwrap()
            .clone();
        grown.range.end += PAGE;
        assert_eq!(learned.recall(&[grown]), None);
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
