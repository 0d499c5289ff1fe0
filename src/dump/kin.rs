//! Which processes belong to another one: it would not outlive them, or they would not outlive it.

use std::iter;

/// Whether one of the two processes descends from the other, as far as this process can see.
pub fn is_kin(process: u32, other: u32) -> bool {
    line(process).any(|ancestor| ancestor == other)
        || line(other).any(|ancestor| ancestor == process)
}

/// The process, its parent, and so on.
fn line(process: u32) -> impl Iterator<Item = u32> {
    iter::successors(Some(process), |&process| parent_of(process))
}

#[cfg(target_os = "linux")]
fn parent_of(process: u32) -> Option<u32> {
    let stat = procfs::process::Process::new(process.try_into().ok()?)
        .and_then(|process| process.stat())
        .ok()?;
    u32::try_from(stat.ppid).ok().filter(|&parent| parent > 0)
}

#[cfg(not(target_os = "linux"))]
fn parent_of(_: u32) -> Option<u32> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    fn start() -> Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    #[test]
    fn who_descends_from_a_process_and_whom_it_descends_from_is_kin() {
        let mut child = start();
        let (this, child_id) = (std::process::id(), child.id());
        assert!(is_kin(child_id, this) && is_kin(this, child_id) && is_kin(this, this));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn siblings_are_none() {
        let mut siblings = [start(), start()];
        let [first, second] = siblings.each_ref().map(Child::id);
        assert!(!is_kin(first, second));
        for sibling in &mut siblings {
            sibling.kill().unwrap();
            sibling.wait().unwrap();
        }
    }
}
