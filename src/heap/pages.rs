//! The marked objects: one bit for each word of every 256 KB page that was touched, and after marking the rank of each, which
//! is the object's number in the snapshot. A page also knows which of its parts are readable, so that finding the page of an
//! address is the whole check of a pointer. It knows nothing of what the words mean.

use super::memory::{Address, Content, Memory, OS_PAGE, View};
use super::owner::Owner;

/// V8 aligns its pages to this (`kPageSizeBits` = 18, src/base/build_config.h). Here it is only the granularity of the bitmap.
pub const PAGE_BITS: u32 = 18;
const PAGE_SIZE: u64 = 1 << PAGE_BITS;
const BITMAP_WORDS: usize = (PAGE_SIZE / 8 / 64) as usize;
/// What the bits of one word of the bitmap stand for.
const WORD_SPAN: u64 = 8 * 64;
/// Words of 8 bytes in a page, as bits: an object's id is its page's number and the word in it.
pub const WORD_BITS: u32 = PAGE_BITS - 3;

/// 256 KB of address space.
pub struct Page<'m> {
    start: Address,
    run: View<'m>,
    /// One bit for each 4 KB: whether it is readable in one piece with the run.
    readable: u64,
    run_start: Address,
    /// Whether it belongs to the read-only space.
    pub read_only: bool,
    /// Whether it belongs to another isolate's heap: then nothing in it can be read.
    pub is_foreign: bool,
    /// Whether it has marked objects whose slots were not visited because the marking stack was full.
    unvisited: bool,
    first_rank: u32,
    /// How many objects of the page are marked before each word of the bitmap.
    ranks: Box<[u16; BITMAP_WORDS]>,
    marks: Box<[u64; BITMAP_WORDS]>,
}

/// All pages touched.
pub struct Pages<'m> {
    owner: Owner,
    pages: Vec<Page<'m>>,
    /// Open addressing from where a page starts to its index.
    table: Vec<(Address, PageIndex)>,
    count: u32,
    /// The page asked for last, and where it starts: objects often lie beside what refers to them.
    latest: (Address, PageIndex),
}

/// Index of a page in [`Pages`].
pub type PageIndex = u32;

/// A word of a page: the page's index and the word's, which lead to it without a search.
#[derive(Debug, Clone, Copy)]
pub struct Place(u64);

impl Place {
    /// The place of `address`, which lies in the page of that index.
    #[inline]
    pub fn new(page: PageIndex, address: Address) -> Place {
        let word = (address & (PAGE_SIZE - 1)) >> 3;
        Place(u64::from(page) << WORD_BITS | word)
    }

    /// The index of its page.
    #[inline]
    pub fn page(self) -> PageIndex {
        (self.0 >> WORD_BITS) as PageIndex
    }
}

/// No page starts at an odd address.
const FREE: (Address, PageIndex) = (1, 0);

#[inline]
fn page_start(address: Address) -> Address {
    address & !(PAGE_SIZE - 1)
}

#[inline]
fn bit(address: Address) -> (usize, u64) {
    let word = (address & (PAGE_SIZE - 1)) >> 3;
    ((word >> 6) as usize, 1 << (word & 63))
}

impl<'m> Page<'m> {
    fn new(memory: &Memory<'m>, owner: &Owner, address: Address) -> Page<'m> {
        let start = page_start(address);
        // Everything that lies in one piece around the address; V8 keeps guard pages within a page of code.
        let mut run_start = address & !(OS_PAGE - 1);
        let run = memory.run(run_start).unwrap_or(View::EMPTY);
        let mut run = run;
        while run_start > start {
            match memory.run(run_start - OS_PAGE) {
                Some(longer) if longer.len() == run.len() + OS_PAGE => {
                    run = longer;
                    run_start -= OS_PAGE;
                }
                _ => break,
            }
        }
        let pages_in = |bytes: u64| bytes / OS_PAGE;
        let first = pages_in(run_start - start);
        let last = (first + pages_in(run.len())).min(pages_in(PAGE_SIZE));
        let mapping = memory.mapping(address);
        let read_only = mapping.is_some_and(|mapping| !mapping.writable_or_executable);
        let is_foreign = !read_only && !owner.may_refer_to(memory, start);
        let readable = if is_foreign {
            0
        } else {
            (first..last).fold(0, |bits, page| bits | 1 << page)
        };
        Page {
            start,
            run,
            readable,
            run_start,
            read_only,
            is_foreign,
            unvisited: false,
            first_rank: 0,
            ranks: Box::new([0; BITMAP_WORDS]),
            marks: Box::new([0; BITMAP_WORDS]),
        }
    }

    /// What can be read from `address` on.
    #[inline]
    pub fn view(&self, address: Address) -> Option<View<'m>> {
        let os_page = (address & (PAGE_SIZE - 1)) / OS_PAGE;
        (self.readable >> os_page & 1 == 1).then(|| self.run.from(address - self.run_start))
    }

