//! The helper gives up before it, or the dump, is what uses up the memory of the control group.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::growth::Growth;
use super::kin::is_kin;
use super::preflight::NoRoom;
use crate::cgroup::{MemoryGroups, MemoryUse, SYSTEM_ROOT};
use crate::reserve::Reserve;
use crate::summary::Reason;

/// How fast a group can fill, in bytes a millisecond: an application that writes to all of its memory has it copied at this rate.
const FASTEST_GROWTH: u64 = 2 << 20;

/// The shortest time between two looks, each of which costs some 50 microseconds a group.
pub(super) const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Watches what the control groups have left.
pub struct Headroom {
    groups: MemoryGroups,
    /// `None` until it is known what is dumped and why.
    reserve: Mutex<Option<Reserve>>,
    /// `None` where it tells nothing of what is to come.
    growth: Mutex<Option<Growth>>,
    next: Mutex<Instant>,
}

/// How the tightest control group stands, and what a dump must leave of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How the group stands.
    pub group: MemoryUse,
    /// Bytes that stay free.
    pub reserve: u64,
    /// Bytes that the group uses up while a dump is ended.
    pub foreseen: u64,
}

impl Room {
    /// Whether more bytes may be used without touching the reserve.
    pub fn has_room_for(&self, bytes: u64) -> bool {
        self.group.headroom() >= self.untouched().saturating_add(bytes)
    }

    /// Bytes that a dump stays away from.
    fn untouched(&self) -> u64 {
        self.reserve.saturating_add(self.foreseen)
    }

    /// When the reserve may be touched at the earliest.
    fn next_look(&self) -> Duration {
        let spare = self.group.headroom().saturating_sub(self.untouched());
        Duration::from_millis(spare / FASTEST_GROWTH).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }
}

impl Headroom {
    /// The headroom of this process, which is that of the dumped one: the helper is its child.
    pub fn of_this_process() -> Headroom {
        Headroom::below(Path::new(SYSTEM_ROOT))
    }

    /// The same below `root`, which is [`SYSTEM_ROOT`] but in tests.
    pub(super) fn below(root: &Path) -> Headroom {
        Headroom {
            groups: MemoryGroups::of_this_process(root),
            reserve: Mutex::default(),
            growth: Mutex::new(Some(Growth::default())),
            next: Mutex::new(Instant::now()),
        }
    }

    /// From now on the reserve is that of a dump of `process` for `reason`.
    pub fn keep_reserve_for(&self, reason: Reason, process: u32) {
        let is_alone = || {
            self.groups
                .processes()
                .iter()
                .all(|one| is_kin(*one, process))
        };
        let kills_others = self.groups.die_together() && !is_alone();
        let reserve = Reserve::of_dump(reason, kills_others);
        *lock(&self.reserve) = Some(reserve);
        *lock(&self.next) = Instant::now();
    }

    /// From now on the group is filled by the snapshot itself, for which there is room.
    pub fn expect_growth(&self) {
        *lock(&self.growth) = None;
    }

    /// How the tightest group stands, if any has a limit, and if it is known how much must be left.
    pub fn now(&self) -> Option<Room> {
        let reserve = (*lock(&self.reserve))?;
        let group = self.groups.tightest()?;
        let now = Instant::now();
        let mut growth = lock(&self.growth);
        let growth = growth.as_mut();
        let growth = growth.map_or(0, |growth| growth.note(now, group.working_set));
        Some(Room {
            group,
            reserve: reserve.bytes(group.limit),
            foreseen: reserve.foreseen(growth),
        })
    }

    /// Looks, if it is time to.
    ///
    /// # Errors
    /// [`NoRoom::Memory`] when the reserve is touched.
    pub fn check(&self) -> Result<(), NoRoom> {
        if self.until_next_look() > Duration::ZERO {
            return Ok(());
        }
        let room = self.now();
        let pause = room.map_or(LONGEST_PAUSE, |room| room.next_look());
        *lock(&self.next) = Instant::now() + pause;
        match room {
            Some(room) if !room.has_room_for(0) => Err(NoRoom::Memory(room)),
            _ => Ok(()),
        }
    }

    /// How long nobody needs to look.
    pub fn until_next_look(&self) -> Duration {
        lock(&self.next).saturating_duration_since(Instant::now())
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::tree::Tree;

    const MB: u64 = 1 << 20;

    fn room(left: u64) -> Room {
        let group = MemoryUse {
            working_set: 100 * MB - left,
            limit: 100 * MB,
        };
        Room {
            group,
            reserve: 16 * MB,
            foreseen: 0,
        }
    }

    #[test]
    fn there_is_room_for_what_leaves_the_reserve() {
        assert!(room(26 * MB).has_room_for(10 * MB));
        assert!(!room(25 * MB).has_room_for(10 * MB));
    }

    #[test]
    fn it_is_looked_before_the_reserve_can_be_touched() {
        let milliseconds = |left| room(left).next_look().as_millis();
        assert_eq!(milliseconds(16 * MB + 5 * FASTEST_GROWTH), 5);
        assert_eq!(milliseconds(90 * MB), 20);
        assert_eq!(milliseconds(0), 1);
    }

    #[test]
    fn what_the_snapshot_itself_fills_is_no_reason_to_give_up_earlier() {
        let group = Tree::of_memory_group("headroom-growth", 200 * MB, 50 * MB, "");
        let headroom = Headroom::below(&group.0);
        headroom.keep_reserve_for(Reason::Threshold, std::process::id());
        let foreseen = || headroom.now().unwrap().foreseen;
        assert_eq!(foreseen(), 0);
        std::thread::sleep(Duration::from_millis(20));
        let charge = group.0.join("sys/fs/cgroup/memory.current");
        std::fs::write(charge, (100 * MB).to_string()).unwrap();
        assert!(foreseen() > 0);
        headroom.expect_growth();
        assert_eq!(foreseen(), 0);
    }
}
