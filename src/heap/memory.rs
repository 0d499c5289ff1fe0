//! The only place that reads memory which is not Rust's: the mappings of a process, or a stored image of them, behind checked
//! reads. A [`View`] is a readable stretch; a read outside of it gives 0, never a fault. It knows nothing of objects.

use std::marker::PhantomData;

/// An address in the process whose heap is read.
pub type Address = u64;

/// The granularity of mappings.
pub const OS_PAGE: u64 = 4096;

/// What a mapping may hold, as far as the reader cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// V8's heap: objects, and pointers only within them.
    Heap,
    /// The native stack of the isolate's thread.
    Stack,
    /// Other writable private memory: malloc's, `.data`, `.bss`.
    Native,
    /// Nothing to look for: text, files, shared memory.
    Other,
}

/// A readable mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// First address.
    pub start: Address,
    /// First address behind.
    pub end: Address,
    /// Whether the process may write or execute it; V8's read-only space is neither.
    pub writable_or_executable: bool,
    /// What it may hold.
    pub content: Content,
}

#[derive(Clone, Copy)]
struct Segment {
    mapping: Mapping,
    host: *const u8,
}

/// The readable memory of a process.
pub struct Memory<'m> {
    segments: Vec<Segment>,
    image: PhantomData<&'m [u8]>,
}

/// A readable stretch of memory.
#[derive(Clone, Copy)]
pub struct View<'m> {
    host: *const u8,
    length: usize,
    image: PhantomData<&'m [u8]>,
}

impl Memory<'static> {
    /// The memory of this very process.
    ///
    /// # Safety
    /// Every byte of `mappings` must stay mapped and readable as long as the result or a [`View`] of it lives. Other threads
    /// may write to it meanwhile; what is read then is stale or torn, which every reader of a heap must bear anyway.
    pub unsafe fn of_this_process(mappings: &[Mapping]) -> Memory<'static> {
        Memory::new(mappings.iter().map(|mapping| Segment {
            mapping: *mapping,
            host: mapping.start as *const u8,
        }))
    }
}

impl<'m> Memory<'m> {
    /// A stored image: each mapping with its bytes. A mapping ends where its bytes end.
    pub fn of_image(image: &'m [(Mapping, Vec<u8>)]) -> Memory<'m> {
        Memory::new(image.iter().map(|(mapping, bytes)| {
            let end = mapping
                .end
                .min(mapping.start.saturating_add(bytes.len() as u64));
            Segment {
                mapping: Mapping { end, ..*mapping },
                host: bytes.as_ptr(),
            }
        }))
    }

    fn new(segments: impl Iterator<Item = Segment>) -> Memory<'m> {
        let mut segments: Vec<Segment> = segments
            .filter(|segment| segment.mapping.start < segment.mapping.end)
            .collect();
        segments.sort_by_key(|segment| segment.mapping.start);
        Memory {
            segments,
            image: PhantomData,
        }
    }

    /// The mapping that holds `address`.
    pub fn mapping(&self, address: Address) -> Option<&Mapping> {
        Some(&self.segments[self.segment(address)?].mapping)
    }

    /// All mappings, in the order of their addresses.
    pub fn mappings(&self) -> impl Iterator<Item = &Mapping> {
        self.segments.iter().map(|segment| &segment.mapping)
    }

    /// The stretch of `length` bytes at `address`, if all of it is readable.
    pub fn view(&self, address: Address, length: u64) -> Option<View<'m>> {
        let run = self.run(address)?;
        (run.len() >= length).then(|| run.truncated(length))
    }

    /// Everything readable from `address` on, up to the first gap.
    pub fn run(&self, address: Address) -> Option<View<'m>> {
        let index = self.segment(address)?;
        let first = self.segments[index];
        let offset = address - first.mapping.start;
        let host = first.host.wrapping_add(offset as usize);
        let mut end = first.mapping.end;
        for next in &self.segments[index + 1..] {
            let contiguous = first
                .host
                .wrapping_add((next.mapping.start - first.mapping.start) as usize)
                == next.host;
            if next.mapping.start != end || !contiguous {
                break;
            }
            end = next.mapping.end;
        }
        Some(View {
            host,
            length: (end - address) as usize,
            image: PhantomData,
        })
    }

    /// The word at `address`.
    pub fn word(&self, address: Address) -> Option<u64> {
        Some(self.view(address, 8)?.word(0))
    }

    fn segment(&self, address: Address) -> Option<usize> {
        let index = self
            .segments
            .partition_point(|segment| segment.mapping.start <= address)
            .checked_sub(1)?;
        (address < self.segments[index].mapping.end).then_some(index)
    }
}

