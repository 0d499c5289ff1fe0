//! The one way for a snapshot to reach the disk.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::completeness::Completeness;
use super::place::{Place, Step};
use super::relay::Piece;
use super::temporary::TemporaryFile;
use super::write_back::WriteBack;
use super::{Encoding, Error};

/// One `write` call of this size costs nothing beside the copy; larger chunks bypass the buffer.
const BUFFER_BYTES: usize = 256 << 10;

/// The level of gzip: the lowest that zlib compresses at. Higher ones make a snapshot, mostly digits, hardly smaller and
/// take longer than the heap reader.
const GZIP_LEVEL: u32 = 1;

/// A snapshot on its way to the disk: a `.part` beside the final place until [`Sink::complete`] moves it there.
/// An unfinished sink that is dropped removes its file.
#[derive(Debug)]
pub struct Sink {
    place: Place,
    temporary: TemporaryFile,
    output: Output,
    completeness: Completeness,
}

/// A complete snapshot under its final name.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// Its path, which differs from the wanted one where a file of that name existed.
    pub file: PathBuf,
    /// The file's size.
    pub bytes: u64,
    /// The snapshot's size, which is larger than the file's where that is compressed.
    pub snapshot_bytes: u64,
}

impl Sink {
    /// Makes the temporary file for a snapshot at `place`.
    ///
    /// # Errors
    /// [`Error::Create`].
    pub fn create(place: &Place) -> Result<Sink, Error> {
        let (temporary, file) = TemporaryFile::create(place, &place.snapshot())?;
        Ok(Sink {
            place: place.clone(),
            temporary,
            output: Output::new(file, place.encoding),
            completeness: Completeness::default(),
        })
    }

    /// Adds the next bytes of the snapshot.
    ///
    /// # Errors
    /// [`Error::Write`], such as on a full disk.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.completeness.observe(chunk);
        let written = self.output.write_all(chunk);
        written.map_err(|source| self.write_error(source))
    }

    /// Adds the next bytes of the snapshot, which are neither its first nor its last.
    ///
    /// # Errors
    /// [`Error::Write`], such as on a full disk.
    pub fn pass(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        self.completeness.pass(piece.len());
        let passed = self.output.pass(piece);
        passed.map_err(|source| self.write_error(source))
    }

    /// Gives the snapshot its final name. To be called only when the source has said that it sent everything.
    ///
    /// # Errors
    /// [`Error::Incomplete`] when the bytes are no whole snapshot, [`Error::Write`], [`Error::Move`].
    pub fn complete(&mut self) -> Result<Written, Error> {
        let mut written = self.finish()?;
        while !self.take_name(&mut written)? {}
        self.place.sync();
        Ok(written)
    }

    /// The first half of [`Sink::complete`]: proves that the snapshot is whole, brings it to the disk, and returns what it is
    /// going to be.
    ///
    /// # Errors
    /// [`Error::Incomplete`], [`Error::Write`].
    pub fn finish(&mut self) -> Result<Written, Error> {
        let snapshot_bytes = self.completeness.bytes();
        if !self.completeness.is_complete() {
            return Err(Error::Incomplete {
                file: self.place.path_of(&self.place.snapshot()),
                bytes: snapshot_bytes,
            });
        }
        let finished = self.output.finish();
        let bytes = finished.map_err(|source| self.write_error(source))?;
        Ok(Written {
            file: self.tell_name(),
            bytes,
            snapshot_bytes,
        })
    }

    /// The second half: gives the snapshot the name that `written` has. `false` is that somebody else has that by now, and
    /// `written` has the next one.
    ///
    /// # Errors
    /// [`Error::Move`].
    pub fn take_name(&mut self, written: &mut Written) -> Result<bool, Error> {
        let has_moved = self.temporary.move_to(&self.place.snapshot())?;
        if !has_moved {
            self.place.skip();
            written.file = self.tell_name();
        }
        Ok(has_moved)
    }

    fn tell_name(&self) -> PathBuf {
        let file = self.place.path_of(&self.place.snapshot());
        self.place.tell(Step::Naming(&file));
        file
    }

    /// Removes what was written, if it did not become a complete file. A second call does nothing.
    ///
    /// # Errors
    /// [`Error::Remove`], which names the file that is still there.
    pub fn discard(&mut self) -> Result<(), Error> {
        self.temporary.remove()
    }

    fn write_error(&self, source: io::Error) -> Error {
        Error::Write {
            file: self.temporary.path(),
            source,
        }
    }
}

