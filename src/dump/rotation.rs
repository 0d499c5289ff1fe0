//! How many dumps of a program stay in a folder: the option `keep`.
//!
//! A dump is known by its summary, which names the program and the snapshot. Names tell nothing: another program, or a person,
//! may use the same ones.

use std::ffi::OsString;

use super::Error;
use super::folder::Folder;
use super::name;
use super::summary_file::{Snapshot, Summary};

/// A dump that began this long ago and has no end was killed.
const LONGEST_DUMP_MS: u64 = 24 * 60 * 60 * 1000;

/// A dump that is over.
struct Dump {
    summary: OsString,
    /// Its snapshot, where that is complete.
    snapshot: Option<OsString>,
    /// What tells what leaked, where that was found.
    suspects: Option<OsString>,
    /// When it began.
    time_ms: u64,
}

/// Removes the oldest dumps of `program`, so that `keep` complete ones stay; what has no snapshot goes with the complete one that
/// came after it. Dumps that began after `now_ms` or are still being made are left alone. Returns the names that are gone.
///
/// # Errors
/// [`Error::Folder`] where the folder cannot be read, [`Error::Remove`] for the first file that is still there.
pub fn remove_oldest(
    folder: &Folder,
    program: &str,
    keep: u32,
    now_ms: u64,
) -> Result<Vec<OsString>, Error> {
    let mut removed = Vec::new();
    let mut dumps = dumps_of(folder, program, now_ms)?;
    dumps.sort_by(|one, other| (other.time_ms, &other.summary).cmp(&(one.time_ms, &one.summary)));
    let mut kept = 0;
    for dump in dumps {
        if kept < keep {
            kept += u32::from(dump.snapshot.is_some());
            continue;
        }
        // The summary goes last: it is what the snapshot is known by.
        let others = dump.snapshot.into_iter().chain(dump.suspects);
        for file in others.chain([dump.summary]) {
            match folder.remove(&file) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::Remove {
                        file: folder.path_of(&file),
                        source,
                    });
                }
                _ => removed.push(file),
            }
        }
    }
    Ok(removed)
}

