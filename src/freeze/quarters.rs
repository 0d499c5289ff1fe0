//! What the frozen child lives in: a stack, a second one for its signal handlers, and the addresses of its arena.
//!
//! The parent maps all of it at once before the clone and unmaps it at once, whatever happened in between.

use std::io;
use std::ops::Range;
use std::ptr;

use super::arena::ARENA;

/// Bytes of the frozen child's stack. Only the pages it touches cost memory.
pub(super) const STACK_SIZE: usize = 4 << 20;
/// Bytes of the stack for signal handlers; a frame with all vector registers needs 11 KB.
const HANDLER_STACK_SIZE: usize = 64 << 10;
/// Inaccessible bytes below each stack, so that an overflow faults.
const GUARD_SIZE: usize = 64 << 10;
/// The addresses reserved for the arena: enough for the tables of any heap that fits a machine. They cost nothing, but a
/// limit on address space (`ulimit -v`) may allow fewer.
const MOST_RESERVED: usize = 64 << 30;
const LEAST_RESERVED: usize = 64 << 20;

/// One mapping: guard, handler stack, guard, stack, arena. Unmapped when dropped.
pub(super) struct Quarters {
    start: usize,
    size: usize,
}

impl Quarters {
    /// Maps the quarters and opens the arena in them.
    pub(super) fn map() -> io::Result<Self> {
        let mut reserved = MOST_RESERVED;
        let quarters = loop {
            let size = Self::ARENA_OFFSET + reserved;
            match map_private(size, libc::PROT_NONE, libc::MAP_NORESERVE) {
                Ok(start) => break Self { start, size },
                Err(error) if reserved == LEAST_RESERVED => return Err(error),
                Err(_) => reserved /= 2,
            }
        };
        for stack in [quarters.handler_stack(), quarters.stack()] {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: the range lies in the mapping made above.
            if unsafe { libc::mprotect(stack.start as *mut _, stack.len(), access) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        ARENA.open(quarters.stack().start, quarters.arena());
        Ok(quarters)
    }

    pub(super) fn addresses(&self) -> Range<usize> {
        self.start..self.start + self.size
    }

    pub(super) fn stack(&self) -> Range<usize> {
        let end = self.start + Self::ARENA_OFFSET;
        end - STACK_SIZE..end
    }

    pub(super) fn handler_stack(&self) -> Range<usize> {
        let start = self.start + GUARD_SIZE;
        start..start + HANDLER_STACK_SIZE
    }

    pub(super) fn arena(&self) -> Range<usize> {
        self.start + Self::ARENA_OFFSET..self.start + self.size
    }

    const ARENA_OFFSET: usize = GUARD_SIZE + HANDLER_STACK_SIZE + GUARD_SIZE + STACK_SIZE;
}

impl Drop for Quarters {
    fn drop(&mut self) {
        ARENA.close();
        // SAFETY: the mapping is this value's own, and the child that used it is dead or has its own copy.
        unsafe { libc::munmap(self.start as *mut _, self.size) };
    }
}

fn map_private(size: usize, access: i32, flags: i32) -> io::Result<usize> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags;
    // SAFETY: a new mapping at an address of the kernel's choice touches no existing one.
    let start = unsafe { libc::mmap(ptr::null_mut(), size, access, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        Err(io::Error::last_os_error())
    } else {
        Ok(start as usize)
    }
}