impl<'m> View<'m> {
    /// Nothing.
    pub const EMPTY: View<'static> = View {
        host: std::ptr::null(),
        length: 0,
        image: PhantomData,
    };

    /// Its length in bytes.
    #[inline]
    pub fn len(&self) -> u64 {
        self.length as u64
    }

    /// Whether it has no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Its first `length` bytes, or all if it has fewer.
    #[inline]
    pub fn truncated(self, length: u64) -> View<'m> {
        View {
            length: self.length.min(length as usize),
            ..self
        }
    }

    /// What follows `offset`.
    #[inline]
    pub fn from(self, offset: u64) -> View<'m> {
        let skipped = self.length.min(offset as usize);
        View {
            host: self.host.wrapping_add(skipped),
            length: self.length - skipped,
            ..self
        }
    }

    /// The eight bytes at `offset`, or 0 beyond the end.
    #[inline]
    pub fn word(&self, offset: u64) -> u64 {
        self.read(offset)
    }

    /// The four bytes at `offset`, or 0 beyond the end.
    #[inline]
    pub fn half_word(&self, offset: u64) -> u32 {
        self.read(offset)
    }

    /// The two bytes at `offset`, or 0 beyond the end.
    #[inline]
    pub fn quarter_word(&self, offset: u64) -> u16 {
        self.read(offset)
    }

    /// The byte at `offset`, or 0 beyond the end.
    #[inline]
    pub fn byte(&self, offset: u64) -> u8 {
        self.read(offset)
    }

    /// The words from `start` up to `end`, as far as there are any.
    #[inline]
    pub fn words(&self, start: u64, end: u64) -> impl Iterator<Item = u64> + use<'m> {
        let part = self.from(start).truncated(end.saturating_sub(start));
        (0..part.length / size_of::<u64>()).map(move |index| {
            // SAFETY: the stretch is readable for `length` bytes (`Memory::run`), and so many words fit into it.
            unsafe { part.host.cast::<u64>().add(index).read_unaligned() }
        })
    }

    /// Copies the first bytes to `bytes`; gives those there were.
    pub fn copy<'b>(&self, bytes: &'b mut [u8]) -> &'b [u8] {
        let length = self.length.min(bytes.len());
        // SAFETY: the stretch is readable for `length` bytes (`Memory::run`), and no heap that is read lies in `bytes`.
        unsafe { std::ptr::copy_nonoverlapping(self.host, bytes.as_mut_ptr(), length) };
        &bytes[..length]
    }

    /// Asks the processor to have the first bytes at hand soon.
    #[inline]
    pub fn prefetch(&self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch never faults, whatever the address.
        unsafe {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch(self.host.cast(), _MM_HINT_T0);
        }
    }

    #[inline]
    fn read<T: Copy + Default>(&self, offset: u64) -> T {
        let fits = (offset as usize)
            .checked_add(size_of::<T>())
            .is_some_and(|end| end <= self.length);
        if !fits {
            return T::default();
        }
        // SAFETY: the stretch is readable for `length` bytes (`Memory::run`), and the read ends within it. Only integers are
        // read this way, so any bits will do.
        unsafe { self.host.add(offset as usize).cast::<T>().read_unaligned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(start: Address, end: Address) -> Mapping {
        Mapping {
            start,
            end,
            writable_or_executable: true,
            content: Content::Heap,
        }
    }

    #[test]
    fn a_read_beyond_the_end_gives_nothing() {
        let image = [(mapping(0x10000, 0x11000), vec![0xff; 0x1000])];
        let memory = Memory::of_image(&image);
        let view = memory.view(0x10ff0, 16).unwrap();
        assert_eq!(
            (view.word(8), view.word(9), view.word(u64::MAX)),
            (u64::MAX, 0, 0)
        );
        assert!(memory.view(0x10ff0, 17).is_none());
        assert!(memory.view(0x11000, 1).is_none());
        assert!(memory.view(0xffff, 1).is_none());
    }

    #[test]
    fn words_end_where_the_stretch_ends() {
        let image = [(mapping(0x10000, 0x11000), vec![0xff; 0x1000])];
        let memory = Memory::of_image(&image);
        let view = memory.view(0x10fe0, 28).unwrap();
        let count = |start, end| view.words(start, end).count();
        assert_eq!(
            [count(0, 16), count(8, 64), count(24, 8), count(64, 128)],
            [2, 2, 0, 0]
        );
        assert!(view.words(0, u64::MAX).all(|word| word == u64::MAX));
    }

    #[test]
    fn a_mapping_ends_where_its_stored_bytes_end() {
        let image = [(mapping(0x10000, 0x20000), vec![1; 0x1000])];
        let memory = Memory::of_image(&image);
        assert!(memory.view(0x10fff, 1).is_some());
        assert!(memory.view(0x11000, 1).is_none());
    }
}
