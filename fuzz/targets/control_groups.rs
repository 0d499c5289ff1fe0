//! The files by which the kernel tells of control groups, separated by a zero byte. Whatever is in them, what is told of them
//! is a number or nothing.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use node_oom_heapdump::cgroup::{MemoryGroups, cpu_quota};

/// The files of both versions, in the order of the input. Every group has the outermost one's around it.
const FILES: [&str; 13] = [
    "proc/self/cgroup",
    "sys/fs/cgroup/memory.max",
    "sys/fs/cgroup/memory.high",
    "sys/fs/cgroup/memory.current",
    "sys/fs/cgroup/memory.stat",
    "sys/fs/cgroup/memory.oom.group",
    "sys/fs/cgroup/cgroup.procs",
    "sys/fs/cgroup/cpu.max",
    "sys/fs/cgroup/memory/memory.limit_in_bytes",
    "sys/fs/cgroup/memory/memory.usage_in_bytes",
    "sys/fs/cgroup/memory/memory.stat",
    "sys/fs/cgroup/cpu/cpu.cfs_quota_us",
    "sys/fs/cgroup/cpu/cpu.cfs_period_us",
];

/// A folder in memory, which is written over with each input.
static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = PathBuf::from("/dev/shm/node-oom-heapdump-fuzz");
    for file in FILES {
        let folder = root.join(file).parent().unwrap().to_owned();
        fs::create_dir_all(folder).unwrap();
    }
    root
});

fuzz_target!(|text: &[u8]| {
    let contents = text
        .split(|&byte| byte == 0)
        .chain(std::iter::repeat(&[][..]));
    for (file, content) in FILES.iter().zip(contents) {
        fs::write(ROOT.join(file), content).unwrap();
    }
    let groups = MemoryGroups::of_this_process(&ROOT);
    if let Some(usage) = groups.tightest() {
        assert!(usage.headroom() <= usage.limit);
        groups.processes();
    }
    groups.die_together();
    cpu_quota(&ROOT);
});
