//! The memory of the machine, which binds all of its control groups.

use std::fs;
use std::path::Path;

/// What the system could give to a new process without swapping, in bytes: `MemAvailable` of proc_meminfo(5). `root` is
/// [`super::SYSTEM_ROOT`] but in tests.
pub fn available_memory(root: &Path) -> Option<u64> {
    bytes_in(&root.join("proc/meminfo"), "MemAvailable:")
}

/// The line of a file of `/proc` that begins with `name`, such as `RssAnon:      5312 kB`, in bytes.
pub fn bytes_in(file: &Path, name: &str) -> Option<u64> {
    let content = fs::read_to_string(file).ok()?;
    let value = content.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::tree::Tree;

    #[test]
    fn what_is_available_is_told_in_bytes() {
        let meminfo = "MemTotal:        8000000 kB\nMemFree:  10 kB\nMemAvailable:    6000000 kB\n";
        let tree = Tree::new("machine", &[("proc/meminfo", meminfo)]);
        assert_eq!(available_memory(&tree.0), Some(6_000_000 << 10));
    }

    #[test]
    fn a_kernel_before_3_14_does_not_tell_it() {
        let tree = Tree::new("old machine", &[("proc/meminfo", "MemFree:  10 kB\n")]);
        assert_eq!(available_memory(&tree.0), None);
    }
}