/// The file behind its buffer, and what makes the bytes fewer before.
enum Output {
    Plain(BufWriter<WriteBack>),
    Gzip(Box<GzEncoder<BufWriter<WriteBack>>>),
}

impl Output {
    fn new(file: File, encoding: Encoding) -> Output {
        let file = BufWriter::with_capacity(BUFFER_BYTES, WriteBack::new(file));
        match encoding {
            Encoding::Plain => Output::Plain(file),
            Encoding::Gzip => {
                let encoder = GzEncoder::new(file, Compression::new(GZIP_LEVEL));
                Output::Gzip(Box::new(encoder))
            }
        }
    }

    fn pass(&mut self, piece: Piece<'_>) -> io::Result<()> {
        match (self, piece) {
            (output, Piece::Copied(bytes)) => output.write_all(bytes),
            (Output::Plain(file), Piece::Relayed(relay)) => {
                file.flush()?;
                file.get_mut().pass(relay)
            }
            (Output::Gzip(encoder), Piece::Relayed(relay)) => encoder.write_all(&relay.drain()?),
        }
    }

    /// Brings all of it to the disk and returns the file's size.
    fn finish(&mut self) -> io::Result<u64> {
        let file = match self {
            Output::Plain(file) => file,
            Output::Gzip(encoder) => {
                encoder.try_finish()?;
                encoder.get_mut()
            }
        };
        file.flush()?;
        file.get_mut().finish()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Plain(file) => file.write(bytes),
            Output::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Plain(file) => file.flush(),
            Output::Gzip(encoder) => encoder.flush(),
        }
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Output::Plain(_) => "Plain",
            Output::Gzip(_) => "Gzip",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::folder::tests::TestFolder;
    use std::fs;
    use std::path::Path;

    const SNAPSHOT: &[u8] = b"{\"snapshot\":{},\"strings\":[]}";

    fn create(file: &Path) -> Result<Sink, Error> {
        Sink::create(&Place::of(file, Encoding::Plain)?)
    }

    fn write_snapshot(file: &Path) -> Result<Written, Error> {
        let mut sink = create(file)?;
        sink.write(SNAPSHOT)?;
        sink.complete()
    }

    #[test]
    fn a_file_under_its_final_name_is_complete() {
        let folder = TestFolder::new();
        let mut sink = create(&folder.file("x.heapsnapshot")).unwrap();
        sink.write(&SNAPSHOT[..5]).unwrap();
        assert_eq!(folder.names(), ["x.heapsnapshot.part"]);
        sink.write(&SNAPSHOT[5..]).unwrap();
        let written = sink.complete().unwrap();
        assert_eq!(
            written,
            Written {
                file: folder.file("x.heapsnapshot"),
                bytes: SNAPSHOT.len() as u64,
                snapshot_bytes: SNAPSHOT.len() as u64,
            }
        );
        assert_eq!(folder.names(), ["x.heapsnapshot"]);
        assert_eq!(fs::read(written.file).unwrap(), SNAPSHOT);
    }

    #[test]
    fn a_snapshot_cut_short_leaves_no_file() {
        let folder = TestFolder::new();
        let mut sink = create(&folder.file("x.heapsnapshot")).unwrap();
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
        let folder = TestFolder::new();
        let mut sink = create(&folder.file("x.heapsnapshot")).unwrap();
        sink.write(SNAPSHOT).unwrap();
        drop(sink);
        assert!(folder.names().is_empty());
    }

    #[test]
    fn a_complete_file_outlives_its_sink() {
        let folder = TestFolder::new();
        let mut sink = create(&folder.file("x.heapsnapshot")).unwrap();
        sink.write(SNAPSHOT).unwrap();
        sink.complete().unwrap();
        sink.discard().unwrap();
        drop(sink);
        assert_eq!(folder.names(), ["x.heapsnapshot"]);
    }

