//! Whether there is memory for what an application writes while it is copied. Its control group may be filled within the few
//! milliseconds that a helper needs to look for the first time, and then the kernel would end the copy.

use std::path::Path;

use crate::cgroup::{MemoryGroups, SYSTEM_ROOT};
use crate::freeze::FreezeError;

/// With less than this the helper gives up at its first look (`dump/reserve.rs`).
const LEAST_HEADROOM: u64 = 16 << 20;

/// Looks at the control groups of this process. Costs some 100 microseconds.
///
/// # Errors
/// [`FreezeError::NoRoom`].
pub fn for_copies() -> Result<(), FreezeError> {
    below(Path::new(SYSTEM_ROOT))
}

fn below(root: &Path) -> Result<(), FreezeError> {
    let tightest = MemoryGroups::of_this_process(root).tightest();
    match tightest.map(|usage| usage.headroom()) {
        Some(headroom) if headroom < LEAST_HEADROOM => Err(FreezeError::NoRoom { headroom }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::tree::Tree;

    #[test]
    fn an_application_is_not_copied_into_the_last_16_mb_of_its_control_group() {
        for (used, headroom) in [(84 << 20, None), (85 << 20, Some(15 << 20))] {
            let used = format!("{used}\n");
            let group = Tree::new(
                "room",
                &[
                    ("proc/self/cgroup", "0::/\n"),
                    ("sys/fs/cgroup/memory.max", "104857600\n"),
                    ("sys/fs/cgroup/memory.current", &used),
                    ("sys/fs/cgroup/memory.stat", "inactive_file 0\n"),
                ],
            );
            let refused = match below(&group.0) {
                Err(FreezeError::NoRoom { headroom }) => Some(headroom),
                _ => None,
            };
            assert_eq!(refused, headroom);
        }
    }
}
