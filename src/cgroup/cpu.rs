//! The processors that control groups leave this process.

use std::path::Path;

use super::{Group, Version, groups_of_this_process};

/// The processors that all groups of this process together leave it, such as 0.5; `None` without a quota.
pub fn cpu_quota(root: &Path) -> Option<f64> {
    groups_of_this_process(root, "cpu")
        .iter()
        .filter_map(quota_of)
        .reduce(f64::min)
}

fn quota_of(group: &Group) -> Option<f64> {
    match group.version {
        Version::One => {
            let quota = group
                .number("cpu.cfs_quota_us")
                .filter(|quota: &f64| *quota > 0.0)?;
            Some(quota / group.number::<f64>("cpu.cfs_period_us")?)
        }
        Version::Two => {
            let line = group.read("cpu.max")?;
            let mut numbers = line
                .split_whitespace()
                .map(|number| number.parse::<f64>().ok());
            Some(numbers.next()?? / numbers.next()??)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::*;

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
