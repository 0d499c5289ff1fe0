//! What a helper that was killed leaves behind, by what it told before: temporary files of no use, or a snapshot that has its
//! final name already.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::helper::Snapshot;

/// The files that a helper has told of.
#[derive(Debug, Default)]
pub struct Remains {
    temporary: Vec<PathBuf>,
    named: Option<Named>,
}

/// A complete snapshot that was about to get its final name.
#[derive(Debug)]
struct Named {
    temporary: PathBuf,
    file: PathBuf,
}

impl Remains {
    /// There is a temporary file.
    pub fn note_writing(&mut self, file: PathBuf) {
        if !self.temporary.contains(&file) {
            self.temporary.push(file);
        }
    }

    /// The temporary file that was told of last is complete and about to be called `file`.
    pub fn note_naming(&mut self, file: PathBuf) {
        self.named = self
            .temporary
            .last()
            .cloned()
            .map(|temporary| Named { temporary, file });
    }

    /// The snapshot, if it has got its name. To be asked before anything is removed.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let Named { temporary, file } = self.named.as_ref()?;
        let there = look(file)?;
        // Until it has moved, a file of that name is somebody else's.
        let has_moved = look(temporary).is_none_or(|temporary| is_same_file(&temporary, &there));
        has_moved.then(|| Snapshot {
            file: file.clone(),
            bytes: there.len(),
        })
    }

    /// Removes the temporary files. Returns those that are still there, and why.
    pub fn remove(&self) -> Vec<(PathBuf, io::Error)> {
        let removed = self
            .temporary
            .iter()
            .map(|file| (file, fs::remove_file(file)));
        removed
            .filter_map(|(file, removed)| Some((file.clone(), removed.err()?)))
            .filter(|(_, error)| error.kind() != io::ErrorKind::NotFound)
            .collect()
    }
}

fn look(file: &Path) -> Option<Metadata> {
    let metadata = fs::symlink_metadata(file).ok()?;
    metadata.is_file().then_some(metadata)
}

/// Where a file cannot be moved without overwriting it has both names for a moment.
#[cfg(unix)]
fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same_file(_: &Metadata, _: &Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a temporary file that was about to be called `file`.
    struct Killed {
        folder: PathBuf,
        temporary: PathBuf,
        file: PathBuf,
        remains: Remains,
    }

    impl Killed {
        fn before_the_move(test: &str) -> Killed {
            let process = std::process::id();
            let folder =
                std::env::temp_dir().join(format!("oom-heapdump-remains-{process}-{test}"));
            fs::create_dir(&folder).unwrap();
            let [temporary, file] = ["x.part", "x"].map(|name| folder.join(name));
            fs::write(&temporary, "snapshot").unwrap();
            let mut remains = Remains::default();
            remains.note_writing(temporary.clone());
            remains.note_naming(file.clone());
            Killed {
                folder,
                temporary,
                file,
                remains,
            }
        }
    }

    impl Drop for Killed {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    #[test]
    fn a_snapshot_that_was_moved_is_complete() {
        let killed = Killed::before_the_move("moved");
        fs::rename(&killed.temporary, &killed.file).unwrap();
        let snapshot = killed.remains.snapshot().unwrap();
        assert_eq!((snapshot.file, snapshot.bytes), (killed.file.clone(), 8));
    }

    #[test]
    fn before_it_is_moved_there_is_none_whoever_has_its_name() {
        let killed = Killed::before_the_move("not moved");
        assert!(killed.remains.snapshot().is_none());
        fs::write(&killed.file, "somebody else's").unwrap();
        assert!(killed.remains.snapshot().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_snapshot_with_both_names_is_complete() {
        let killed = Killed::before_the_move("linked");
        fs::hard_link(&killed.temporary, &killed.file).unwrap();
        assert!(killed.remains.snapshot().is_some());
    }

    #[test]
    fn temporary_files_are_removed_and_nothing_else() {
        let mut killed = Killed::before_the_move("removed");
        fs::write(&killed.file, "somebody else's").unwrap();
        killed.remains.note_writing(killed.folder.join("gone.part"));
        assert!(killed.remains.remove().is_empty());
        assert!(killed.file.exists() && !killed.temporary.exists());
    }

    #[test]
    fn what_cannot_be_removed_is_named() {
        let mut killed = Killed::before_the_move("refused");
        killed.remains.note_writing(killed.folder.clone());
        let refused = killed.remains.remove();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].0, killed.folder);
    }
}
