//! The heap reader on a real heap with wrong words: a frozen child overwrites words of its own copy, and reads that. Built with
//! the feature `oracle` only, for the tests.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::AtomicU64;

use super::HeapReader;
use super::oracle::ask;
use crate::heap::memory::{Content, Mapping, Memory};
use crate::heap::page_numbers::{PageNumbers, SLOTS};
use crate::heap::write_snapshot;
use crate::random::Random;

/// Reads the heap with so many wrong words, the same ones for the same `seed`, and says what that came to.
///
/// # Errors
/// There is no frozen child, or it crashed, or it came to no end.
pub fn read_corrupted(reader: &HeapReader, seed: u32, words: u32) -> Result<String, String> {
    let answer = ask(&|memory| {
        if let Err(error) = corrupt(memory, seed, words) {
            return error.to_string();
        }
        let slots: Vec<AtomicU64> = std::iter::repeat_with(AtomicU64::default)
            .take(SLOTS)
            .collect();
        let numbers = PageNumbers::in_slots(&slots);
        match write_snapshot(memory, reader.isolate, reader.layout, numbers, io::sink()) {
            Ok(counts) => format!("{} nodes, {} skipped", counts.nodes, counts.skipped),
            Err(error) => error.to_string(),
        }
    });
    answer.map_err(|failure| failure.to_string())
}

/// Overwrites words of V8's memory, through the file that also writes to memory without write permission.
fn corrupt(memory: &Memory, seed: u32, words: u32) -> io::Result<()> {
    let own_memory = OpenOptions::new().write(true).open("/proc/self/mem")?;
    let heap: Vec<&Mapping> = memory
        .mappings()
        .filter(|mapping| mapping.content == Content::Heap)
        .collect();
    let mut random = Random::new(u64::from(seed) + 1);
    for _ in 0..words {
        let word = wrong_word(&mut random, &heap);
        own_memory.write_all_at(&word.to_le_bytes(), address_in(&mut random, &heap) & !7)?;
    }
    Ok(())
}

/// A pointer to anywhere in the heap or just behind a part of it, a length, noise.
fn wrong_word(random: &mut Random, heap: &[&Mapping]) -> u64 {
    const STRONG_TAG: u64 = 1;
    match random.word() % 5 {
        0 => address_in(random, heap) | STRONG_TAG,
        1 => address_in(random, heap) & !7 | STRONG_TAG,
        2 => part(random, heap).end - 8 * (random.word() % 4) + STRONG_TAG,
        3 => (random.word() >> 33) << 32,
        _ => random.word(),
    }
}

/// One part of the heap: each is as likely as any other, for the room for code is huge and mostly empty.
fn part<'h>(random: &mut Random, heap: &[&'h Mapping]) -> &'h Mapping {
    heap[random.below(heap.len())]
}

fn address_in(random: &mut Random, heap: &[&Mapping]) -> u64 {
    let part = part(random, heap);
    part.start + random.word() % (part.end - part.start)
}
