//! Numbers of the heap's pages that stay from one dump to the next, so that objects which did not move keep their ids.

use std::sync::atomic::{AtomicU64, Ordering};

use super::memory::Address;
use super::pages::PAGE_BITS;

/// The bits of an id that tell pages apart: 32 GB of heap.
const NUMBER_BITS: u32 = 17;
/// The number of slots a table needs: one for each page but the number 0, and the first one.
pub const SLOTS: usize = 1 << NUMBER_BITS;

/// A table of pages, numbered from 1 in the order in which they are met, because ids of few digits make small files; 0 is left
/// to what finds no slot. The first slot holds the last number given, all others a page and its number.
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
        let Some((last, table)) = self.slots.split_first() else {
            return 0;
        };
        let page = start >> PAGE_BITS;
        // Neighbouring pages get neighbouring slots, so that a small heap touches little of the table.
        let home = page as usize % table.len().max(1);
        for slot in table[home..].iter().chain(&table[..home]) {
            let mut found = slot.load(Ordering::Relaxed);
            if found == 0 {
                let number = last.fetch_add(1, Ordering::Relaxed) + 1;
                let entry = page << NUMBER_BITS | number;
                match slot.compare_exchange(0, entry, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => return number as u32,
                    Err(other) => found = other,
                }
            }
            if found >> NUMBER_BITS == page {
                return (found & ((1 << NUMBER_BITS) - 1)) as u32;
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
        let slots = slots(5);
        let numbers = PageNumbers::in_slots(&slots);
        let mut given = [3, 7, 11, 15].map(|page| numbers.number_of(page * PAGE));
        given.sort();
        assert_eq!(given, [1, 2, 3, 4]);
    }

    #[test]
    fn a_page_that_finds_no_slot_has_the_number_0() {
        let slots = slots(2);
        let numbers = PageNumbers::in_slots(&slots);
        assert_eq!([1, 2].map(|page| numbers.number_of(page * PAGE)), [1, 0]);
        assert_eq!(PageNumbers::in_slots(&[]).number_of(PAGE), 0);
    }
}
