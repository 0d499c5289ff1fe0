//! Where the system refuses what a freeze needs.

use std::fs::File;
use std::io::pipe;
use std::os::fd::AsFd;
use std::{fs, thread};

use crate::support::{LONG, alone, run, say};
use node_oom_heapdump::freeze::{Child, Terms, Way, freeze_either};

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
pub enum Refuse {
    Shared,
    Copies,
    CloseRange,
    All,
}

/// Runs `work` on a thread of its own in which a seccomp filter refuses some system calls with EPERM.
pub fn with_refused_calls(refuse: Refuse, work: impl FnOnce() + Send) {
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