fn dumps_of(folder: &Folder, program: &str, now_ms: u64) -> Result<Vec<Dump>, Error> {
    let names = folder.names().map_err(|source| Error::Folder {
        file: folder.path().to_owned(),
        source,
    })?;
    let summaries = names.into_iter().filter(|name| name::is_of_summary(name));
    Ok(summaries
        .filter_map(|summary| {
            let content = Summary::read(folder, &summary)?;
            let time_ms = content.dump.time_ms;
            let is_over = match &content.snapshot {
                Snapshot::Begun => now_ms.saturating_sub(time_ms) > LONGEST_DUMP_MS,
                _ => time_ms <= now_ms,
            };
            let snapshot = match &content.snapshot {
                Snapshot::Complete { file, .. } => Some(file.in_folder()?),
                _ => None,
            };
            let suspects = content.suspects.and_then(|file| file.in_folder());
            (content.program == program && is_over).then_some(Dump {
                summary,
                snapshot,
                suspects,
                time_ms,
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::folder::tests::TestFolder;
    use crate::dump::summary_file::FileName;
    use crate::dump::summary_file::tests::summary;
    use std::fs;

    const NOW: u64 = 2 * LONGEST_DUMP_MS;

    fn write(folder: &TestFolder, name: &str, program: &str, time_ms: u64, snapshot: Snapshot) {
        let content = serde_json::to_vec(&summary(program, time_ms, snapshot)).unwrap();
        fs::write(folder.file(format!("{name}.summary.json")), content).unwrap();
    }

    fn write_complete(folder: &TestFolder, name: &str, program: &str, time_ms: u64) {
        let file = format!("{name}.heapsnapshot");
        fs::write(folder.file(&file), "{}").unwrap();
        let complete = Snapshot::Complete {
            file: FileName::of(file.as_ref()),
            bytes: 2,
            snapshot_bytes: 2,
            duration_ms: 1,
        };
        write(folder, name, program, time_ms, complete);
    }

    fn failed() -> Snapshot {
        Snapshot::Failed {
            reason: "no room".to_owned(),
            duration_ms: 1,
        }
    }

    fn rotate(folder: &TestFolder, keep: u32) -> Vec<OsString> {
        remove_oldest(&folder.open(), "a", keep, NOW).unwrap()
    }

    #[test]
    fn the_oldest_dumps_go_and_as_many_as_asked_for_stay() {
        let folder = TestFolder::new();
        for (name, time) in [("third", 3), ("first", 1), ("second", 2)] {
            write_complete(&folder, name, "a", time);
        }
        let removed = rotate(&folder, 2);
        assert_eq!(removed, ["first.heapsnapshot", "first.summary.json"]);
        assert_eq!(folder.names().len(), 4);
        assert!(rotate(&folder, 2).is_empty());
    }

    #[test]
    fn the_suspects_go_with_their_dump() {
        let folder = TestFolder::new();
        write_complete(&folder, "new", "a", 2);
        write_complete(&folder, "old", "a", 1);
        let complete = Snapshot::Complete {
            file: FileName::of("old.heapsnapshot".as_ref()),
            bytes: 2,
            snapshot_bytes: 2,
            duration_ms: 1,
        };
        let mut content = summary("a", 1, complete);
        content.suspects = Some(FileName::of("old.suspects.json".as_ref()));
        let content = serde_json::to_vec(&content).unwrap();
        fs::write(folder.file("old.summary.json"), content).unwrap();
        fs::write(folder.file("old.suspects.json"), "{}").unwrap();
        let removed = rotate(&folder, 1);
        let all = ["old.heapsnapshot", "old.suspects.json", "old.summary.json"];
        assert_eq!(removed, all);
    }

    #[test]
    fn what_others_put_there_is_left_alone_whatever_it_is_called() {
        let folder = TestFolder::new();
        write_complete(&folder, "of another program", "b", 1);
        fs::write(folder.file("x.heapsnapshot"), "a person's").unwrap();
        fs::write(folder.file("x.summary.json"), "a person's").unwrap();
        write_complete(&folder, "new", "a", 9);
        write_complete(&folder, "old", "a", 8);
        assert_eq!(rotate(&folder, 1), ["old.heapsnapshot", "old.summary.json"]);
        assert_eq!(folder.names().len(), 6);
    }

    #[test]
    fn a_summary_that_names_a_file_elsewhere_removes_nothing() {
        let (folder, elsewhere) = (TestFolder::new(), TestFolder::new());
        fs::write(elsewhere.file("precious"), "").unwrap();
        let path = elsewhere.file("precious");
        let complete = Snapshot::Complete {
            file: FileName::of(path.as_os_str()),
            bytes: 2,
            snapshot_bytes: 2,
            duration_ms: 1,
        };
        write(&folder, "planted", "a", 1, complete);
        write_complete(&folder, "new", "a", 9);
        assert!(rotate(&folder, 1).is_empty());
        assert!(path.exists());
    }

    #[test]
    fn a_dump_that_failed_never_pushes_out_a_complete_one() {
        let folder = TestFolder::new();
        write_complete(&folder, "complete", "a", 2);
        write(&folder, "later", "a", 3, failed());
        write(&folder, "earlier", "a", 1, failed());
        assert_eq!(rotate(&folder, 1), ["earlier.summary.json"]);
    }

    #[test]
    fn a_dump_that_is_being_made_stays_until_it_must_have_been_killed() {
        let folder = TestFolder::new();
        write_complete(&folder, "complete", "a", NOW);
        write(
            &folder,
            "being made",
            "a",
            NOW - LONGEST_DUMP_MS,
            Snapshot::Begun,
        );
        write(
            &folder,
            "killed",
            "a",
            NOW - LONGEST_DUMP_MS - 1,
            Snapshot::Begun,
        );
        assert_eq!(rotate(&folder, 1), ["killed.summary.json"]);
    }

    #[test]
    fn a_dump_that_began_later_stays() {
        let folder = TestFolder::new();
        write_complete(&folder, "later", "a", NOW + 1);
        write_complete(&folder, "now", "a", NOW);
        assert!(rotate(&folder, 1).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_no_summary() {
        let folder = TestFolder::new();
        write_complete(&folder, "old", "a", 1);
        fs::rename(folder.file("old.summary.json"), folder.file("target")).unwrap();
        std::os::unix::fs::symlink(folder.file("target"), folder.file("old.summary.json")).unwrap();
        write_complete(&folder, "new", "a", 2);
        assert!(rotate(&folder, 1).is_empty());
    }
}
