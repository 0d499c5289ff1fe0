//! Whether there is room for a snapshot: on the disk, and in memory where the file is memory.

use std::path::{Path, PathBuf};

use super::Encoding;
use super::folder::{Folder, Space};
use super::headroom::Room;
use crate::message::megabytes;
use crate::summary::{DumpMetadata, HeapSummary};

/// There is too little room for a snapshot.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum NoRoom {
    /// The disk would be full.
    #[error(
        "the folder {} takes {} MB more and the heap snapshot needs about {} MB; free space on that disk or choose another folder",
        folder.display(), megabytes(*free), megabytes(*needed)
    )]
    Disk {
        /// Where the snapshot was to go.
        folder: PathBuf,
        /// What the disk takes, in bytes.
        free: u64,
        /// What is needed, in bytes.
        needed: u64,
    },
    /// The folder's files are memory, and the control group would reach its limit.
    #[error(
        "the files of {} are memory (tmpfs) that counts against the control group's limit of {} MB, of which {} MB are left; the \
         heap snapshot needs about {} MB; choose a folder on a disk or raise the limit",
        folder.display(), megabytes(room.group.limit), megabytes(room.group.headroom()), megabytes(*needed)
    )]
    FileInMemory {
        /// Where the snapshot was to go.
        folder: PathBuf,
        /// How the control group stands.
        room: Room,
        /// What is needed, in bytes.
        needed: u64,
    },
    /// The control group is close to its limit already.
    #[error(
        "the control group has {} MB left of its limit of {} MB and the dump must leave {} MB{}, or the kernel would kill; raise \
         the limit",
        megabytes(.0.group.headroom()), megabytes(.0.group.limit), megabytes(.0.reserve), foreseen(.0)
    )]
    Memory(Room),
}

/// What must be left because the group fills, in words.
fn foreseen(room: &Room) -> String {
    match room.foreseen {
        0 => String::new(),
        bytes => format!(" and {} MB that are used up meanwhile", megabytes(bytes)),
    }
}

/// About how many bytes the file of a snapshot will have.
///
/// Measured on small objects, arrays, Maps, cons strings and long strings on Node 20 and 26: a fifth too few to a quarter too
/// many. Before the reader has counted, twice the heap is what V8's own files have in the field.
pub fn expected_bytes(
    metadata: &DumpMetadata,
    heap: Option<&HeapSummary>,
    encoding: Encoding,
) -> u64 {
    const NODE_ROW: u64 = 22;
    const EDGE_ROW: u64 = 19;
    /// gzip leaves 20 % of most snapshots.
    const GZIP_DIVISOR: u64 = 4;

    let counted = heap.and_then(|heap| Some((heap, heap.edges?)));
    let plain = match counted {
        Some((heap, edges)) => heap.nodes * NODE_ROW + edges * EDGE_ROW + string_bytes(heap),
        None => metadata.old_generation_used.unwrap_or(0) * 2,
    };
    match encoding {
        Encoding::Plain => plain,
        Encoding::Gzip => plain / GZIP_DIVISOR,
    }
}

/// What is written of the contents of strings: of each one no more than its first 1024 characters, as V8 does.
fn string_bytes(heap: &HeapSummary) -> u64 {
    const HEADER: u64 = 20;
    const LONGEST: u64 = 1024;
    let kinds = heap.constructors.iter();
    kinds
        .filter(|kind| kind.name.starts_with('(') && kind.name.ends_with("string)"))
        .map(|kind| {
            let contents = kind.bytes.saturating_sub(kind.count * HEADER);
            contents.min(kind.count * LONGEST)
        })
        .sum()
}

/// Looks whether `folder` has room for `needed` bytes. Returns what people should know all the same.
///
/// # Errors
/// [`NoRoom`]. A folder or a control group that tells nothing counts as roomy.
pub fn check(folder: &Folder, needed: u64, room: Option<Room>) -> Result<Option<String>, NoRoom> {
    let path = folder.path();
    let space = folder.space().ok();
    judge(space, room, needed, path)?;
    Ok(match (space, room) {
        (
            Some(Space {
                is_memory: true, ..
            }),
            Some(room),
        ) => Some(format!(
            "the files of {} are memory (tmpfs): the heap snapshot takes about {} MB of the {} MB that the control group has left; \
             a folder on a disk costs none",
            path.display(),
            megabytes(needed),
            megabytes(room.group.headroom()),
        )),
        _ => None,
    })
}

