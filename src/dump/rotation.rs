//! How many dumps of a program stay in a folder: the option `keep`.
//!
//! A dump is known by its summary, which names the program and the snapshot. Names tell nothing: another program, or a person,
//! may use the same ones.

use std::ffi::OsString;

use super::folder::Folder;
use super::name;
use super::summary_file::{Snapshot, Summary};
use super::Error;

/// A summary is a few KB.
const LONGEST_SUMMARY: u64 = 1 << 20;

/// A dump that began this long ago and has no end was killed.
const LONGEST_DUMP_MS: u64 = 24 * 60 * 60 * 1000;

/// A dump that is over.
struct Dump {
    summary: OsString,
    /// Its snapshot, where that is complete.
    snapshot: Option<OsString>,
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
        for file in dump.snapshot.into_iter().chain([dump.summary]) {
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
        folder: folder.path_of("".as_ref()),
        source,
    })?;
    let summaries = names.into_iter().filter(|name| name::is_of_summary(name));
    Ok(summaries
        .filter_map(|summary| {
            let content = folder.read(&summary, LONGEST_SUMMARY).ok()?;
            let content: Summary = serde_json::from_slice(&content).ok()?;
            let time_ms = content.dump.time_ms;
            let is_over = match &content.snapshot {
                Snapshot::Begun => now_ms.saturating_sub(time_ms) > LONGEST_DUMP_MS,
                _ => time_ms <= now_ms,
            };
            let snapshot = match &content.snapshot {
                Snapshot::Complete { file, .. } => Some(file.in_folder()?),
                _ => None,
            };
            (content.program == program && is_over).then_some(Dump {
                summary,
                snapshot,
                time_ms,
            })
        })
        .collect())
}
