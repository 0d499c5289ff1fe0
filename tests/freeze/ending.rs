//! How a frozen child ends, and what is told of it.

use std::hint::black_box;
use std::io::pipe;
use std::time::Duration;
use std::{fs, thread};

use crate::support::{BOTH_WAYS, LONG, alone, byte_at, hanging_child, run};
use node_oom_heapdump::freeze::Failure;

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
