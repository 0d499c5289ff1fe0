//! The rules of the room `freeze`, each shown on this very process. They run one at a time, because a process has one
//! frozen child, and in an executable of their own, because they count its descriptors and mappings.
#![cfg(all(feature = "addon", target_os = "linux"))]

use std::collections::HashMap;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use node_oom_heapdump::freeze::{
    Background, Child, Ended, Failure, FreezeError, Frozen, Priority, Terms, Way, freeze,
    freeze_either, hurry, mappings,
};

const BOTH_WAYS: [Way; 2] = [Way::CopyOnWrite, Way::Shared];
const LONG: Duration = Duration::from_secs(60);

fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Freezes, waits, and returns how the child ended and what it wrote.
fn run(
    way: Way,
    deadline: Duration,
    job: impl Fn(&mut Child<'_>) -> Result<(), String>,
) -> (Ended, String) {
    let (reader, writer) = pipe().unwrap();
    let terms = Terms {
        output: writer.as_fd(),
        deadline,
        background: None,
    };
    // SAFETY: the jobs of these tests take no lock and leave nothing behind.
    let frozen = unsafe { freeze(way, &terms, &job) }.unwrap();
    let ended = frozen.wait();
    drop(writer);
    (ended, rest_of(reader))
}

fn rest_of(mut reader: PipeReader) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

fn say(child: &Child<'_>, text: &str) {
    File::from(child.output().try_clone_to_owned().unwrap())
        .write_all(text.as_bytes())
        .unwrap();
}

/// Memory that a fork leaves out, as V8's heap is.
struct Heap(*mut u8);

impl Heap {
    const SIZE: usize = 1 << 20;

    fn new(first_byte: u8) -> Self {
        // SAFETY: a new mapping, whose first byte is then written.
        unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let start = libc::mmap(
                ptr::null_mut(),
                Self::SIZE,
                access,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(start, libc::MAP_FAILED);
            assert_eq!(libc::madvise(start, Self::SIZE, libc::MADV_DONTFORK), 0);
            *start.cast::<u8>() = first_byte;
            Self(start.cast())
        }
    }

    fn address(&self) -> usize {
        self.0 as usize
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own.
        unsafe { libc::munmap(self.0.cast(), Self::SIZE) };
    }
}

fn byte_at(address: usize) -> u8 {
    // SAFETY: none where the address is wild; the child is expected to crash then.
    unsafe { (address as *const u8).read_volatile() }
}

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

fn mapping_count() -> usize {
    mappings::of_this_process().unwrap().len()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
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

#[test]
fn a_wild_read_ends_the_child_with_its_address_and_harms_nobody() {
    let _alone = alone();
    for way in BOTH_WAYS {
        let (ended, _) = run(way, LONG, |_| {
            black_box(byte_at(0xdead_0000));
            Ok(())
        });
        assert_eq!(
            ended.result,
            Err(Failure::Crashed {
                signal: libc::SIGSEGV,
                address: 0xdead_0000
            }),
            "{way}"
        );
    }
}

#[test]
fn an_overflow_of_the_childs_stack_is_a_crash_like_any_other() {
    fn recurse(depth: u64) -> u64 {
        let frame = black_box([depth; 64]);
        if depth == u64::MAX {
            0
        } else {
            recurse(depth + 1) + frame[0]
        }
    }
    let _alone = alone();
    for way in BOTH_WAYS {
        let (ended, _) = run(way, LONG, |_| Err(recurse(0).to_string()));
        assert!(
            ended.result.is_err_and(|failure| failure.is_crash()),
            "{way}"
        );
    }
}

/// A field of `/proc/self/status`, as the frozen child sees it of itself.
fn status_field(name: &str) -> Result<String, String> {
    let status = fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let field = status.lines().find_map(|line| line.strip_prefix(name));
    Ok(field.ok_or("no such field")?.trim().to_owned())
}

#[test]
fn the_applications_signal_handlers_and_masks_are_not_the_childs() {
    extern "C" fn of_the_application(_: libc::c_int) {}
    let bits = |signals: &[i32]| -> u64 { signals.iter().map(|signal| 1 << (signal - 1)).sum() };
    // libc keeps these two to itself.
    let of_libc = bits(&[32, 33]);
    let _alone = alone();
    // SAFETY: the handler does nothing; the former disposition is put back below.
    let before = unsafe {
        libc::signal(
            libc::SIGUSR2,
            of_the_application as extern "C" fn(i32) as usize,
        )
    };
    for way in BOTH_WAYS {
        let (ended, said) = run(way, LONG, |child| {
            let fields = ["SigBlk:", "SigIgn:", "SigCgt:"].map(status_field);
            let fields: Result<Vec<String>, String> = fields.into_iter().collect();
            say(child, &fields?.join(" "));
            Ok(())
        });
        let said: Vec<u64> = said
            .split(' ')
            .map(|bits| u64::from_str_radix(bits, 16).unwrap() & !of_libc)
            .collect();
        let caught = [
            libc::SIGSEGV,
            libc::SIGBUS,
            libc::SIGILL,
            libc::SIGFPE,
            libc::SIGABRT,
            libc::SIGSYS,
            libc::SIGALRM,
            libc::SIGTERM,
        ];
        assert_eq!(ended.result, Ok(()), "{way}");
        assert_eq!(said, [0, bits(&[libc::SIGPIPE]), bits(&caught)], "{way}");
    }
    // SAFETY: as above.
    unsafe { libc::signal(libc::SIGUSR2, before) };
}

#[test]
fn the_child_is_out_of_the_terminals_reach_and_within_the_applications_share_of_the_cpu() {
    let _alone = alone();
    // SAFETY: no memory is touched.
    let session = unsafe { libc::getsid(0) };
    for way in BOTH_WAYS {
        let (ended, said) = run(way, LONG, |child| {
            // SAFETY: as above.
            let [process, group, session] =
                unsafe { [libc::getpid(), libc::getpgid(0), libc::getsid(0)] };
            say(child, &format!("{} {session}", process == group));
            Ok(())
        });
        assert_eq!(ended.result, Ok(()), "{way}");
        assert_eq!(said, format!("true {session}"), "{way}");
    }
}

#[test]
fn the_child_leaves_no_core_and_the_application_may() {
    fn core_limit() -> libc::rlim_t {
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the structure is writable.
        unsafe { libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit) };
        limit.rlim_max
    }
    let _alone = alone();
    let before = core_limit();
    for way in BOTH_WAYS {
        let (ended, said) = run(way, LONG, |child| {
            say(child, &core_limit().to_string());
            Ok(())
        });
        assert_eq!((ended.result, said.as_str()), (Ok(()), "0"), "{way}");
        assert_eq!(core_limit(), before, "{way}");
    }
}

fn beside(priority: Priority) -> Background {
    Background {
        share: 0.25,
        priority,
    }
}

/// How the calling process is scheduled: its policy and its nice value.
fn scheduling() -> String {
    // SAFETY: no memory is touched.
    let (policy, nice) = unsafe {
        let nice = libc::getpriority(libc::PRIO_PROCESS, 0);
        (libc::sched_getscheduler(0), nice)
    };
    format!("{policy} {nice}")
}

#[test]
fn a_child_runs_when_the_cpu_is_idle_or_a_little_behind_the_application_or_beside_it() {
    let _alone = alone();
    let own = scheduling();
    let nice: i32 = own.split(' ').nth(1).unwrap().parse().unwrap();
    let idle = format!("{} 19", libc::SCHED_IDLE);
    let low = format!("{} {}", libc::SCHED_BATCH, (nice + 5).min(19));
    for (way, background, expected) in [
        (Way::CopyOnWrite, Some(beside(Priority::Idle)), &idle),
        (Way::CopyOnWrite, Some(beside(Priority::Low)), &low),
        (Way::CopyOnWrite, Some(beside(Priority::Normal)), &own),
        (Way::CopyOnWrite, None, &own),
        (Way::Shared, None, &own),
    ] {
        let (reader, writer) = pipe().unwrap();
        let terms = Terms {
            output: writer.as_fd(),
            deadline: LONG,
            background,
        };
        let job = |child: &mut Child<'_>| {
            say(child, &scheduling());
            Ok(())
        };
        // SAFETY: the job takes no lock and leaves nothing behind.
        let frozen = unsafe { freeze(way, &terms, &job) }.unwrap();
        assert_eq!(frozen.wait().result, Ok(()));
        drop(writer);
        assert_eq!(&rest_of(reader), expected, "{way} {background:?}");
        assert_eq!(scheduling(), own);
    }
}

