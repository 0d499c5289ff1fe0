//! The page numbers that all frozen children of this process share: memory that a copy-on-write child does not copy.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use crate::heap::page_numbers::SLOTS;

/// The slots, 1 MB of memory of which only the part in use is ever touched. Empty where the system refuses it: ids then
/// do not last from one dump to the next.
pub fn shared_slots() -> &'static [AtomicU64] {
    static MEMORY: OnceLock<&'static [AtomicU64]> = OnceLock::new();
    MEMORY.get_or_init(map)
}

fn map() -> &'static [AtomicU64] {
    // SAFETY: new memory at an address of the kernel's choice.
    let memory = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            SLOTS * size_of::<AtomicU64>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if memory == libc::MAP_FAILED {
        return &[];
    }
    // SAFETY: the mapping is never unmapped, zeroed, as large as the slots and aligned to a page; all who share it use
    // atomics.
    unsafe { std::slice::from_raw_parts(memory.cast(), SLOTS) }
}