    /// The first address.
    pub fn start(&self) -> Address {
        self.start
    }

    /// The addresses of the marked objects, ascending.
    pub fn marked(&self) -> impl Iterator<Item = Address> + '_ {
        let mut words = self.marks.iter();
        let mut rest = 0;
        let mut behind = self.start;
        std::iter::from_fn(move || {
            while rest == 0 {
                rest = *words.next()?;
                behind += WORD_SPAN;
            }
            let position = u64::from(rest.trailing_zeros());
            rest &= rest - 1;
            Some(behind - WORD_SPAN + 8 * position)
        })
    }

    /// The nearest marked object at or before `address`.
    pub fn marked_before(&self, address: Address) -> Option<Address> {
        let (index, mask) = bit(address);
        let mut word = self.marks[index] & (mask | (mask - 1));
        let mut index = index;
        while word == 0 {
            index = index.checked_sub(1)?;
            word = self.marks[index];
        }
        Some(self.start + ((index as u64 * 64 + u64::from(63 - word.leading_zeros())) << 3))
    }
}

impl<'m> Pages<'m> {
    /// No pages yet of the heap of `owner`.
    pub fn new(owner: Owner) -> Pages<'m> {
        Pages {
            owner,
            pages: Vec::new(),
            table: vec![FREE; 1 << 10],
            count: 0,
            latest: FREE,
        }
    }

    #[inline]
    fn slot(&self, start: Address) -> usize {
        let hash = (start >> PAGE_BITS).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> 40) as usize & (self.table.len() - 1)
    }

    /// The page of `address`, if it was touched.
    #[inline]
    pub fn find(&self, address: Address) -> Option<PageIndex> {
        let start = page_start(address);
        let mut slot = self.slot(start);
        loop {
            let (found, index) = self.table[slot];
            if found == start {
                return Some(index);
            }
            if found == FREE.0 {
                return None;
            }
            slot = (slot + 1) & (self.table.len() - 1);
        }
    }

    /// The page of `address`, touched now if it belongs to V8's heap and was not before.
    #[inline]
    pub fn find_or_touch(&mut self, memory: &Memory<'m>, address: Address) -> Option<PageIndex> {
        if page_start(address) == self.latest.0 {
            return Some(self.latest.1);
        }
        let index = match self.find(address) {
            Some(index) => index,
            None => self.touch(memory, address)?,
        };
        self.latest = (page_start(address), index);
        Some(index)
    }

    #[cold]
    fn touch(&mut self, memory: &Memory<'m>, address: Address) -> Option<PageIndex> {
        memory
            .mapping(address)
            .filter(|mapping| mapping.content == Content::Heap)?;
        self.pages.push(Page::new(memory, &self.owner, address));
        let index = self.pages.len() as u32 - 1;
        if self.pages.len() * 2 > self.table.len() {
            self.rebuild_table(self.table.len() * 2);
        } else {
            self.enter(index);
        }
        Some(index)
    }

    fn enter(&mut self, index: PageIndex) {
        let start = self.pages[index as usize].start;
        let mut slot = self.slot(start);
        while self.table[slot] != FREE {
            slot = (slot + 1) & (self.table.len() - 1);
        }
        self.table[slot] = (start, index);
    }

    fn rebuild_table(&mut self, length: usize) {
        self.table = vec![FREE; length];
        for index in 0..self.pages.len() as u32 {
            self.enter(index);
        }
    }

    /// The page of that index.
    #[inline]
    pub fn page(&self, index: PageIndex) -> &Page<'m> {
        &self.pages[index as usize]
    }

    /// All pages in the order in which they were touched, which is that of the ranks.
    pub fn iter(&self) -> impl Iterator<Item = &Page<'m>> {
        self.pages.iter()
    }

    /// The number of pages.
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Whether nothing was touched.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// The address at `place`, and what can be read from there on.
    #[inline]
    pub fn at(&self, place: Place) -> (Address, Option<View<'m>>) {
        let page = self.page(place.page());
        let address = page.start + ((place.0 << 3) & (PAGE_SIZE - 1));
        (address, page.view(address))
    }

    /// Marks the object at `address` of the page; true if it was not marked yet.
    #[inline]
    pub fn mark(&mut self, index: PageIndex, address: Address) -> bool {
        let (word, mask) = bit(address);
        let bits = &mut self.pages[index as usize].marks[word];
        let is_new = *bits & mask == 0;
        *bits |= mask;
        is_new
    }

    /// Takes a mark back: there is no object.
    pub fn unmark(&mut self, index: PageIndex, address: Address) {
        let (word, mask) = bit(address);
        self.pages[index as usize].marks[word] &= !mask;
    }

    /// Whether there is a marked object at `address`.
    #[inline]
    pub fn is_marked(&self, address: Address) -> bool {
        self.find(address).is_some_and(|index| {
            let (word, mask) = bit(address);
            self.pages[index as usize].marks[word] & mask != 0
        })
    }

    /// Notes that an object of the page has unvisited slots.
    pub fn set_unvisited(&mut self, index: PageIndex) {
        self.pages[index as usize].unvisited = true;
    }

    /// Whether the page had unvisited objects; it is no longer noted as such.
    pub fn take_unvisited(&mut self, index: PageIndex) -> bool {
        std::mem::take(&mut self.pages[index as usize].unvisited)
    }

    /// Numbers the marked objects, page by page, and gives their count. No mark may change afterwards. What marking reached
    /// first has the short numbers: the read-only space and the maps, which most edges lead to.
    pub fn rank(&mut self) -> u32 {
        let mut count = 0u32;
        for page in &mut self.pages {
            page.first_rank = count;
            let mut within = 0u16;
            for (word, rank) in page.marks.iter().zip(page.ranks.iter_mut()) {
                *rank = within;
                within += word.count_ones() as u16;
            }
            count += u32::from(within);
        }
        self.count = count;
        count
    }

    /// The object of that number.
    pub fn address_of(&self, rank: u32) -> Option<Address> {
        let index = self
            .pages
            .partition_point(|page| page.first_rank <= rank)
            .checked_sub(1)?;
        let page = &self.pages[index];
        page.marked().nth((rank - page.first_rank) as usize)
    }

    /// The number of the object at `address`, if it is marked.
    #[inline]
    pub fn rank_of(&self, address: Address) -> Option<u32> {
        let page = self.page(self.find(address)?);
        let (word, mask) = bit(address);
        let bits = page.marks[word];
        if bits & mask == 0 {
            return None;
        }
        let within = u32::from(page.ranks[word]) + (bits & (mask - 1)).count_ones();
        Some(page.first_rank + within)
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::Layout;
    use super::super::memory::Mapping;
    use super::*;

    fn pages<'m>() -> Pages<'m> {
        Pages::new(Owner::new(0, Layout::ALL[0]))
    }

    /// Read-only memory, which belongs to every isolate.
    fn heap(start: Address, length: usize) -> (Mapping, Vec<u8>) {
        let end = start + length as u64;
        (
            Mapping {
                start,
                end,
                writable_or_executable: false,
                content: Content::Heap,
            },
            vec![0; length],
        )
    }

    #[test]
    fn ranks_follow_the_addresses_within_a_page_and_the_first_touch_across_pages() {
        let image = [heap(0x4_0000, 0x8_0000)];
        let memory = Memory::of_image(&image);
        let mut pages = pages();
        let addresses = [
            0xb_fff8, 0x4_0000, 0x4_0008, 0x8_0200, 0x4_1ff8, 0x8_0408, 0x4_0400,
        ];
        for &address in &addresses {
            let index = pages.find_or_touch(&memory, address).unwrap();
            assert!(pages.mark(index, address));
            assert!(!pages.mark(index, address));
        }
        assert_eq!(pages.rank(), addresses.len() as u32);
        let by_rank = [
            0x8_0200, 0x8_0408, 0xb_fff8, 0x4_0000, 0x4_0008, 0x4_0400, 0x4_1ff8,
        ];
        for (rank, &address) in by_rank.iter().enumerate() {
            assert_eq!(pages.rank_of(address), Some(rank as u32));
            assert_eq!(pages.address_of(rank as u32), Some(address));
        }
        assert_eq!(pages.rank_of(0x4_0010), None);
        assert!(pages.iter().flat_map(|page| page.marked()).eq(by_rank));
    }

    #[test]
    fn memory_that_is_not_the_heaps_is_never_touched() {
        let mut image = [heap(0x4_0000, 0x1000)];
        image[0].0.content = Content::Native;
        let memory = Memory::of_image(&image);
        assert!(pages().find_or_touch(&memory, 0x4_0000).is_none());
    }

    #[test]
    fn only_mapped_parts_of_a_page_are_readable() {
        let image = [heap(0x4_2000, 0x2000)];
        let memory = Memory::of_image(&image);
        let mut pages = pages();
        let index = pages.find_or_touch(&memory, 0x4_3000).unwrap();
        let page = pages.page(index);
        assert!(page.view(0x4_1ff8).is_none() && page.view(0x4_4000).is_none());
        assert_eq!(page.view(0x4_2000).unwrap().len(), 0x2000);
        assert_eq!(page.view(0x4_3ff8).unwrap().len(), 8);
    }

    #[test]
    fn the_marked_object_before_an_address_is_found() {
        let image = [heap(0x4_0000, 0x4_0000)];
        let memory = Memory::of_image(&image);
        let mut pages = pages();
        let index = pages.find_or_touch(&memory, 0x4_0100).unwrap();
        pages.mark(index, 0x4_0100);
        let page = pages.page(index);
        assert_eq!(page.marked_before(0x4_0100), Some(0x4_0100));
        assert_eq!(page.marked_before(0x4_9000), Some(0x4_0100));
        assert_eq!(page.marked_before(0x4_00f8), None);
    }
}