/// Runs a job in a child that rests 99 times as long as it works, while somebody waits for it.
fn run_awaited(
    deadline: Duration,
    job: impl Fn(&mut Child<'_>) -> Result<(), String>,
) -> Result<(), Failure> {
    let (_reader, writer) = pipe().unwrap();
    let background = Background {
        share: 0.01,
        priority: Priority::Idle,
    };
    let terms = Terms {
        output: writer.as_fd(),
        deadline,
        background: Some(background),
    };
    // SAFETY: the jobs of these tests take no lock and leave nothing behind.
    let frozen = unsafe { freeze(Way::CopyOnWrite, &terms, &job) }.unwrap();
    hurry();
    frozen.wait().result
}

#[test]
fn a_child_that_the_application_waits_for_rests_no_more() {
    const PIECE: Duration = Duration::from_millis(5);
    let _alone = alone();
    let result = run_awaited(Duration::from_secs(20), |child| {
        for _ in 0..100 {
            let start = Instant::now();
            while start.elapsed() < PIECE {
                black_box(start);
            }
            child.pace.keep();
        }
        Ok(())
    });
    assert_eq!(result, Ok(()));
}

#[test]
fn a_child_that_the_application_waits_for_gets_its_priority_where_the_system_allows() {
    let _alone = alone();
    let own = scheduling();
    let result = run_awaited(Duration::from_secs(20), |_| {
        while scheduling() != own {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    });
    assert_eq!(result, Ok(()), "this test needs CAP_SYS_NICE");
}

#[test]
fn the_kernel_kills_a_copy_before_the_application() {
    let score = || fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    let _alone = alone();
    let before = score();
    for (way, expected) in [(Way::CopyOnWrite, "1000\n"), (Way::Shared, before.as_str())] {
        let (ended, said) = run(way, LONG, |child| {
            say(child, &score());
            Ok(())
        });
        assert_eq!((ended.result, said.as_str()), (Ok(()), expected), "{way}");
        assert_eq!(score(), before, "{way}");
    }
}

#[test]
fn a_job_tells_why_it_gave_up() {
    let _alone = alone();
    for way in BOTH_WAYS {
        let (ended, _) = run(way, LONG, |_| Err(format!("layout {} does not fit", 7)));
        assert_eq!(
            ended.result,
            Err(Failure::Job("layout 7 does not fit".into())),
            "{way}"
        );
    }
}

#[test]
fn a_panic_is_a_failure_with_the_panics_words() {
    let _alone = alone();
    for way in BOTH_WAYS {
        let (ended, _) = run(way, LONG, |_| panic!("index out of bounds"));
        assert_eq!(
            ended.result,
            Err(Failure::Job("index out of bounds".into())),
            "{way}"
        );
    }
}

#[test]
fn a_child_that_hangs_is_ended_at_its_deadline() {
    let _alone = alone();
    for way in BOTH_WAYS {
        let (ended, _) = run(way, Duration::from_millis(50), |_| {
            loop {
                thread::sleep(LONG);
            }
        });
        assert_eq!(ended.result, Err(Failure::TimedOut), "{way}");
    }
}

#[test]
fn a_child_that_is_killed_says_by_which_signal() {
    let _alone = alone();
    for way in BOTH_WAYS {
        let (ended, _) = run(way, LONG, |_| {
            // SAFETY: a signal to the child itself.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
            Ok(())
        });
        assert_eq!(
            ended.result,
            Err(Failure::Killed {
                signal: libc::SIGKILL
            }),
            "{way}"
        );
    }
}

/// A copy-on-write child that waits to be ended.
fn hanging_child(writer: &PipeWriter) -> Result<Frozen, FreezeError> {
    let terms = Terms {
        output: writer.as_fd(),
        deadline: LONG,
        background: None,
    };
    let hang = |_: &mut Child<'_>| loop {
        thread::sleep(LONG);
    };
    // SAFETY: the job takes no lock and leaves nothing behind.
    unsafe { freeze(Way::CopyOnWrite, &terms, &hang) }
}

#[test]
fn a_child_that_is_dismissed_ends_by_itself() {
    let _alone = alone();
    let (_reader, writer) = pipe().unwrap();
    let child = hanging_child(&writer).unwrap();
    // SAFETY: no memory is touched.
    unsafe { libc::kill(child.process().cast_signed(), libc::SIGTERM) };
    let signal = libc::SIGTERM;
    assert_eq!(child.wait().result, Err(Failure::Killed { signal }));
}

#[test]
fn a_child_that_cannot_follow_its_dismissal_is_killed() {
    let _alone = alone();
    let (_reader, writer) = pipe().unwrap();
    let child = hanging_child(&writer).unwrap();
    let process = child.process();
    // SAFETY: no memory is touched.
    unsafe { libc::kill(process.cast_signed(), libc::SIGSTOP) };
    drop(child);
    assert!(!fs::exists(format!("/proc/{process}")).unwrap());
}

#[test]
fn there_is_one_frozen_child_at_a_time() {
    let _alone = alone();
    let (_reader, writer) = pipe().unwrap();
    let first = hanging_child(&writer).unwrap();
    let second = hanging_child(&writer);
    assert!(matches!(second, Err(FreezeError::Busy)));
    let process = first.process();
    drop(first);
    assert!(
        !fs::exists(format!("/proc/{process}")).unwrap(),
        "dropped means killed and reaped"
    );
    assert!(run(Way::Shared, LONG, |_| Ok(())).0.result.is_ok());
}

#[test]
fn the_child_has_no_descriptor_but_the_pipe() {
    let _alone = alone();
    let _many: Vec<File> = (0..200).map(|_| File::open("/dev/zero").unwrap()).collect();
    for way in BOTH_WAYS {
        let (ended, said) = run(way, LONG, |child| {
            let output = child.output().as_raw_fd();
            let open: Vec<String> = (0..1000)
                .filter(|&descriptor| descriptor != output)
                .filter_map(|descriptor| fs::read_link(format!("/proc/self/fd/{descriptor}")).ok())
                .map(|target| target.display().to_string())
                .collect();
            say(child, &open.join(" "));
            Ok(())
        });
        assert_eq!(
            (ended.result, said.as_str()),
            (Ok(()), "/dev/null /dev/null /dev/null"),
            "{way}"
        );
    }
}

#[test]
fn descriptors_are_closed_one_by_one_on_a_kernel_without_close_range() {
    let _alone = alone();
    let _many: Vec<File> = (0..200).map(|_| File::open("/dev/zero").unwrap()).collect();
    with_refused_calls(Refuse::CloseRange, || {
        let (ended, said) = run(Way::CopyOnWrite, LONG, |child| {
            let open = fs::read_dir("/proc/self/fd")
                .map_err(|error| error.to_string())?
                .count();
            say(child, &open.to_string());
            Ok(())
        });
        // The pipe, /dev/null three times, and the folder that is read.
        assert_eq!((ended.result, said.as_str()), (Ok(()), "5"));
    });
}

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

static CHILD_SIGNALS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count_child_signal(_: i32) {
    CHILD_SIGNALS.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn the_application_sees_neither_a_signal_nor_a_process_to_wait_for() {
    let _alone = alone();
    // SAFETY: the handler only counts.
    unsafe {
        libc::signal(
            libc::SIGCHLD,
            count_child_signal as extern "C" fn(i32) as usize,
        )
    };
    for way in BOTH_WAYS {
        let (_reader, writer) = pipe().unwrap();
        let terms = Terms {
            output: writer.as_fd(),
            deadline: LONG,
            background: None,
        };
        // SAFETY: the job does nothing.
        let frozen = unsafe { freeze(way, &terms, &|_: &mut Child<'_>| Ok(())) }.unwrap();
        // SAFETY: no status is asked for.
        let stolen = unsafe { libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG) };
        assert_eq!(stolen, -1, "{way}");
        assert_eq!(frozen.wait().result, Ok(()), "{way}");
    }
    assert_eq!(CHILD_SIGNALS.load(Ordering::Relaxed), 0);
    assert!(Command::new("true").status().unwrap().success());
    assert_eq!(
        CHILD_SIGNALS.load(Ordering::Relaxed),
        1,
        "the handler was there"
    );
}

#[test]
fn a_thousand_freezes_leave_nothing_behind() {
    let _alone = alone();
    let _heap = Heap::new(1);
    for way in BOTH_WAYS {
        run(way, LONG, |_| Ok(()));
        let before = (descriptors(), mapping_count());
        for round in 0..500 {
            let (ended, _) = run(way, LONG, |_| {
                let filled = vec![1u8; 100_000];
                if round % 50 == 0 {
                    Err(byte_at(filled[0].into()).to_string())
                } else {
                    Ok(())
                }
            });
            assert_eq!(ended.result.is_ok(), round % 50 != 0, "{way}");
        }
        assert_eq!(descriptors(), before.0, "{way}");
        // The system's malloc may map a few of its own.
        assert!(mapping_count() < before.1 + 50, "{way}");
    }
    let children = fs::read_to_string("/proc/thread-self/children").unwrap();
    assert_eq!(children, "", "no zombie");
}

#[test]
fn a_refused_way_falls_back_to_the_other() {
    let _alone = alone();
    for (preferred, refuse, used) in [
        (Way::Shared, Refuse::Shared, Way::CopyOnWrite),
        (Way::CopyOnWrite, Refuse::Copies, Way::Shared),
    ] {
        with_refused_calls(refuse, || {
            let (_reader, writer) = pipe().unwrap();
            let terms = Terms {
                output: writer.as_fd(),
                deadline: LONG,
                background: None,
            };
            // SAFETY: the job does nothing.
            let frozen =
                unsafe { freeze_either(preferred, &terms, &|_: &mut Child<'_>| Ok(())) }.unwrap();
            assert_eq!(frozen.way(), used);
            assert_eq!(frozen.wait().result, Ok(()));
        });
    }
}

#[test]
fn where_both_ways_are_refused_the_error_says_why_and_what_to_do() {
    let _alone = alone();
    with_refused_calls(Refuse::All, || {
        let (_reader, writer) = pipe().unwrap();
        let terms = Terms {
            output: writer.as_fd(),
            deadline: LONG,
            background: None,
        };
        // SAFETY: the job does nothing.
        let refused = unsafe { freeze_either(Way::Shared, &terms, &|_: &mut Child<'_>| Ok(())) };
        assert_eq!(
            refused.err().unwrap().to_string(),
            "the system refused a shared clone of this process (Operation not permitted (os error 1)) and a \
             copy-on-write one (Operation not permitted (os error 1)); allow clone in its seccomp profile"
        );
    });
}

#[derive(Clone, Copy, PartialEq)]
enum Refuse {
    Shared,
    Copies,
    CloseRange,
    All,
}

/// Runs `work` on a thread of its own in which a seccomp filter refuses some system calls with EPERM.
fn with_refused_calls(refuse: Refuse, work: impl FnOnce() + Send) {
    thread::scope(|scope| {
        scope.spawn(|| {
            refuse_calls(refuse);
            work();
        });
    });
}

fn refuse_calls(refuse: Refuse) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
    const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    const ALLOW: libc::sock_filter = step(RETURN, libc::SECCOMP_RET_ALLOW);
    const REFUSE: libc::sock_filter = step(RETURN, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
    const fn step(code: u16, k: u32) -> libc::sock_filter {
        libc::sock_filter {
            code,
            jt: 0,
            jf: 0,
            k,
        }
    }
    const fn test(k: u32, jt: u8, jf: u8) -> libc::sock_filter {
        libc::sock_filter {
            code: JUMP_IF_EQUAL,
            jt,
            jf,
            k,
        }
    }
    // Offsets in struct seccomp_data: the number at 0, the first argument (flags) at 16.
    let clone_vm = libc::CLONE_VM as u32;
    let call = if refuse == Refuse::CloseRange {
        libc::SYS_close_range
    } else {
        libc::SYS_clone
    };
    let mut program = vec![
        step(LOAD, 0),
        test(call as u32, 1, 0),
        ALLOW,
        step(LOAD, 16),
        step(AND, clone_vm),
    ];
    match refuse {
        Refuse::All | Refuse::CloseRange => program.push(REFUSE),
        Refuse::Shared => program.extend([test(clone_vm, 0, 1), REFUSE, ALLOW]),
        Refuse::Copies => program.extend([test(0, 0, 1), REFUSE, ALLOW]),
    }
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the program is well-formed and is copied by the kernel; it holds for this thread alone.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const filter
            ),
            0
        );
    }
}
