//! How much memory is left around this process, and how much it could need, as Linux tells it. Elsewhere nothing is known.

use std::fs;
use std::path::Path;

use super::policy::MemoryLeft;
use crate::cgroup::{MemoryGroups, SYSTEM_ROOT, available_memory, bytes_in};

impl MemoryLeft {
    /// As things are now. Costs some 200 microseconds.
    pub fn now() -> MemoryLeft {
        let root = Path::new(SYSTEM_ROOT);
        let groups = MemoryGroups::of_this_process(root);
        let in_group = groups.tightest().map(|usage| usage.headroom());
        let in_machine = available_memory(root);
        MemoryLeft {
            headroom: [in_group, in_machine].into_iter().flatten().min(),
            copying: bytes_in(Path::new("/proc/self/status"), "RssAnon:"),
            die_together: groups.die_together(),
        }
    }
}

/// Bytes of a process' memory that are resident; `None` where it has ended or hides. Costs some 10 microseconds.
pub fn resident_memory(process: impl std::fmt::Display) -> Option<u64> {
    let pages = fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let resident: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    Some(resident * page_size()?)
}

#[cfg(unix)]
fn page_size() -> Option<u64> {
    // SAFETY: only asks for a number.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).ok()
}

#[cfg(not(unix))]
fn page_size() -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_left_and_memory_to_copy() {
        let left = MemoryLeft::now();
        assert!(left.headroom.is_some_and(|bytes| bytes > 1 << 20));
        assert!(left.copying.is_some_and(|bytes| bytes > 1 << 10));
    }

    #[test]
    fn what_a_process_touches_becomes_resident() {
        let before = resident_memory("self").unwrap();
        let touched = vec![1_u8; 64 << 20];
        let after = resident_memory("self").unwrap();
        assert!(after >= before + (60 << 20), "{before} {after}");
        drop(touched);
    }

    #[test]
    fn a_process_that_is_not_there_has_no_memory() {
        assert_eq!(resident_memory(u32::MAX), None);
    }
}
