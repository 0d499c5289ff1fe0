//! The helper gives up before it, or the dump, is what uses up the memory of the control group.

use std::path::Path;
use std::time::{Duration, Instant};

use super::preflight::NoRoom;
use crate::cgroup::{MemoryGroups, MemoryUse, SYSTEM_ROOT};

/// How often it is looked. A group fills by some MB in this time; the reserve is 16 MB at least.
pub const INTERVAL: Duration = Duration::from_millis(20);

/// Watches what the control groups have left.
pub struct Headroom {
    groups: MemoryGroups,
    next: Instant,
}

impl Headroom {
    /// The headroom of this process, which is that of the dumped one: the helper is its child.
    pub fn of_this_process() -> Headroom {
        Headroom {
            groups: MemoryGroups::of_this_process(Path::new(SYSTEM_ROOT)),
            next: Instant::now(),
        }
    }

    /// How the tightest group stands, if any has a limit.
    pub fn now(&self) -> Option<MemoryUse> {
        self.groups.tightest()
    }

    /// Looks, if the last look is an [`INTERVAL`] ago.
    ///
    /// # Errors
    /// [`NoRoom::Memory`] when the reserve is touched.
    pub fn check(&mut self) -> Result<(), NoRoom> {
        let now = Instant::now();
        if now < self.next {
            return Ok(());
        }
        self.next = now + INTERVAL;
        match self.now() {
            Some(memory) if !memory.has_room_for(0) => Err(NoRoom::Memory(memory)),
            _ => Ok(()),
        }
    }
}
