//! The memory that control groups allow and use.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{Group, Version, groups_of_this_process};

/// The groups that may bind the memory of this process, innermost first. Found once: a process is hardly ever moved.
pub struct MemoryGroups {
    groups: Vec<Group>,
}

/// How a group with a limit stands, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// What the kernel cannot take back at once: all that is charged to the group but file pages that nobody uses. The measure
    /// by which kubelet evicts (`usage - inactive_file`), unless more than that is being written to a disk: such pages count as
    /// active when the kernel has met them in its search for memory (`shrink_folio_list`, mm/vmscan.c), and are free in an instant.
    pub working_set: u64,
    /// `memory.limit_in_bytes` in version 1, the smaller one of `memory.max` and `memory.high` in version 2: above `high` the
    /// kernel does not kill, but slows the group down until it hardly moves.
    pub limit: u64,
}

impl MemoryUse {
    /// What is left until the limit.
    pub fn headroom(&self) -> u64 {
        self.limit.saturating_sub(self.working_set)
    }
}

/// Version 1 says "no limit" with a number near the largest of its pages (`PAGE_COUNTER_MAX`).
const NO_LIMIT_IN_VERSION_1: u64 = 1 << 60;

impl MemoryGroups {
    /// Those below `root`, which is [`super::SYSTEM_ROOT`] but in tests.
    pub fn of_this_process(root: &Path) -> MemoryGroups {
        MemoryGroups {
            groups: groups_of_this_process(root, "memory"),
        }
    }

    /// How the group with the least headroom stands; `None` where no group has a limit. Costs some 50 microseconds a group.
    pub fn tightest(&self) -> Option<MemoryUse> {
        self.tightest_above(0.0)
    }

    /// The same for who asks often and only cares for a group that uses more than this share of its limit: where not even as
    /// much is charged, all that is charged counts as used, and the kernel need not gather its statistics.
    pub fn tightest_above(&self, share: f64) -> Option<MemoryUse> {
        self.tightest_group(share).map(|(_, usage)| usage)
    }

    /// The processes of the group with the least headroom and of the groups in it, as far as this process can see them.
    pub fn processes(&self) -> Vec<u32> {
        let mut processes = BTreeSet::new();
        if let Some((group, _)) = self.tightest_group(0.0) {
            collect_processes(&group.folder, &mut processes);
        }
        processes.remove(&PROCESS_OUT_OF_SIGHT);
        processes.into_iter().collect()
    }

    /// Whether the kernel ends all processes of a group at once when one must go (`memory.oom.group` of version 2). Kubernetes
    /// sets it since 1.28.
    pub fn die_together(&self) -> bool {
        self.groups
            .iter()
            .any(|group| group.number("memory.oom.group") == Some(1))
    }

    fn tightest_group(&self, share: f64) -> Option<(&Group, MemoryUse)> {
        self.groups
            .iter()
            .filter_map(|group| Some((group, use_of(group, share)?)))
            .min_by_key(|(_, usage)| usage.headroom())
    }
}

/// How `cgroup.procs` lists processes of another namespace.
const PROCESS_OUT_OF_SIGHT: u32 = 0;

fn collect_processes(folder: &Path, processes: &mut BTreeSet<u32>) {
    let listed = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    processes.extend(listed.lines().filter_map(|id| id.parse::<u32>().ok()));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_processes(&entry.path(), processes);
        }
    }
}

fn use_of(group: &Group, share: f64) -> Option<MemoryUse> {
    let (limit, charged, names) = match group.version {
        Version::One => (
            group
                .number("memory.limit_in_bytes")
                .filter(|limit| *limit < NO_LIMIT_IN_VERSION_1)?,
            group.number::<u64>("memory.usage_in_bytes")?,
            ["total_inactive_file", "total_writeback"],
        ),
        Version::Two => (
            ["memory.max", "memory.high"]
                .iter()
                .filter_map(|file| group.number(file))
                .min()?,
            group.number::<u64>("memory.current")?,
            ["inactive_file", "file_writeback"],
        ),
    };
    let reclaimable = if charged as f64 > limit as f64 * share {
        let statistics = group.read("memory.stat")?;
        let values = names.map(|name| statistic(&statistics, name));
        values.into_iter().flatten().max().unwrap_or(0)
    } else {
        0
    };
    Some(MemoryUse {
        working_set: charged.saturating_sub(reclaimable),
        limit,
    })
}

