//! What a helper that was killed leaves behind, by what it told before: temporary files of no use, or a file that has its final
//! name already, and the summary that says so.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::helper::Snapshot;

/// The files that a helper has told of.
#[derive(Debug, Default)]
pub struct Remains {
    temporary: Vec<PathBuf>,
    /// A complete file that was about to get its final name.
    naming: Option<Move>,
    /// The summary that says so.
    concluding: Option<Move>,
}

#[derive(Debug)]
struct Move {
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

    /// The temporary file that was told of last is complete and about to be called `file`. Told again without
    /// [`Remains::note_named`] in between, its first name was somebody else's.
    pub fn note_naming(&mut self, file: PathBuf) {
        let again = self.naming.take().map(|naming| naming.temporary);
        self.concluding = None;
        self.naming = again
            .or_else(|| self.temporary.last().cloned())
            .map(|temporary| Move { temporary, file });
    }

    /// The temporary file that was told of last is the summary that says so, and takes the place of `file`.
    pub fn note_concluding(&mut self, file: PathBuf) {
        self.concluding = self
            .temporary
            .last()
            .cloned()
            .map(|temporary| Move { temporary, file });
    }

    /// Both have their names.
    pub fn note_named(&mut self) {
        (self.naming, self.concluding) = (None, None);
    }

    /// The snapshot, if it has got its name. To be asked before anything is removed.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let (file, there) = self.named()?;
        Some(Snapshot {
            file: file.to_owned(),
            bytes: there.len(),
        })
    }

    fn named(&self) -> Option<(&Path, Metadata)> {
        let Move { temporary, file } = self.naming.as_ref()?;
        let there = look(file)?;
        // Until it has moved, a file of that name is somebody else's.
        let has_moved = look(temporary).is_none_or(|temporary| is_same_file(&temporary, &there));
        has_moved.then_some((file, there))
    }

    /// Has the summary tell of the file that has got its name, if it does not yet. To be called before anything is removed.
    ///
    /// # Errors
    /// The summary that does not tell it, and why.
    pub fn conclude(&self) -> Result<(), (PathBuf, io::Error)> {
        let (Some(_), Some(Move { temporary, file })) = (self.named(), &self.concluding) else {
            return Ok(());
        };
        match fs::rename(temporary, file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err((file.clone(), error)),
            _ => Ok(()),
        }
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

    impl Killed {
        /// The same, with a summary that waits for the move.
        fn before_both_moves(test: &str) -> Killed {
            let mut killed = Killed::before_the_move(test);
            fs::write(killed.summary(), "begun").unwrap();
            let conclusion = killed.folder.join("conclusion.part");
            fs::write(&conclusion, "complete").unwrap();
            killed.remains.note_writing(conclusion);
            killed.remains.note_concluding(killed.summary());
            killed
        }

        fn summary(&self) -> PathBuf {
            self.folder.join("summary")
        }

        fn summary_after_all(&self) -> String {
            self.remains.conclude().unwrap();
            assert!(self.remains.remove().is_empty());
            fs::read_to_string(self.summary()).unwrap()
        }
    }

    #[test]
    fn the_summary_of_a_snapshot_that_was_moved_says_that_it_is_complete() {
        let killed = Killed::before_both_moves("concluded");
        fs::rename(&killed.temporary, &killed.file).unwrap();
        assert_eq!(killed.summary_after_all(), "complete");
        assert_eq!(killed.summary_after_all(), "complete");
    }

    #[test]
    fn the_summary_of_a_snapshot_that_was_not_moved_says_that_it_was_begun() {
        let killed = Killed::before_both_moves("not concluded");
        assert_eq!(killed.summary_after_all(), "begun");
        assert_eq!(fs::read_dir(&killed.folder).unwrap().count(), 1);
    }

    #[test]
    fn a_snapshot_whose_name_was_taken_gets_the_next_one_and_a_summary_that_has_it() {
        let mut killed = Killed::before_both_moves("taken");
        fs::write(&killed.file, "somebody else's").unwrap();
        let next = killed.folder.join("x-1");
        killed.remains.note_naming(next.clone());
        fs::rename(&killed.temporary, &next).unwrap();
        assert_eq!(killed.remains.snapshot().unwrap().file, next);
        assert_eq!(killed.summary_after_all(), "begun");
    }

    #[test]
    fn a_summary_that_cannot_take_its_place_is_named() {
        let killed = Killed::before_both_moves("no place");
        fs::rename(&killed.temporary, &killed.file).unwrap();
        fs::remove_file(killed.summary()).unwrap();
        fs::create_dir(killed.summary()).unwrap();
        assert_eq!(killed.remains.conclude().unwrap_err().0, killed.summary());
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
