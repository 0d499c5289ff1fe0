//! What the control groups of this process allow it, on Linux: version 1 and 2, nested groups, as seen from a container.
//!
//! It reads files below a root that the caller gives, so that stored trees serve as tests. It knows nothing of dumps.

use std::fs;
use std::path::{Path, PathBuf};

/// Where a Linux system has its control groups and the names of those of this process.
pub const SYSTEM_ROOT: &str = "/";

/// The processors that all groups of this process together leave it, such as 0.5; `None` without a quota.
///
/// A group whose files are out of sight (a container sees its own) does not count.
pub fn cpu_quota(root: &Path) -> Option<f64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let quotas = groups
        .lines()
        .filter_map(parse_membership)
        .flat_map(|membership| {
            membership
                .groups(root)
                .into_iter()
                .filter_map(move |group| match membership.version {
                    Version::One => quota_of_version_1(&group),
                    Version::Two => quota_of_version_2(&group),
                })
        });
    quotas.reduce(f64::min)
}

#[derive(Clone, Copy)]
enum Version {
    One,
    Two,
}

/// A line of `/proc/self/cgroup` (cgroups(7)): `0::/group`, or in version 1 `4:cpu,cpuacct:/group`.
struct Membership {
    version: Version,
    /// The hierarchy's folder below `/sys/fs/cgroup`; empty in version 2.
    hierarchy: String,
    group: PathBuf,
}

fn parse_membership(line: &str) -> Option<Membership> {
    let mut fields = line.splitn(3, ':');
    let (number, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
    let version = match (number, controllers) {
        ("0", "") => Version::Two,
        _ if controllers.split(',').any(|controller| controller == "cpu") => Version::One,
        _ => return None,
    };
    Some(Membership {
        version,
        hierarchy: controllers.to_owned(),
        group: group.trim_start_matches('/').into(),
    })
}

impl Membership {
    /// The folders of the group and of those around it.
    fn groups(&self, root: &Path) -> Vec<PathBuf> {
        let hierarchy = root.join("sys/fs/cgroup").join(&self.hierarchy);
        self.group
            .ancestors()
            .map(|group| hierarchy.join(group))
            .collect()
    }
}

fn quota_of_version_2(group: &Path) -> Option<f64> {
    let line = fs::read_to_string(group.join("cpu.max")).ok()?;
    let mut numbers = line
        .split_whitespace()
        .map(|number| number.parse::<f64>().ok());
    Some(numbers.next()?? / numbers.next()??)
}

fn quota_of_version_1(group: &Path) -> Option<f64> {
    let read = |file| {
        fs::read_to_string(group.join(file))
            .ok()?
            .trim()
            .parse::<f64>()
            .ok()
    };
    let quota = read("cpu.cfs_quota_us").filter(|quota| *quota > 0.0)?;
    Some(quota / read("cpu.cfs_period_us")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of files as a system has them, gone with the test.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str, files: &[(&str, &str)]) -> Tree {
            let name = format!("node-oom-heapdump-cgroup-{}-{name}", std::process::id());
            let tree = Tree(std::env::temp_dir().join(name));
            for (file, content) in files {
                let file = tree.0.join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, content).unwrap();
            }
            tree
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn a_stored_tree_of_version_2_gives_its_quota() {
        let tree = Tree::new(
            "v2",
            &[
                ("proc/self/cgroup", "0::/\n"),
                ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
            ],
        );
        assert_eq!(cpu_quota(&tree.0), Some(0.5));
    }

    #[test]
    fn the_smallest_quota_of_nested_groups_counts() {
        let tree = Tree::new(
            "nested",
            &[
                ("proc/self/cgroup", "0::/pod/container\n"),
                ("sys/fs/cgroup/pod/cpu.max", "150000 100000\n"),
                ("sys/fs/cgroup/pod/container/cpu.max", "max 100000\n"),
            ],
        );
        assert_eq!(cpu_quota(&tree.0), Some(1.5));
    }

    #[test]
    fn a_stored_tree_of_version_1_gives_its_quota_though_its_own_group_is_out_of_sight() {
        let tree = Tree::new(
            "v1",
            &[
                (
                    "proc/self/cgroup",
                    "4:cpu,cpuacct:/docker/0f2c\n1:name=systemd:/x\n",
                ),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "25000\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ],
        );
        assert_eq!(cpu_quota(&tree.0), Some(0.25));
    }

    #[test]
    fn without_a_quota_or_without_control_groups_there_is_none() {
        let tree = Tree::new(
            "none",
            &[
                ("proc/self/cgroup", "4:cpu:/\n0::/\n"),
                ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
                ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/cpu.max", "max 100000\n"),
            ],
        );
        assert_eq!(cpu_quota(&tree.0), None);
        assert_eq!(cpu_quota(&tree.0.join("nowhere")), None);
    }
}
