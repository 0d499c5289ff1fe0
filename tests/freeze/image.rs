//! What the frozen child sees of the memory.

use std::io::pipe;
use std::ops::Range;
use std::os::fd::AsFd;
use std::time::Duration;
use std::{fs, thread};

use crate::priority::beside;
use crate::support::{BOTH_WAYS, Heap, LONG, alone, byte_at, rest_of, run, say};
use node_oom_heapdump::freeze::{Child, Priority, Terms, Way, freeze, mappings};

/// The addresses whose VmFlags say `dc`: a fork leaves them out. Neighbours are one range.
fn marked() -> Vec<Range<usize>> {
    let text = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut range = 0..0;
    for line in text.lines() {
        if let Some(mapping) = mappings::parse(line.as_bytes()).next() {
            range = mapping.range;
        } else if line.starts_with("VmFlags:") && line.split(' ').any(|flag| flag == "dc") {
            match found.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => found.push(range.clone()),
            }
        }
    }
    found
}

#[test]
fn the_child_sees_memory_that_a_fork_leaves_out() {
    let _alone = alone();
    let heap = Heap::new(42);
    for way in BOTH_WAYS {
        let (ended, said) = run(way, LONG, |child| {
            say(child, &byte_at(heap.address()).to_string());
            Ok(())
        });
        assert_eq!((ended.result, said.as_str()), (Ok(()), "42"), "{way}");
    }
}

#[test]
fn a_copy_on_write_child_keeps_the_image_while_the_application_writes() {
    let _alone = alone();
    let heap = Heap::new(1);
    let (reader, writer) = pipe().unwrap();
    let job = |child: &mut Child<'_>| {
        thread::sleep(Duration::from_millis(100));
        say(child, &byte_at(heap.address()).to_string());
        Ok(())
    };
    let terms = Terms {
        output: writer.as_fd(),
        deadline: LONG,
        background: Some(beside(Priority::Idle)),
    };
    // SAFETY: the job takes no lock and leaves nothing behind.
    let frozen = unsafe { freeze(Way::CopyOnWrite, &terms, &job) }.unwrap();
    // SAFETY: the heap is this test's own.
    unsafe { *heap.0 = 2 };
    assert_eq!(frozen.wait().result, Ok(()));
    drop(writer);
    assert_eq!(rest_of(reader), "1");
}

#[test]
fn the_child_knows_which_memory_a_fork_leaves_out() {
    let _alone = alone();
    let heap = Heap::new(1);
    let other = vec![0u8; 4 << 20];
    for way in BOTH_WAYS {
        let (ended, said) = run(way, LONG, |child| {
            let marked = child.dontfork().map_err(|error| error.to_string())?;
            let holds = |address| marked.iter().any(|range| range.contains(&address));
            say(
                child,
                &format!(
                    "{} {}",
                    holds(heap.address()),
                    holds(other.as_ptr() as usize)
                ),
            );
            Ok(())
        });
        assert_eq!(
            (ended.result, said.as_str()),
            (Ok(()), "true false"),
            "{way}"
        );
    }
}

#[test]
fn a_program_that_may_not_look_at_its_children_finds_that_memory_as_well() {
    let _alone = alone();
    let heap = Heap::new(42);
    let address = heap.address();
    thread::scope(|scope| {
        scope.spawn(|| {
            const NOBODY: libc::uid_t = 65534;
            // SAFETY: without libc's wrapper the new identity is this thread's alone. The process is then as closed as
            // one with file capabilities, until it is opened again below.
            let closed = unsafe { libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) };
            assert_eq!(closed, 0);
            let (ended, said) = run(Way::CopyOnWrite, LONG, |child| {
                say(child, &byte_at(address).to_string());
                Ok(())
            });
            // SAFETY: no memory is touched.
            unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1) };
            assert_eq!((ended.result, said.as_str()), (Ok(()), "42"));
        });
    });
}

#[test]
fn exactly_the_memory_that_was_marked_is_marked_afterwards() {
    let _alone = alone();
    let mut heaps: Vec<Heap> = (0..50).map(Heap::new).collect();
    let mut keep = [true, true, false].into_iter().cycle();
    heaps.retain(|_| keep.next() == Some(true));
    let before = marked();
    assert!(
        heaps
            .iter()
            .all(|heap| before.iter().any(|range| range.contains(&heap.address())))
    );
    for way in BOTH_WAYS {
        run(way, LONG, |child| {
            child
                .dontfork()
                .map(drop)
                .map_err(|error| error.to_string())
        });
        assert_eq!(marked(), before, "{way}");
    }
}
