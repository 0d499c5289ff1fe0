//! Whose page it is. The heaps of a process's isolates lie side by side and look alike, so one pointer that is stale or misread
//! would lead into another isolate's heap and from there through all of it. It knows nothing of objects.

use super::layout::{Layout, PageLayout, PageOwner};
use super::memory::{Address, Memory};

/// One isolate as the owner of pages.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    heap: Address,
    layout: PageLayout,
}

impl Owner {
    /// The isolate at `isolate`.
    pub fn new(isolate: Address, layout: &Layout) -> Owner {
        Owner {
            heap: isolate + layout.page.heap,
            layout: layout.page,
        }
    }

    /// Whether the writable page that starts at `page` is the isolate's, or one that isolates share.
    pub fn may_refer_to(&self, memory: &Memory, page: Address) -> bool {
        let field = |start: Address, offset: u16| memory.word(start.wrapping_add(offset.into()));
        let heap = match self.layout.owner {
            PageOwner::Header(heap) => field(page, heap),
            PageOwner::Metadata { metadata, heap } => {
                field(page, metadata).and_then(|metadata| field(metadata, heap))
            }
        };
        let is_shared = || {
            field(page, self.layout.flags).is_some_and(|flags| flags & self.layout.shared_flag != 0)
        };
        heap == Some(self.heap) || is_shared()
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::{Content, Mapping};
    use super::*;

    const PAGE: Address = 0x4_0000;
    const METADATA: Address = 0x100;
    const ISOLATE: Address = 0x1234_5000;

    /// Whether `owner` may read a page with these words.
    fn may_refer_to(owner: Owner, words: &[(u64, u64)]) -> bool {
        let mut bytes = vec![0; 0x1000];
        for &(offset, word) in words {
            bytes[offset as usize..][..8].copy_from_slice(&word.to_le_bytes());
        }
        let mapping = Mapping {
            start: PAGE,
            end: PAGE + bytes.len() as u64,
            writable_or_executable: true,
            content: Content::Heap,
        };
        let image = [(mapping, bytes)];
        owner.may_refer_to(&Memory::of_image(&image), PAGE)
    }

    fn page_of(isolate: Address, layout: &Layout) -> Vec<(u64, u64)> {
        let heap_address = isolate + layout.page.heap;
        match layout.page.owner {
            PageOwner::Header(heap) => vec![(heap.into(), heap_address)],
            PageOwner::Metadata { metadata, heap } => vec![
                (metadata.into(), PAGE + METADATA),
                (METADATA + u64::from(heap), heap_address),
            ],
        }
    }

    #[test]
    fn an_isolate_refers_to_its_own_pages() {
        for layout in Layout::ALL {
            assert!(may_refer_to(
                Owner::new(ISOLATE, layout),
                &page_of(ISOLATE, layout)
            ));
        }
    }

    #[test]
    fn an_isolate_does_not_refer_to_the_pages_of_another() {
        for layout in Layout::ALL {
            let page = page_of(ISOLATE + 0x2_0000, layout);
            assert!(!may_refer_to(Owner::new(ISOLATE, layout), &page));
        }
    }

    #[test]
    fn all_isolates_refer_to_the_pages_that_they_share() {
        for layout in Layout::ALL {
            let mut page = page_of(ISOLATE + 0x2_0000, layout);
            page.push((layout.page.flags.into(), layout.page.shared_flag));
            assert!(may_refer_to(Owner::new(ISOLATE, layout), &page));
        }
    }

    #[test]
    fn memory_without_a_page_header_is_nobodys() {
        for layout in Layout::ALL {
            assert!(!may_refer_to(Owner::new(ISOLATE, layout), &[]));
        }
    }
}
