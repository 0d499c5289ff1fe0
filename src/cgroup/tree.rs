//! Trees of files as a system has them.

use std::fs;
use std::path::PathBuf;

/// A stored tree, gone with the test.
pub struct Tree(pub PathBuf);

impl Tree {
    /// Writes `files`, pairs of path and content, below a folder of their own.
    pub fn new(name: &str, files: &[(&str, &str)]) -> Tree {
        let name = format!("node-oom-heapdump-cgroup-{}-{name}", std::process::id());
        let tree = Tree(std::env::temp_dir().join(name));
        for (file, content) in files {
            let file = tree.0.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        tree
    }

    /// One group of version 2 with this limit, charge and `memory.stat`.
    pub fn of_memory_group(name: &str, limit: u64, charged: u64, statistics: &str) -> Tree {
        Tree::new(
            name,
            &[
                ("proc/self/cgroup", "0::/\n"),
                ("sys/fs/cgroup/memory.max", &format!("{limit}\n")),
                ("sys/fs/cgroup/memory.current", &format!("{charged}\n")),
                ("sys/fs/cgroup/memory.stat", statistics),
            ],
        )
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}
