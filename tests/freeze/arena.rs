//! What a frozen child allocates.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{BOTH_WAYS, LONG, alone, run, say};
use node_oom_heapdump::freeze::{Failure, Way, mappings};

#[test]
fn the_child_allocates_in_its_arena_and_nothing_of_it_stays() {
    let _alone = alone();
    let outside = AtomicUsize::new(0);
    for way in BOTH_WAYS {
        let (ended, said) = run(way, LONG, |child| {
            let mut names = HashMap::new();
            for number in 0..100_000u64 {
                names.insert(number, number.to_string());
            }
            let mut words: Vec<u64> = Vec::new();
            words.extend(0..2_000_000);
            drop(names.remove(&7));
            let zeros = vec![0u8; 3 << 20];
            let right = names[&99_999] == "99999"
                && words.iter().sum::<u64>() == 1_999_999_000_000
                && zeros.iter().all(|&byte| byte == 0);
            outside.store(words.as_ptr() as usize, Ordering::Relaxed);
            say(child, &format!("{right} {}", child.memory().0 > 16_000_000));
            Ok(())
        });
        assert_eq!(
            (ended.result, said.as_str()),
            (Ok(()), "true true"),
            "{way}"
        );
        assert!(
            ended.peak_memory > 16_000_000 && ended.peak_memory < 100_000_000,
            "{}",
            ended.peak_memory
        );
    }
    let last = outside.load(Ordering::Relaxed);
    assert!(
        mappings::of_this_process()
            .unwrap()
            .iter()
            .all(|mapping| !mapping.range.contains(&last))
    );
}

#[test]
fn the_child_tells_its_own_memory_from_the_image() {
    let _alone = alone();
    let of_the_image = Box::new(1);
    for way in BOTH_WAYS {
        let (ended, _) = run(way, LONG, |child| {
            let (on_the_stack, in_the_arena) = (0, Box::new(0));
            let is_own = |value: &i32| child.own_memory().contains(&(&raw const *value as usize));
            let right = is_own(&on_the_stack) && is_own(&in_the_arena) && !is_own(&of_the_image);
            right.then_some(()).ok_or("mistaken".into())
        });
        assert_eq!(ended.result, Ok(()), "{way}");
    }
}

#[test]
fn memory_given_back_in_the_arena_is_used_again_and_reads_as_zero() {
    let _alone = alone();
    let (ended, _) = run(Way::Shared, LONG, |child| {
        for size in [24, 3000, 70_000, 5 << 20] {
            for round in 0..2000 {
                let mut block = vec![0u8; size];
                if block.iter().any(|&byte| byte != 0) {
                    return Err(format!(
                        "a block of {size} bytes was not zero in round {round}"
                    ));
                }
                block[size - 1] = 1;
                block[0] = 1;
                if size > 1 << 20 && round > 20 {
                    break;
                }
            }
        }
        (child.memory().1 < 6 << 20)
            .then_some(())
            .ok_or("the arena grew".into())
    });
    assert_eq!(ended.result, Ok(()));
}

#[test]
fn a_block_that_grows_in_the_arena_is_never_there_twice() {
    let _alone = alone();
    let (ended, _) = run(Way::Shared, LONG, |_| {
        let mut numbers = Vec::new();
        for number in 0..1u64 << 20 {
            numbers.push(number);
        }
        let right = numbers
            .iter()
            .zip(0..)
            .all(|(&number, expected)| number == expected);
        right.then_some(()).ok_or("its content changed".into())
    });
    assert_eq!(ended.result, Ok(()));
    assert!(ended.peak_memory < 9 << 20, "{}", ended.peak_memory);
}

#[test]
fn a_child_without_memory_left_says_so() {
    let _alone = alone();
    for way in BOTH_WAYS {
        let (ended, _) = run(way, LONG, |_| {
            black_box(vec![0u8; 1 << 40]);
            Ok(())
        });
        assert_eq!(ended.result, Err(Failure::OutOfMemory), "{way}");
    }
}
