//! The frozen child's memory.
//!
//! The host's malloc is out of bounds there: a thread that does not exist in the child may have held its lock, and in
//! the shared way it is the application's. [`Allocator`] is therefore the crate's global allocator: it serves code that
//! runs on the frozen child's stack from the arena and all other code from the system. The stack tells the child
//! apart, not a thread-local, because both ways leave the child with the thread-locals of the thread that froze.
//!
//! The arena is one reservation made and unmapped by the parent, so that nothing can leak however the child ends.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::hint;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::ending::{self, Ending};
use super::quarters::STACK_SIZE;

/// Sends the frozen child's allocations to its arena and everyone else's to the system.
pub struct Allocator;

// SAFETY: both allocators keep the contract; a block is always released where it was taken, because a block of the
// arena does not outlive the child (`freeze` demands it) and the arena leaves blocks of the system alone.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if ARENA.is_callers() {
            ARENA.alloc(layout)
        } else {
            // SAFETY: the caller keeps the contract.
            unsafe { System.alloc(layout) }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if ARENA.is_callers() {
            ARENA.dealloc(block, layout);
        } else {
            // SAFETY: the caller keeps the contract.
            unsafe { System.dealloc(block, layout) }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if ARENA.is_callers() {
            ARENA.alloc_zeroed(layout)
        } else {
            // SAFETY: the caller keeps the contract.
            unsafe { System.alloc_zeroed(layout) }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if ARENA.is_callers() {
            ARENA.realloc(block, layout, new_size)
        } else {
            // SAFETY: the caller keeps the contract.
            unsafe { System.realloc(block, layout, new_size) }
        }
    }
}

/// The arena of the one frozen child that a process can have.
pub(super) static ARENA: Arena = Arena {
    stack: AtomicUsize::new(0),
    locked: AtomicBool::new(false),
    slots: UnsafeCell::new(Slots::within(0..0)),
    peak: AtomicUsize::new(0),
};

pub(super) struct Arena {
    /// The lowest address of the frozen child's stack, or 0 while there is no frozen child.
    stack: AtomicUsize,
    locked: AtomicBool,
    slots: UnsafeCell<Slots>,
    peak: AtomicUsize,
}

// SAFETY: `slots` is only reached through `with_slots`, under the lock.
unsafe impl Sync for Arena {}

impl Arena {
    /// From here on, code that runs on the stack of [`STACK_SIZE`] bytes at `stack` allocates in `reservation`, which
    /// is mapped without any access.
    pub(super) fn open(&self, stack: usize, reservation: Range<usize>) {
        self.with_slots(|slots| *slots = Slots::within(reservation));
        self.peak.store(0, Ordering::Relaxed);
        self.stack.store(stack, Ordering::Release);
    }

    /// Forgets the child, which is dead or has its own copy by now. It may have died while it held the lock.
    pub(super) fn close(&self) {
        self.stack.store(0, Ordering::Relaxed);
        self.locked.store(false, Ordering::Release);
    }

    /// The most bytes that were in use at one time.
    pub(super) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    /// The bytes in use now.
    pub(super) fn in_use(&self) -> usize {
        self.with_slots(|slots| slots.in_use)
    }

    /// Whether the caller is the frozen child, for it runs on its stack.
    pub(super) fn is_callers(&self) -> bool {
        let local = 0u8;
        let address = &raw const local as usize;
        address.wrapping_sub(self.stack.load(Ordering::Relaxed)) < STACK_SIZE
    }

    fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size(), 0);
        self.take(layout).0
    }

    fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size(), 0);
        let (block, stale) = self.take(layout);
        // SAFETY: the block was just taken with this layout, and no more than its size is written.
        unsafe { ptr::write_bytes(block, 0, stale.min(layout.size())) };
        block
    }

    fn dealloc(&self, block: *mut u8, layout: Layout) {
        if self.holds(block) {
            self.count(0, layout.size());
            self.with_slots(|slots| slots.give_back(block, layout));
        }
    }

    fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller of `GlobalAlloc::realloc` guarantees a valid size for this alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        let ours = self.holds(block);
        self.count(new_size, if ours { layout.size() } else { 0 });
        if ours && Slots::class(layout) == Slots::class(new_layout) {
            return block;
        }
        let (target, _) = self.take(new_layout);
        let kept = layout.size().min(new_size);
        if !(ours && kept >= 1 << LARGE && move_pages(block, target, kept)) {
            // SAFETY: both blocks have that many bytes, and the new one was just taken.
            unsafe { ptr::copy_nonoverlapping(block, target, kept) };
        }
        if ours {
            self.with_slots(|slots| slots.give_back(block, layout));
        }
        target
    }

    fn holds(&self, block: *mut u8) -> bool {
        self.with_slots(|slots| slots.reservation.contains(&(block as usize)))
    }

    fn count(&self, taken: usize, given_back: usize) {
        self.with_slots(|slots| {
            slots.in_use = slots.in_use + taken - given_back;
            self.peak.fetch_max(slots.in_use, Ordering::Relaxed);
        });
    }

    /// A block and how many of its first bytes may be other than zero. Where there is no memory left the child ends:
    /// it could do nothing better with a null, and `abort` is not safe with another thread's thread-locals.
    fn take(&self, layout: Layout) -> (*mut u8, usize) {
        let taken = self.with_slots(|slots| slots.take(Slots::class(layout)));
        taken.unwrap_or_else(|| ending::end(Ending::OutOfMemory))
    }

    fn with_slots<R>(&self, work: impl FnOnce(&mut Slots) -> R) -> R {
        while self.locked.swap(true, Ordering::Acquire) {
            hint::spin_loop();
        }
        // SAFETY: the lock is held, and `work` cannot come back here because it does not allocate.
        let result = work(unsafe { &mut *self.slots.get() });
        self.locked.store(false, Ordering::Release);
        result
    }
}