/// A line of `memory.stat`: a name, a space, a number of bytes.
fn statistic(statistics: &str, name: &str) -> Option<u64> {
    statistics.lines().find_map(|line| {
        let value = line.strip_prefix(name)?.strip_prefix(' ')?;
        value.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::*;

    fn tightest(tree: &Tree) -> Option<MemoryUse> {
        MemoryGroups::of_this_process(&tree.0).tightest()
    }

    #[test]
    fn a_stored_tree_of_version_2_gives_its_working_set_without_inactive_files() {
        let tree = Tree::new(
            "memory-v2",
            &[
                ("proc/self/cgroup", "0::/\n"),
                ("sys/fs/cgroup/memory.max", "1000\n"),
                ("sys/fs/cgroup/memory.high", "max\n"),
                ("sys/fs/cgroup/memory.current", "700\n"),
                (
                    "sys/fs/cgroup/memory.stat",
                    "anon 500\ninactive_file 150\nactive_file 50\n",
                ),
            ],
        );
        let usage = tightest(&tree).unwrap();
        assert_eq!((usage.working_set, usage.limit), (550, 1000));
        assert_eq!(usage.headroom(), 450);
    }

    #[test]
    fn a_stored_tree_of_version_1_gives_its_working_set_with_that_of_the_groups_in_it() {
        let tree = Tree::new(
            "memory-v1",
            &[
                ("proc/self/cgroup", "4:memory:/docker/0f2c\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n"),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "700\n"),
                (
                    "sys/fs/cgroup/memory/memory.stat",
                    "inactive_file 10\nwriteback 700\ntotal_inactive_file 150\ntotal_writeback 90\n",
                ),
            ],
        );
        assert_eq!(tightest(&tree).unwrap().working_set, 550);
    }

    #[test]
    fn file_pages_that_are_being_written_count_as_free_also_where_they_are_active() {
        let statistics = "inactive_file 20\nactive_file 180\nfile_writeback 150\n";
        let tree = Tree::of_memory_group("memory-writeback", 1000, 700, statistics);
        assert_eq!(tightest(&tree).unwrap().working_set, 550);
    }

    #[test]
    fn what_is_charged_counts_as_used_up_to_the_share_that_is_asked_for() {
        let tree = Tree::of_memory_group("memory-share", 1000, 700, "inactive_file 150\n");
        let groups = MemoryGroups::of_this_process(&tree.0);
        let used_above = |share| groups.tightest_above(share).unwrap().working_set;
        assert_eq!((used_above(0.7), used_above(0.69)), (700, 550));
    }

    #[test]
    fn high_counts_where_it_is_below_max() {
        let tree = Tree::new(
            "memory-high",
            &[
                ("proc/self/cgroup", "0::/\n"),
                ("sys/fs/cgroup/memory.max", "1000\n"),
                ("sys/fs/cgroup/memory.high", "800\n"),
                ("sys/fs/cgroup/memory.current", "700\n"),
                ("sys/fs/cgroup/memory.stat", "inactive_file 0\n"),
            ],
        );
        assert_eq!(tightest(&tree).unwrap().limit, 800);
    }

    #[test]
    fn of_nested_groups_the_one_with_the_least_headroom_counts() {
        let tree = Tree::new(
            "memory-nested",
            &[
                ("proc/self/cgroup", "0::/pod/container\n"),
                ("sys/fs/cgroup/pod/memory.max", "2000\n"),
                ("sys/fs/cgroup/pod/memory.current", "1900\n"),
                ("sys/fs/cgroup/pod/memory.stat", "inactive_file 0\n"),
                ("sys/fs/cgroup/pod/cgroup.procs", "\n"),
                ("sys/fs/cgroup/pod/container/memory.max", "1000\n"),
                ("sys/fs/cgroup/pod/container/memory.current", "300\n"),
                (
                    "sys/fs/cgroup/pod/container/memory.stat",
                    "inactive_file 0\n",
                ),
                ("sys/fs/cgroup/pod/container/cgroup.procs", "12\n0\n7\n"),
                ("sys/fs/cgroup/pod/sidecar/cgroup.procs", "40\n"),
            ],
        );
        let groups = MemoryGroups::of_this_process(&tree.0);
        assert_eq!(groups.tightest().unwrap().limit, 2000);
        assert_eq!(groups.processes(), [7, 12, 40]);
    }

    #[test]
    fn without_a_limit_there_is_none() {
        let tree = Tree::new(
            "memory-unlimited",
            &[
                ("proc/self/cgroup", "4:memory:/\n0::/\n"),
                (
                    "sys/fs/cgroup/memory/memory.limit_in_bytes",
                    "9223372036854771712\n",
                ),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "700\n"),
                (
                    "sys/fs/cgroup/memory/memory.stat",
                    "total_inactive_file 0\n",
                ),
                ("sys/fs/cgroup/memory.max", "max\n"),
                ("sys/fs/cgroup/memory.high", "max\n"),
                ("sys/fs/cgroup/memory.current", "700\n"),
            ],
        );
        assert_eq!(tightest(&tree), None);
        assert_eq!(
            MemoryGroups::of_this_process(&tree.0.join("nowhere")).tightest(),
            None
        );
    }

    #[test]
    fn processes_die_together_where_a_group_says_so() {
        for (name, content, together) in [("one", "1\n", true), ("zero", "0\n", false)] {
            let tree = Tree::new(
                &format!("memory-group-{name}"),
                &[
                    ("proc/self/cgroup", "0::/pod\n"),
                    ("sys/fs/cgroup/memory.oom.group", content),
                ],
            );
            assert_eq!(
                MemoryGroups::of_this_process(&tree.0).die_together(),
                together
            );
        }
    }
}
