//! What the frozen child may read, in the heap reader's terms: V8's memory, the isolate's stack, malloc's memory, the rest.

use std::io;
use std::ops::Range;

use crate::freeze::Child;
use crate::freeze::mappings::{self, Backing};
use crate::heap::memory::{Content, Mapping, Memory};

/// The memory of the frozen image. `stack` is that of the isolate's thread.
///
/// # Errors
/// `/proc` is not mounted or hidden.
pub fn memory(child: &Child<'_>, stack: &Range<usize>) -> io::Result<Memory<'static>> {
    let mappings = mappings(child, stack)?;
    // SAFETY: in the copy-on-write way the memory is the child's own. In the shared way other threads may unmap theirs; a
    // read of it then ends the child, and nothing else.
    Ok(unsafe { Memory::of_this_process(&mappings) })
}

/// The readable mappings of the process, without the child's own memory.
fn mappings(child: &Child<'_>, stack: &Range<usize>) -> io::Result<Vec<Mapping>> {
    let v8 = child.dontfork()?;
    let own = child.own_memory();
    let all = mappings::of_this_process()?;
    Ok(all
        .iter()
        .filter(|mapping| mapping.readable && mapping.backing != Backing::Kernel)
        .flat_map(|mapping| divide(mapping, &v8, &own))
        .flat_map(|part| find_stack(part, stack))
        .collect())
}

/// Cuts a mapping where V8's memory begins and ends: once its marks are taken off, the kernel merges it with neighbours.
fn divide(mapping: &mappings::Mapping, v8: &[Range<usize>], own: &Range<usize>) -> Vec<Mapping> {
    let first = v8.partition_point(|range| range.end <= mapping.range.start);
    let mut parts = Vec::new();
    let mut start = mapping.range.start;
    for range in v8[first..]
        .iter()
        .take_while(|range| range.start < mapping.range.end)
    {
        let heap = range.start.max(start)..range.end.min(mapping.range.end);
        parts.push(part(mapping, start..heap.start, native_content(mapping)));
        start = heap.end;
        parts.push(part(mapping, heap, Content::Heap));
    }
    parts.push(part(
        mapping,
        start..mapping.range.end,
        native_content(mapping),
    ));
    parts.retain(|part| part.start < part.end && !own.contains(&(part.start as usize)));
    parts
}

/// Cuts memory that is not V8's where the stack of the isolate's thread begins and ends.
fn find_stack(part: Mapping, stack: &Range<usize>) -> Vec<Mapping> {
    let (start, end) = (stack.start as u64, stack.end as u64);
    if part.content == Content::Heap || end <= part.start || part.end <= start {
        return vec![part];
    }
    let (start, end) = (start.max(part.start), end.min(part.end));
    let cut = |start, end, content| Mapping {
        start,
        end,
        content,
        ..part
    };
    let mut parts = vec![
        cut(part.start, start, part.content),
        cut(start, end, Content::Stack),
        cut(end, part.end, part.content),
    ];
    parts.retain(|part| part.start < part.end);
    parts
}

fn part(mapping: &mappings::Mapping, range: Range<usize>, content: Content) -> Mapping {
    Mapping {
        start: range.start as u64,
        end: range.end as u64,
        writable_or_executable: mapping.writable || mapping.executable,
        content,
    }
}

/// Shared memory, devices, text and the main thread's stack, unless it is the isolate's, hold no references of the isolate;
/// private writable memory of a file is `.data`.
fn native_content(mapping: &mappings::Mapping) -> Content {
    match mapping.backing {
        Backing::Anonymous | Backing::File if mapping.writable && !mapping.shared => {
            Content::Native
        }
        _ => Content::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    fn private_memory(pages: Range<usize>) -> mappings::Mapping {
        mappings::Mapping {
            range: pages.start * PAGE..pages.end * PAGE,
            readable: true,
            writable: true,
            executable: false,
            shared: false,
            backing: Backing::Anonymous,
        }
    }

    fn contents(mapping: &mappings::Mapping, v8: &[Range<usize>]) -> Vec<(u64, u64, Content)> {
        let v8: Vec<_> = v8
            .iter()
            .map(|pages| pages.start * PAGE..pages.end * PAGE)
            .collect();
        divide(mapping, &v8, &(0..0))
            .iter()
            .map(|part| {
                (
                    part.start / PAGE as u64,
                    part.end / PAGE as u64,
                    part.content,
                )
            })
            .collect()
    }

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "one range is meant")]
    fn a_mapping_that_v8_marked_is_heap() {
        assert_eq!(
            contents(&private_memory(8..16), &[8..16]),
            [(8, 16, Content::Heap)]
        );
    }

    #[test]
    fn a_mapping_merged_with_neighbours_is_cut_at_the_marks() {
        assert_eq!(
            contents(&private_memory(8..32), &[4..10, 16..20, 30..40]),
            [
                (8, 10, Content::Heap),
                (10, 16, Content::Native),
                (16, 20, Content::Heap),
                (20, 30, Content::Native),
                (30, 32, Content::Heap),
            ]
        );
    }

    #[test]
    fn memory_that_v8_did_not_mark_is_native() {
        assert_eq!(
            contents(&private_memory(8..16), &[1..2, 20..30]),
            [(8, 16, Content::Native)]
        );
    }

    #[test]
    fn shared_memory_is_not_searched() {
        let shared = mappings::Mapping {
            shared: true,
            ..private_memory(1..2)
        };
        assert_eq!(contents(&shared, &[]), [(1, 2, Content::Other)]);
    }

    #[test]
    fn the_stack_of_the_isolates_thread_is_cut_out_of_its_mapping() {
        let [mapping] = divide(&private_memory(8..32), &[], &(0..0))
            .try_into()
            .unwrap_or_else(|_| panic!("one part"));
        let parts = find_stack(mapping, &(10 * PAGE..16 * PAGE));
        let contents: Vec<_> = parts
            .iter()
            .map(|part| (part.start / PAGE as u64, part.content))
            .collect();
        assert_eq!(
            contents,
            [
                (8, Content::Native),
                (10, Content::Stack),
                (16, Content::Native)
            ]
        );
    }

    #[test]
    fn the_main_threads_stack_is_not_that_of_a_worker() {
        let main_stack = mappings::Mapping {
            backing: Backing::Stack,
            ..private_memory(8..16)
        };
        assert_eq!(contents(&main_stack, &[]), [(8, 16, Content::Other)]);
    }

    #[test]
    fn the_childs_own_memory_is_no_part_of_the_image() {
        let own = 8 * PAGE..64 * PAGE;
        assert!(divide(&private_memory(8..16), &[], &own).is_empty());
    }
}