    #[test]
    fn an_existing_file_is_kept() {
        let folder = TestFolder::new();
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
        let folder = TestFolder::new();
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
        let folder = TestFolder::new();
        let mut sinks = [(); 2].map(|()| create(&folder.file("x.heapsnapshot")).unwrap());
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
        let folder = TestFolder::new();
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
        let folder = TestFolder::new();
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
        let folder = TestFolder::new();
        let error = write_snapshot(&folder.file("missing/x.heapsnapshot"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("missing/x.heapsnapshot") && error.contains("create it"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_is_no_place_for_the_bytes() {
        assert!(matches!(
            create(Path::new("/")),
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
            let folder = TestFolder::new();
            let file = folder.file(std::ffi::OsStr::from_bytes(b"\xff\xfe.heapsnapshot"));
            assert_eq!(write_snapshot(&file).unwrap().file, file);
        }

        #[test]
        fn only_the_owner_may_read_a_heap() {
            let folder = TestFolder::new();
            let written = write_snapshot(&folder.file("x.heapsnapshot")).unwrap();
            assert_eq!(
                fs::metadata(written.file).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }

        #[test]
        fn a_link_planted_under_the_temporary_name_is_not_followed() {
            let folder = TestFolder::new();
            symlink(folder.file("victim"), folder.file("x.heapsnapshot.part")).unwrap();
            write_snapshot(&folder.file("x.heapsnapshot")).unwrap();
            assert_eq!(folder.names(), ["x.heapsnapshot", "x.heapsnapshot.part"]);
        }

        #[test]
        fn a_link_under_the_final_name_is_kept() {
            let folder = TestFolder::new();
            symlink(folder.file("nowhere"), folder.file("x.heapsnapshot")).unwrap();
            let written = write_snapshot(&folder.file("x.heapsnapshot")).unwrap();
            assert_eq!(written.file, folder.file("x-1.heapsnapshot"));
            assert!(!folder.file("nowhere").exists());
        }

        #[test]
        fn a_temporary_file_that_cannot_be_removed_is_named() {
            let folder = TestFolder::new();
            let mut sink = create(&folder.file("x.heapsnapshot")).unwrap();
            fs::remove_file(folder.file("x.heapsnapshot.part")).unwrap();
            fs::create_dir(folder.file("x.heapsnapshot.part")).unwrap();
            let error = sink.discard().unwrap_err().to_string();
            assert!(
                error.contains("x.heapsnapshot.part") && error.contains("by hand"),
                "{error}"
            );
        }
    }

    mod compressed {
        use super::*;
        use std::io::Read;

        #[test]
        fn a_compressed_file_holds_the_snapshot_and_is_whole() {
            let folder = TestFolder::new();
            let place = Place::of(&folder.file("x.heapsnapshot"), Encoding::Gzip).unwrap();
            let mut sink = Sink::create(&place).unwrap();
            let nodes = "1,2,3,4\n".repeat(100_000);
            let snapshot = format!("{{\"nodes\":[{nodes}],\"strings\":[]}}");
            for chunk in snapshot.as_bytes().chunks(70_000) {
                sink.write(chunk).unwrap();
            }
            let written = sink.complete().unwrap();
            assert_eq!(folder.names(), ["x.heapsnapshot.gz"]);
            assert_eq!(written.snapshot_bytes, snapshot.len() as u64);
            assert_eq!(written.bytes, fs::metadata(&written.file).unwrap().len());
            assert!(written.bytes < written.snapshot_bytes / 10);
            let mut content = String::new();
            let file = File::open(written.file).unwrap();
            flate2::read::GzDecoder::new(file)
                .read_to_string(&mut content)
                .unwrap();
            assert!(content == snapshot);
        }

        #[test]
        fn a_snapshot_cut_short_leaves_no_compressed_file_either() {
            let folder = TestFolder::new();
            let place = Place::of(&folder.file("x.heapsnapshot"), Encoding::Gzip).unwrap();
            let mut sink = Sink::create(&place).unwrap();
            sink.write(b"{\"nodes\":[").unwrap();
            assert!(matches!(sink.complete(), Err(Error::Incomplete { .. })));
            drop(sink);
            assert!(folder.names().is_empty());
        }
    }
}
