//! The one way for a snapshot to reach the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use super::completeness::Completeness;
use super::{Error, final_place, interruption, name};

/// One `write` call of this size costs nothing beside the copy; larger chunks bypass the buffer.
const BUFFER_BYTES: usize = 256 << 10;

/// A snapshot on its way to the disk: a `.part` beside the final place until [`Sink::complete`] moves it there.
/// An unfinished sink that is dropped removes its file.
#[derive(Debug)]
pub struct Sink {
    wanted: PathBuf,
    temporary: Option<PathBuf>,
    output: BufWriter<File>,
    completeness: Completeness,
}

/// A complete snapshot under its final name.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// Its path, which differs from the wanted one where a file of that name existed.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
}

impl Sink {
    /// Makes the temporary file for a snapshot that shall be called `file`, an absolute path.
    ///
    /// # Errors
    /// [`Error::NoFileName`], [`Error::Create`].
    pub fn create(file: &Path) -> Result<Sink, Error> {
        let mut temporary_names = name::temporary_names(file);
        loop {
            let temporary = temporary_names.next().ok_or_else(|| Error::NoFileName {
                file: file.to_owned(),
            })?;
            match create_private_file(&temporary) {
                Ok(output) => {
                    interruption::remove_on_termination(&temporary);
                    return Ok(Sink {
                        wanted: file.to_owned(),
                        temporary: Some(temporary),
                        output: BufWriter::with_capacity(BUFFER_BYTES, output),
                        completeness: Completeness::default(),
                    });
                }
                // Of another helper at work, or left by one that was killed: either way not ours.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => {
                    return Err(Error::Create {
                        file: temporary,
                        source,
                    });
                }
            }
        }
    }

    /// Adds the next bytes of the snapshot.
    ///
    /// # Errors
    /// [`Error::Write`], such as on a full disk.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.completeness.observe(chunk);
        self.output
            .write_all(chunk)
            .map_err(|source| self.write_error(source))
    }

    /// Forgets all bytes so far: the snapshot comes anew.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn begin_again(&mut self) -> Result<(), Error> {
        let file = self.output.get_ref().try_clone();
        let emptied = file.and_then(|mut file| {
            file.set_len(0)?;
            file.rewind()?;
            Ok(file)
        });
        let file = emptied.map_err(|source| self.write_error(source))?;
        let output = BufWriter::with_capacity(BUFFER_BYTES, file);
        // What the old one has buffered must not be written.
        drop(std::mem::replace(&mut self.output, output).into_parts());
        self.completeness = Completeness::default();
        Ok(())
    }

    /// Gives the snapshot its final name. To be called only when the source has said that it sent everything.
    ///
    /// # Errors
    /// [`Error::Incomplete`] when the bytes are no whole snapshot, [`Error::Write`], [`Error::Move`].
    pub fn complete(&mut self) -> Result<Written, Error> {
        let bytes = self.completeness.bytes();
        let Some(temporary) = self
            .temporary
            .clone()
            .filter(|_| self.completeness.is_complete())
        else {
            return Err(Error::Incomplete {
                file: self.wanted.clone(),
                bytes,
            });
        };
        self.output
            .flush()
            .map_err(|source| self.write_error(source))?;
        self.output
            .get_ref()
            .sync_all()
            .map_err(|source| self.write_error(source))?;

        let file = self.move_to_free_name(&temporary)?;
        self.temporary = None;
        interruption::keep();
        if let Some(folder) = file.parent() {
            // The file is complete and visible; a file system that cannot sync folders is no reason to call it lost.
            let _ = final_place::sync_folder(folder);
        }
        Ok(Written { file, bytes })
    }

    /// Removes what was written, if it did not become a complete file. A second call does nothing.
    ///
    /// # Errors
    /// [`Error::Remove`], which names the file that is still there.
    pub fn discard(&mut self) -> Result<(), Error> {
        let Some(temporary) = self.temporary.take() else {
            return Ok(());
        };
        let removed = std::fs::remove_file(&temporary);
        interruption::keep();
        match removed {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Remove {
                file: temporary,
                source,
            }),
            _ => Ok(()),
        }
    }

    fn move_to_free_name(&self, temporary: &Path) -> Result<PathBuf, Error> {
        for file in name::final_names(&self.wanted) {
            match final_place::move_without_overwriting(temporary, &file) {
                Ok(()) => return Ok(file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(Error::Move { file, source }),
            }
        }
        Err(Error::NoFileName {
            file: self.wanted.clone(),
        })
    }

    fn write_error(&self, source: io::Error) -> Error {
        Error::Write {
            file: self
                .temporary
                .clone()
                .unwrap_or_else(|| self.wanted.clone()),
            source,
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // Whoever wants to hear that the file could not be removed calls `discard` before.
        let _ = self.discard();
    }
}

/// A new file that only this user may read: a heap holds secrets.
fn create_private_file(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::fs;
    use std::sync::atomic::{AtomicU32, Ordering};

    const SNAPSHOT: &[u8] = b"{\"snapshot\":{},\"strings\":[]}";

    /// A folder of its own for each test, gone with it.
    pub struct Folder(PathBuf);

    impl Folder {
        pub fn new() -> Folder {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!(
                "node-oom-heapdump-test-{}-{number}",
                std::process::id()
            ));
            fs::create_dir(&path).unwrap();
            Folder(path)
        }

        pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
            self.0.join(name)
        }

        pub fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<String> = entries
                .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn write_snapshot(file: &Path) -> Result<Written, Error> {
        let mut sink = Sink::create(file)?;
        sink.write(SNAPSHOT)?;
        sink.complete()
    }

    #[test]
    fn what_was_written_before_a_new_beginning_is_not_in_the_file() {
        let folder = Folder::new();
        let mut sink = Sink::create(&folder.file("x.heapsnapshot")).unwrap();
        sink.write(&[b'{'; 3 * BUFFER_BYTES / 2]).unwrap();
        sink.write(b"{cut").unwrap();
        sink.begin_again().unwrap();
        sink.write(SNAPSHOT).unwrap();
        let written = sink.complete().unwrap();
        assert_eq!(written.bytes, SNAPSHOT.len() as u64);
        assert_eq!(fs::read(written.file).unwrap(), SNAPSHOT);
    }

    #[test]
    fn a_file_under_its_final_name_is_complete() {
        let folder = Folder::new();
        let mut sink = Sink::create(&folder.file("x.heapsnapshot")).unwrap();
        sink.write(&SNAPSHOT[..5]).unwrap();
        assert_eq!(folder.names(), ["x.heapsnapshot.part"]);
        sink.write(&SNAPSHOT[5..]).unwrap();
        let written = sink.complete().unwrap();
        assert_eq!(
            written,
            Written {
                file: folder.file("x.heapsnapshot"),
                bytes: SNAPSHOT.len() as u64
            }
        );
        assert_eq!(folder.names(), ["x.heapsnapshot"]);
        assert_eq!(fs::read(written.file).unwrap(), SNAPSHOT);
    }

    #[test]
    fn a_snapshot_cut_short_leaves_no_file() {
        let folder = Folder::new();
        let mut sink = Sink::create(&folder.file("x.heapsnapshot")).unwrap();
        sink.write(&SNAPSHOT[..SNAPSHOT.len() - 1]).unwrap();
        assert!(matches!(
            sink.complete(),
            Err(Error::Incomplete { bytes: 27, .. })
        ));
        drop(sink);
        assert!(folder.names().is_empty());
    }

    #[test]
    fn an_unfinished_sink_takes_its_temporary_file_with_it() {
        let folder = Folder::new();
        let mut sink = Sink::create(&folder.file("x.heapsnapshot")).unwrap();
        sink.write(SNAPSHOT).unwrap();
        drop(sink);
        assert!(folder.names().is_empty());
    }

    #[test]
    fn a_complete_file_outlives_its_sink() {
        let folder = Folder::new();
        let mut sink = Sink::create(&folder.file("x.heapsnapshot")).unwrap();
        sink.write(SNAPSHOT).unwrap();
        sink.complete().unwrap();
        sink.discard().unwrap();
        drop(sink);
        assert_eq!(folder.names(), ["x.heapsnapshot"]);
    }

    #[test]
    fn an_existing_file_is_kept() {
        let folder = Folder::new();
        fs::write(folder.file("x.heapsnapshot"), "precious").unwrap();
        let first = write_snapshot(&folder.file("x.heapsnapshot")).unwrap();
        let second = write_snapshot(&folder.file("x.heapsnapshot")).unwrap();
        assert_eq!(first.file, folder.file("x-1.heapsnapshot"));
        assert_eq!(second.file, folder.file("x-2.heapsnapshot"));
        assert_eq!(
            fs::read(folder.file("x.heapsnapshot")).unwrap(),
            b"precious"
        );
    }

    #[test]
    fn a_temporary_file_of_a_dead_run_does_not_block() {
        let folder = Folder::new();
        fs::write(folder.file("x.heapsnapshot.part"), "stale").unwrap();
        write_snapshot(&folder.file("x.heapsnapshot")).unwrap();
        assert_eq!(folder.names(), ["x.heapsnapshot", "x.heapsnapshot.part"]);
        assert_eq!(
            fs::read(folder.file("x.heapsnapshot.part")).unwrap(),
            b"stale"
        );
    }

    #[test]
    fn two_dumps_of_one_name_at_once_become_two_files() {
        let folder = Folder::new();
        let mut sinks = [(); 2].map(|()| Sink::create(&folder.file("x.heapsnapshot")).unwrap());
        sinks
            .iter_mut()
            .for_each(|sink| sink.write(SNAPSHOT).unwrap());
        sinks
            .iter_mut()
            .for_each(|sink| drop(sink.complete().unwrap()));
        assert_eq!(folder.names(), ["x-1.heapsnapshot", "x.heapsnapshot"]);
    }

    #[test]
    fn the_longest_name_works() {
        let folder = Folder::new();
        let file = folder.file(format!(
            "{}.heapsnapshot",
            "n".repeat(255 - ".heapsnapshot".len())
        ));
        assert_eq!(write_snapshot(&file).unwrap().file, file);
        assert_ne!(write_snapshot(&file).unwrap().file, file);
        assert_eq!(folder.names().len(), 2);
    }

    #[test]
    fn a_name_is_taken_as_it_is() {
        let folder = Folder::new();
        for name in [
            "100%s %n.heapsnapshot",
            " -x.heapsnapshot",
            "ä\n.heapsnapshot",
        ] {
            assert_eq!(
                write_snapshot(&folder.file(name)).unwrap().file,
                folder.file(name)
            );
        }
    }

    #[test]
    fn a_missing_folder_is_named_with_its_remedy() {
        let folder = Folder::new();
        let error = write_snapshot(&folder.file("missing/x.heapsnapshot"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("missing/x.heapsnapshot.part") && error.contains("create that folder"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_is_no_place_for_the_bytes() {
        assert!(matches!(
            Sink::create(Path::new("/")),
            Err(Error::NoFileName { .. })
        ));
    }

    #[cfg(unix)]
    mod on_unix {
        use super::*;
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::{PermissionsExt, symlink};

        #[test]
        fn a_name_need_not_be_utf_8() {
            let folder = Folder::new();
            let file = folder.file(std::ffi::OsStr::from_bytes(b"\xff\xfe.heapsnapshot"));
            assert_eq!(write_snapshot(&file).unwrap().file, file);
        }

        #[test]
        fn only_the_owner_may_read_a_heap() {
            let folder = Folder::new();
            let written = write_snapshot(&folder.file("x.heapsnapshot")).unwrap();
            assert_eq!(
                fs::metadata(written.file).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }

        #[test]
        fn a_link_planted_under_the_temporary_name_is_not_followed() {
            let folder = Folder::new();
            symlink(folder.file("victim"), folder.file("x.heapsnapshot.part")).unwrap();
            write_snapshot(&folder.file("x.heapsnapshot")).unwrap();
            assert_eq!(folder.names(), ["x.heapsnapshot", "x.heapsnapshot.part"]);
        }

        #[test]
        fn a_link_under_the_final_name_is_kept() {
            let folder = Folder::new();
            symlink(folder.file("nowhere"), folder.file("x.heapsnapshot")).unwrap();
            let written = write_snapshot(&folder.file("x.heapsnapshot")).unwrap();
            assert_eq!(written.file, folder.file("x-1.heapsnapshot"));
            assert!(!folder.file("nowhere").exists());
        }

        #[test]
        fn a_temporary_file_that_cannot_be_removed_is_named() {
            let folder = Folder::new();
            let mut sink = Sink::create(&folder.file("x.heapsnapshot")).unwrap();
            fs::remove_file(folder.file("x.heapsnapshot.part")).unwrap();
            fs::create_dir(folder.file("x.heapsnapshot.part")).unwrap();
            let error = sink.discard().unwrap_err().to_string();
            assert!(
                error.contains("x.heapsnapshot.part") && error.contains("by hand"),
                "{error}"
            );
        }

        #[test]
        fn bytes_that_find_no_room_are_an_error() {
            let mut sink = Sink {
                wanted: "/dev/full".into(),
                temporary: None,
                output: BufWriter::new(OpenOptions::new().write(true).open("/dev/full").unwrap()),
                completeness: Completeness::default(),
            };
            let error = sink.write(&[0; BUFFER_BYTES]).unwrap_err().to_string();
            assert!(
                error.contains("/dev/full") && error.contains("free space"),
                "{error}"
            );
        }
    }
}
