//! Numbers of the heap's pages that stay from one dump to the next, so that objects which did not move keep their ids.

use std::sync::atomic::{AtomicU64, Ordering};

use super::memory::Address;
use super::pages::PAGE_BITS;

/// The number of pages a table needs room for: what an id's upper 17 bits can tell apart, 32 GB of heap.
pub const SLOTS: usize = (1 << 17) - 1;

/// A table of pages. The number of a page is its slot, counted from 1; 0 is left to what finds no slot.
#[derive(Clone, Copy)]
pub struct PageNumbers<'t> {
    slots: &'t [AtomicU64],
}

impl<'t> PageNumbers<'t> {
    /// The pages in `slots`, all 0 at first. Whoever keeps the slots keeps the numbers; they may be shared by processes.
    pub fn in_slots(slots: &'t [AtomicU64]) -> PageNumbers<'t> {
        PageNumbers { slots }
    }

    /// The number of the page that starts at `start`, a new one if it has none.
    pub fn number_of(&self, start: Address) -> u32 {
        let count = self.slots.len();
        // Neighbouring pages get neighbouring slots, so that a small heap touches little of the table.
        let home = (start >> PAGE_BITS) as usize % count.max(1);
        let slots = (home..count).chain(0..home);
        for slot in slots {
            let found =
                self.slots[slot].compare_exchange(0, start, Ordering::Relaxed, Ordering::Relaxed);
            if found.is_ok() || found == Err(start) {
                return slot as u32 + 1;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Address = 1 << PAGE_BITS;

    fn slots(count: usize) -> Vec<AtomicU64> {
        std::iter::repeat_with(AtomicU64::default)
            .take(count)
            .collect()
    }

    #[test]
    fn a_page_keeps_its_number() {
        let slots = slots(8);
        let first = PageNumbers::in_slots(&slots).number_of(5 * PAGE);
        PageNumbers::in_slots(&slots).number_of(6 * PAGE);
        assert_eq!(PageNumbers::in_slots(&slots).number_of(5 * PAGE), first);
    }

    #[test]
    fn two_pages_never_share_a_number() {
        let slots = slots(4);
        let numbers = PageNumbers::in_slots(&slots);
        let mut given = [3, 7, 11, 15].map(|page| numbers.number_of(page * PAGE));
        given.sort();
        assert_eq!(given, [1, 2, 3, 4]);
    }

    #[test]
    fn a_page_that_finds_no_slot_has_the_number_0() {
        let slots = slots(1);
        let numbers = PageNumbers::in_slots(&slots);
        assert_eq!([1, 2].map(|page| numbers.number_of(page * PAGE)), [1, 0]);
        assert_eq!(PageNumbers::in_slots(&[]).number_of(PAGE), 0);
    }
}