/// The class of slots from which memory goes back to the system as soon as a slot is free: 64 KB.
const LARGE: usize = 16;
/// Slots below that are cut from pieces of this class: 256 KB. Each class has its own, for slots of a page between smaller
/// ones would leave gaps in pages that are in use.
const PIECE: usize = 18;
const CLASSES: usize = 48;
/// The reservation is made accessible in steps of this many bytes.
const COMMIT_STEP: usize = 16 << 20;

/// Slots whose sizes are powers of two, 2^class bytes, aligned to their size. Rounding up costs addresses, not memory:
/// the kernel gives pages at the first touch.
struct Slots {
    /// The addresses that slots are cut from, and how far they have been.
    reservation: Range<usize>,
    next: usize,
    /// How far the reservation is accessible.
    committed: usize,
    /// For each small class what is left of the piece that its slots are cut from.
    pieces: [Range<usize>; LARGE],
    /// For each class the first free slot, or 0. A free slot's first word is the address of the next one.
    free: [usize; CLASSES],
    in_use: usize,
}

impl Slots {
    const fn within(reservation: Range<usize>) -> Slots {
        let start = reservation.start;
        Slots {
            reservation,
            next: start,
            committed: start,
            pieces: [const { 0..0 }; LARGE],
            free: [0; CLASSES],
            in_use: 0,
        }
    }

    fn class(layout: Layout) -> usize {
        let bytes = layout.size().max(layout.align()).max(16);
        (usize::BITS - (bytes - 1).leading_zeros()) as usize
    }

    fn take(&mut self, class: usize) -> Option<(*mut u8, usize)> {
        let free = *self.free.get(class)?;
        if free == 0 {
            return Some((self.cut(class)? as *mut u8, 0));
        }
        let slot = free as *mut usize;
        // SAFETY: a slot in the list is free, accessible and holds the link that `give_back` wrote.
        self.free[class] = unsafe { *slot };
        let stale = if class >= LARGE {
            size_of::<usize>()
        } else {
            1 << class
        };
        Some((slot.cast(), stale))
    }

    fn give_back(&mut self, block: *mut u8, layout: Layout) {
        let class = Self::class(layout);
        if class >= LARGE {
            release_pages(block, layout.size());
        }
        // SAFETY: the block's owner gave it back, and no slot is smaller or less aligned than a word.
        unsafe { *block.cast::<usize>() = self.free[class] };
        self.free[class] = block as usize;
    }

    fn cut(&mut self, class: usize) -> Option<usize> {
        let size = 1usize << class;
        let Some(piece) = self.pieces.get_mut(class) else {
            let slot = self.next.checked_next_multiple_of(size)?;
            let next = slot
                .checked_add(size)
                .filter(|&next| next <= self.reservation.end)?;
            self.commit(next)?;
            self.next = next;
            return Some(slot);
        };
        if piece.start == piece.end {
            let slot = self.cut(PIECE)?;
            self.pieces[class] = slot + size..slot + (1 << PIECE);
            return Some(slot);
        }
        let slot = piece.start;
        piece.start += size;
        Some(slot)
    }

    fn commit(&mut self, until: usize) -> Option<()> {
        if until > self.committed {
            let target = until
                .next_multiple_of(COMMIT_STEP)
                .min(self.reservation.end);
            let access = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: the range lies in the reservation, which is the arena's alone.
            let result = unsafe {
                libc::mprotect(self.committed as *mut _, target - self.committed, access)
            };
            if result != 0 {
                return None;
            }
            self.committed = target;
        }
        Some(())
    }
}

/// Moves the pages of a large block into a larger slot, so that growing copies nothing and nothing is there twice. The old
/// slot stays mapped, without pages. False before Linux 5.7, which cannot do that.
fn move_pages(from: *mut u8, to: *mut u8, size: usize) -> bool {
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED | libc::MREMAP_DONTUNMAP;
    // SAFETY: both slots are large, so that they start on a page and own all pages they touch; the new one is unused.
    unsafe { libc::mremap(from.cast(), size, size, flags, to) != libc::MAP_FAILED }
}

/// The pages of a large slot read as zero afterwards and cost no memory.
fn release_pages(start: *mut u8, size: usize) {
    // SAFETY: large slots start on a page and own all pages they touch; their owner has given the content up.
    unsafe { libc::madvise(start.cast(), size, libc::MADV_DONTNEED) };
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESERVED: usize = 64 << 20;

    #[test]
    fn slots_of_a_class_lie_side_by_side_whatever_is_taken_between() {
        // SAFETY: anonymous memory at an address that the kernel chooses.
        let start = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            libc::mmap(ptr::null_mut(), RESERVED, libc::PROT_NONE, flags, -1, 0)
        };
        assert_ne!(start, libc::MAP_FAILED);
        let mut slots = Slots::within(start as usize..start as usize + RESERVED);
        let mut last = [0; 2];
        for _ in 0..32 {
            for (class, last) in [10, 12].into_iter().zip(&mut last) {
                let (slot, stale) = slots.take(class).unwrap();
                assert_eq!(stale, 0);
                assert!(*last == 0 || slot as usize == *last + (1 << class));
                *last = slot as usize;
            }
        }
        // SAFETY: the mapping is this test's alone, and nothing points into it any more.
        assert_eq!(unsafe { libc::munmap(start, RESERVED) }, 0);
    }
}