fn judge(
    space: Option<Space>,
    room: Option<Room>,
    needed: u64,
    folder: &Path,
) -> Result<(), NoRoom> {
    let folder = || folder.to_owned();
    if let Some(Space { free_bytes, .. }) = space
        && free_bytes < needed
    {
        return Err(NoRoom::Disk {
            folder: folder(),
            free: free_bytes,
            needed,
        });
    }
    let Some(room) = room else {
        return Ok(());
    };
    let is_memory = space.is_some_and(|space| space.is_memory);
    if !room.has_room_for(0) {
        Err(NoRoom::Memory(room))
    } else if is_memory && !room.has_room_for(needed) {
        Err(NoRoom::FileInMemory {
            folder: folder(),
            room,
            needed,
        })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::MemoryUse;
    use crate::summary::ConstructorUse;

    const MB: u64 = 1 << 20;

    fn judged(free: u64, is_memory: bool, memory: Option<(u64, u64)>, needed: u64) -> String {
        let space = Space {
            free_bytes: free,
            is_memory,
        };
        let room = memory.map(|(working_set, limit)| Room {
            group: MemoryUse { working_set, limit },
            reserve: 16 * MB,
            foreseen: 0,
        });
        match judge(Some(space), room, needed, Path::new("/dumps")) {
            Ok(()) => "room".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_disk_that_takes_less_than_the_snapshot_is_refused_with_figures() {
        assert_eq!(judged(100 * MB, false, None, 100 * MB), "room");
        let reason = judged(99 * MB, false, None, 100 * MB);
        assert!(
            reason.contains("/dumps takes 99.0 MB") && reason.contains("about 100.0 MB"),
            "{reason}"
        );
    }

    #[test]
    fn a_file_on_a_disk_does_not_count_as_memory() {
        assert_eq!(
            judged(1000 * MB, false, Some((80 * MB, 100 * MB)), 100 * MB),
            "room"
        );
    }

    #[test]
    fn a_file_in_memory_must_fit_into_the_control_group_and_leave_the_reserve() {
        let memory = Some((400 * MB, 600 * MB));
        assert_eq!(judged(1000 * MB, true, memory, 184 * MB), "room");
        let reason = judged(1000 * MB, true, memory, 185 * MB);
        assert!(
            reason.contains("tmpfs") && reason.contains("200.0 MB are left"),
            "{reason}"
        );
        assert_eq!(judged(1000 * MB, true, None, 185 * MB), "room");
    }

    #[test]
    fn a_control_group_at_its_limit_is_left_alone() {
        let reason = judged(1000 * MB, false, Some((90 * MB, 100 * MB)), 0);
        assert!(
            reason.contains("10.0 MB left") && reason.contains("leave 16.0 MB"),
            "{reason}"
        );
    }

    fn strings(count: u64, bytes: u64) -> ConstructorUse {
        ConstructorUse {
            name: "(string)".to_owned(),
            count,
            bytes,
        }
    }

    #[test]
    fn what_the_reader_has_counted_is_better_than_a_guess() {
        let metadata = DumpMetadata {
            old_generation_used: Some(1000),
            ..DumpMetadata::default()
        };
        let heap = HeapSummary {
            nodes: 10,
            edges: Some(10),
            constructors: vec![strings(3, 20_000)],
            ..HeapSummary::default()
        };
        let guess = expected_bytes(&metadata, None, Encoding::Plain);
        let counted = expected_bytes(&metadata, Some(&heap), Encoding::Plain);
        assert_eq!((guess, counted), (2000, 220 + 190 + 3 * 1024));
        assert!(expected_bytes(&metadata, Some(&heap), Encoding::Gzip) < counted);
    }
}
