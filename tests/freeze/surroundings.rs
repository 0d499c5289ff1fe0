//! What the application and its surroundings notice of a frozen child, and the child of them.

use std::fs::File;
use std::io::pipe;
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, ptr};

use crate::support::{
    BOTH_WAYS, Heap, LONG, alone, byte_at, descriptors, hanging_child, mapping_count, run, say,
};
use node_oom_heapdump::freeze::{Child, FreezeError, Terms, Way, freeze};

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
