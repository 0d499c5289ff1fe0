//! Where a dump goes: the preflight, the summary, the snapshot's temporary file and the proof that it is complete, the final
//! place, the suspects, the dumps that are kept, and the program that is run at the end.
//!
//! A file under its final name is always complete. Until then it is a `.part` beside it, which no failure leaves behind.
//! Knows names and files, and nothing of where the bytes come from.

mod completeness;
mod folder;
mod growth;
mod guarded_pipe;
mod headroom;
mod hook;
mod interruption;
mod kin;
mod name;
mod place;
mod preflight;
mod relay;
mod rotation;
mod sink;
mod stages;
mod summary_file;
mod suspects;
mod temporary;
mod words;
mod write_back;

pub use guarded_pipe::GuardedPipe;
pub use headroom::{Headroom, Room};
pub use place::{Place, Step, Witness};
pub use preflight::NoRoom;
pub use relay::Piece;
pub use sink::{Sink, Written};
pub use stages::Dump;
pub use suspects::TIME_IS_OVER;
pub use words::describe_complete;

use std::io;
use std::path::PathBuf;

/// What the file of a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The snapshot.
    Plain,
    /// The snapshot compressed, in a file that ends in `.gz`.
    Gzip,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path names no file in a folder.
    #[error("{} cannot be the name of a heap snapshot; give the absolute path of a file", file.display())]
    NoFileName {
        /// The path that was given.
        file: PathBuf,
    },
    /// The folder is not there, or may not be used.
    #[error("cannot write {}: {source}; {}", file.display(), remedy(source))]
    Folder {
        /// The path that was given.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The preflight found too little room.
    #[error(transparent)]
    Room(#[from] preflight::NoRoom),
    /// The temporary file could not be made.
    #[error("cannot create {}: {source}; {}", file.display(), remedy(source))]
    Create {
        /// The temporary file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Bytes could not be written, or not be brought to the disk.
    #[error("cannot write {}: {source}; {}", file.display(), remedy(source))]
    Write {
        /// The temporary file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The source said that it was done, but its bytes are no whole JSON document.
    #[error("the heap snapshot for {} is cut short after {bytes} bytes; no file was kept, try again", file.display())]
    Incomplete {
        /// The final name.
        file: PathBuf,
        /// How many bytes arrived.
        bytes: u64,
    },
    /// The complete file could not get its final name.
    #[error("cannot move a complete file to {}: {source}; {}", file.display(), remedy(source))]
    Move {
        /// The final name.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A temporary file that is of no use any more, and still there.
    #[error("cannot remove {}: {source}; remove it by hand", file.display())]
    Remove {
        /// The temporary file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// What a person can do about an error of the operating system.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free space on that disk or choose another folder"
        }
        io::ErrorKind::FileTooLarge => "raise the limit of file sizes (ulimit -f)",
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "that folder does not exist, or no more: create it"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a folder that this user may write to"
        }
        io::ErrorKind::InvalidFilename => "choose a shorter name",
        _ => "choose another folder",
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_can_do_is_told_for_each_way_a_disk_refuses() {
        for (error, words) in [
            (libc::ENOSPC, "free space"),
            (libc::EDQUOT, "free space"),
            (libc::EFBIG, "ulimit -f"),
            (libc::ENOENT, "create it"),
            (libc::EROFS, "may write to"),
            (libc::EACCES, "may write to"),
            (libc::ENAMETOOLONG, "shorter name"),
            (libc::EIO, "another folder"),
        ] {
            let error = Error::Write {
                file: "/d/x.part".into(),
                source: io::Error::from_raw_os_error(error),
            };
            let sentence = error.to_string();
            assert!(
                sentence.contains("/d/x.part") && sentence.contains(words),
                "{sentence}"
            );
        }
    }
}
