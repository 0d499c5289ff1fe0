//! What the control groups of this process allow it, on Linux: version 1 and 2, nested groups, as seen from a container; and
//! the machine around them.
//!
//! It reads files below a root that the caller gives, so that stored trees serve as tests. It knows nothing of dumps.
//!
//! A group whose files are out of sight (a container sees its own) does not count.

mod cpu;
mod machine;
mod memory;
#[cfg(test)]
pub mod tree;

use std::fs;
use std::path::{Path, PathBuf};

pub use cpu::cpu_quota;
pub use machine::{available_memory, bytes_in};
pub use memory::{MemoryGroups, MemoryUse};

/// Where a Linux system has its control groups and the names of those of this process.
pub const SYSTEM_ROOT: &str = "/";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// One of the groups this process is in, or one around it.
struct Group {
    version: Version,
    folder: PathBuf,
}

/// The groups in which `controller` (`cpu`, `memory`) may bind this process, innermost first.
fn groups_of_this_process(root: &Path, controller: &str) -> Vec<Group> {
    let memberships = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    memberships
        .lines()
        .filter_map(|line| parse_membership(line, controller))
        .flat_map(|membership| membership.groups(root))
        .collect()
}

/// A line of `/proc/self/cgroup` (cgroups(7)): `0::/group`, or in version 1 `4:cpu,cpuacct:/group`.
struct Membership<'a> {
    version: Version,
    /// The hierarchy's folder below `/sys/fs/cgroup`; empty in version 2.
    hierarchy: &'a str,
    group: &'a Path,
}

fn parse_membership<'a>(line: &'a str, controller: &str) -> Option<Membership<'a>> {
    let mut fields = line.splitn(3, ':');
    let (number, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
    let version = match (number, controllers) {
        ("0", "") => Version::Two,
        _ if controllers.split(',').any(|name| name == controller) => Version::One,
        _ => return None,
    };
    Some(Membership {
        version,
        hierarchy: controllers,
        group: Path::new(group.trim_start_matches('/')),
    })
}

impl Membership<'_> {
    fn groups(&self, root: &Path) -> Vec<Group> {
        let hierarchy = root.join("sys/fs/cgroup").join(self.hierarchy);
        self.group
            .ancestors()
            .map(|group| Group {
                version: self.version,
                folder: hierarchy.join(group),
            })
            .collect()
    }
}

impl Group {
    /// The content of one of its files, or `None` where it has none.
    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(file)).ok()
    }

    /// A file that holds one number; `max` is none.
    fn number<N: std::str::FromStr>(&self, file: &str) -> Option<N> {
        self.read(file)?.trim().parse().ok()
    }
}
