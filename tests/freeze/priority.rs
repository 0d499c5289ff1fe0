//! How much of the CPU a frozen child takes.

use std::hint::black_box;
use std::io::pipe;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{LONG, alone, rest_of, say};
use node_oom_heapdump::freeze::{Background, Child, Failure, Priority, Terms, Way, freeze, hurry};

pub fn beside(priority: Priority) -> Background {
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
