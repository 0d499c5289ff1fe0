//! `<name>.summary.json`: what is known of a dump, written before the snapshot and anew after each stage.
//!
//! Each state of the file is whole: it is written under a temporary name and takes the place of the one before.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Error;
use super::folder::Folder;
use super::hook::HookResult;
use super::place::{Place, Step};
use super::temporary::TemporaryFile;
use super::write_back::WriteBack;
use crate::summary::{DumpMetadata, HeapSummary};

/// A summary is a few KB.
const LONGEST: u64 = 1 << 20;

/// What the file holds. Sizes in bytes, durations in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Which program was dumped; dumps of one program have the same.
    pub program: String,
    /// Who was dumped, why, and how things stood.
    pub dump: DumpMetadata,
    /// What the heap holds, as soon as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heap: Option<HeapSummary>,
    /// When that was known: milliseconds from the start of the helper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heap_after_ms: Option<u64>,
    /// What became of the snapshot.
    pub snapshot: Snapshot,
    /// The name of the file that tells what leaked, in the folder of the summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspects: Option<FileName>,
    /// How the option `exec` went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<HookResult>,
}

/// What became of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "state",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum Snapshot {
    /// It is being written, or whoever wrote it was killed.
    Begun,
    /// It is whole.
    Complete {
        /// Its name in the folder of the summary.
        file: FileName,
        /// The file's size.
        bytes: u64,
        /// Its size uncompressed.
        snapshot_bytes: u64,
        /// From the start of the helper.
        duration_ms: u64,
    },
    /// There is none.
    Failed {
        /// Why, and what to do.
        reason: String,
        /// From the start of the helper.
        duration_ms: u64,
    },
}

/// The name of a file: text, or where it is none, bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FileName {
    /// UTF-8.
    Text(String),
    /// Anything but UTF-8.
    Bytes(Vec<u8>),
}

impl Summary {
    /// The summary in the file `name`, if it is one and belongs to this user.
    pub fn read(folder: &Folder, name: &OsStr) -> Option<Summary> {
        let content = folder.read(name, LONGEST).ok()?;
        serde_json::from_slice(&content).ok()
    }

    /// Whether `other` is of one and the same dump, which then came to nothing when it was tried before.
    fn is_tried_before_in(&self, other: &Summary) -> bool {
        let is_known = self.dump.time_ms > 0;
        let has_snapshot = matches!(other.snapshot, Snapshot::Complete { .. });
        is_known && !has_snapshot && self.program == other.program && self.dump == other.dump
    }
}

impl FileName {
    /// The name as the summary has it.
    pub fn of(name: &OsStr) -> FileName {
        match name.to_str() {
            Some(text) => FileName::Text(text.to_owned()),
            None => FileName::Bytes(name.as_encoded_bytes().to_owned()),
        }
    }

    /// The name of a file in one and the same folder; `None` for what could lead elsewhere.
    pub fn in_folder(&self) -> Option<OsString> {
        let name = match self {
            FileName::Text(text) => OsString::from(text),
            FileName::Bytes(bytes) => from_bytes(bytes)?,
        };
        let mut parts = std::path::Path::new(&name).components();
        let is_one_name = matches!(
            (parts.next(), parts.next()),
            (Some(std::path::Component::Normal(part)), None) if part == name
        );
        is_one_name.then_some(name)
    }
}

#[cfg(unix)]
fn from_bytes(bytes: &[u8]) -> Option<OsString> {
    use std::os::unix::ffi::OsStrExt;
    Some(OsStr::from_bytes(bytes).to_owned())
}

#[cfg(not(unix))]
fn from_bytes(_: &[u8]) -> Option<OsString> {
    None
}

/// The file, and what it is to hold.
#[derive(Debug)]
pub struct SummaryFile {
    place: Place,
    /// What [`SummaryFile::save`] writes.
    pub content: Summary,
}

impl SummaryFile {
    /// Writes `content` at `place`, whose number then is one that neither another summary nor a snapshot has. The summary of
    /// the same dump from another source, which failed, gives up its number and what it knew of the heap.
    ///
    /// # Errors
    /// [`Error::Create`], [`Error::Write`], [`Error::Move`].
    pub fn create(place: &mut Place, mut content: Summary) -> Result<SummaryFile, Error> {
        let mut temporary = write(place, &place.summary(), &content)?;
        place.skip_taken_snapshots();
        while !temporary.move_to(&place.summary())? {
            let there = Summary::read(&place.folder, &place.summary());
            if let Some(earlier) = there.filter(|there| content.is_tried_before_in(there)) {
                content.heap = content.heap.or(earlier.heap);
                content.heap_after_ms = content.heap_after_ms.or(earlier.heap_after_ms);
                let file = SummaryFile::at(place, content);
                file.save()?;
                return Ok(file);
            }
            place.skip();
            place.skip_taken_snapshots();
        }
        Ok(SummaryFile::at(place, content))
    }

    fn at(place: &Place, content: Summary) -> SummaryFile {
        SummaryFile {
            place: place.clone(),
            content,
        }
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.place.path_of(&self.place.summary())
    }

    /// Writes the content anew. What was there stays until all of it is written.
    ///
    /// # Errors
    /// [`Error::Create`], [`Error::Write`], [`Error::Move`].
    pub fn save(&self) -> Result<(), Error> {
        let name = self.place.summary();
        write(&self.place, &name, &self.content)?.replace(&name)
    }

    /// Writes the content anew, to take the place of what is there as soon as another file has its name: nothing that takes time
    /// lies between the two, and should this process be killed there, its witness can conclude.
    ///
    /// # Errors
    /// [`Error::Create`], [`Error::Write`].
    pub fn prepare(&self) -> Result<Conclusion, Error> {
        let temporary = write(&self.place, &self.place.conclusion(), &self.content)?;
        let name = self.place.summary();
        self.place
            .tell(Step::Concluding(&self.place.path_of(&name)));
        Ok(Conclusion { temporary, name })
    }
}

/// A summary that waits for another file's name. Dropped before, it is removed.
#[derive(Debug)]
pub struct Conclusion {
    temporary: TemporaryFile,
    name: OsString,
}

impl Conclusion {
    /// Takes the place of the summary before.
    ///
    /// # Errors
    /// [`Error::Move`].
    pub fn take_place(mut self) -> Result<(), Error> {
        self.temporary.replace(&self.name)
    }
}

fn write(place: &Place, name: &OsStr, content: &Summary) -> Result<TemporaryFile, Error> {
    let (temporary, file) = TemporaryFile::create(place, name)?;
    let mut file = WriteBack::new(file);
    let written = serde_json::to_vec_pretty(content)
        .map_err(Into::into)
        .and_then(|json| file.write_all(&json))
        .and_then(|()| file.finish());
    match written {
        Ok(_) => Ok(temporary),
        Err(source) => Err(Error::Write {
            file: temporary.path(),
            source,
        }),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::dump::Encoding;
    use crate::dump::folder::tests::TestFolder;
    use std::fs;

    /// A summary of a dump of `program` at a time.
    pub fn summary(program: &str, time_ms: u64, snapshot: Snapshot) -> Summary {
        Summary {
            program: program.to_owned(),
            dump: DumpMetadata {
                time_ms,
                ..DumpMetadata::default()
            },
            heap: None,
            heap_after_ms: None,
            snapshot,
            suspects: None,
            exec: None,
        }
    }

    fn place(folder: &TestFolder) -> Place {
        Place::of(&folder.file("x.heapsnapshot"), Encoding::Plain).unwrap()
    }

    fn read(folder: &TestFolder, name: &str) -> Summary {
        serde_json::from_slice(&fs::read(folder.file(name)).unwrap()).unwrap()
    }

    #[test]
    fn a_summary_reads_as_it_was_written() {
        let folder = TestFolder::new();
        let content = summary("/srv/a.js", 7, Snapshot::Begun);
        SummaryFile::create(&mut place(&folder), content.clone()).unwrap();
        assert_eq!(folder.names(), ["x.summary.json"]);
        assert_eq!(read(&folder, "x.summary.json"), content);
    }

    #[test]
    fn a_later_stage_takes_the_place_of_the_one_before() {
        let folder = TestFolder::new();
        let mut file =
            SummaryFile::create(&mut place(&folder), summary("a", 7, Snapshot::Begun)).unwrap();
        file.content.snapshot = Snapshot::Complete {
            file: FileName::of("x.heapsnapshot".as_ref()),
            bytes: 1,
            snapshot_bytes: 2,
            duration_ms: 3,
        };
        file.save().unwrap();
        assert_eq!(folder.names(), ["x.summary.json"]);
        assert_eq!(read(&folder, "x.summary.json"), file.content);
    }

    #[test]
    fn summary_and_snapshot_share_a_number_that_neither_has_yet() {
        let folder = TestFolder::new();
        fs::write(folder.file("x.heapsnapshot"), "of a dump").unwrap();
        fs::write(folder.file("x-1.summary.json"), "of another").unwrap();
        let mut place = place(&folder);
        SummaryFile::create(&mut place, summary("a", 7, Snapshot::Begun)).unwrap();
        assert_eq!(place.summary(), "x-2.summary.json");
        assert_eq!(place.snapshot(), "x-2.heapsnapshot");
    }

    fn failed() -> Snapshot {
        Snapshot::Failed {
            reason: "the frozen child was killed".to_owned(),
            duration_ms: 1,
        }
    }

    #[test]
    fn a_dump_that_is_tried_again_keeps_its_name_and_what_is_known_of_the_heap() {
        let folder = TestFolder::new();
        let mut first = summary("a", 7, failed());
        first.heap = Some(HeapSummary {
            nodes: 3,
            ..HeapSummary::default()
        });
        SummaryFile::create(&mut place(&folder), first.clone()).unwrap();
        let mut place = place(&folder);
        let second = summary("a", 7, Snapshot::Begun);
        let file = SummaryFile::create(&mut place, second).unwrap();
        assert_eq!(place.snapshot(), "x.heapsnapshot");
        assert_eq!(folder.names(), ["x.summary.json"]);
        assert_eq!(read(&folder, "x.summary.json"), file.content);
        assert_eq!(file.content.heap, first.heap);
        assert_eq!(file.content.snapshot, Snapshot::Begun);
    }

    #[test]
    fn the_summary_of_another_dump_is_never_written_over() {
        let complete = Snapshot::Complete {
            file: FileName::of("x.heapsnapshot".as_ref()),
            bytes: 1,
            snapshot_bytes: 2,
            duration_ms: 3,
        };
        let unknown_time = summary("a", 0, failed());
        let others = [
            (summary("a", 7, complete), 7),
            (summary("a", 8, failed()), 7),
            (summary("b", 7, failed()), 7),
            (unknown_time, 0),
        ];
        for (other, time_ms) in others {
            let folder = TestFolder::new();
            SummaryFile::create(&mut place(&folder), other.clone()).unwrap();
            let mut place = place(&folder);
            SummaryFile::create(&mut place, summary("a", time_ms, Snapshot::Begun)).unwrap();
            assert_eq!(place.summary(), "x-1.summary.json");
            assert_eq!(read(&folder, "x.summary.json"), other);
        }
    }

    #[test]
    fn the_name_of_a_snapshot_cannot_lead_out_of_the_folder() {
        for name in ["", "/etc/passwd", "../x", "a/b", ".", "..", "a/", "./a"] {
            assert_eq!(FileName::of(name.as_ref()).in_folder(), None, "{name}");
        }
        for name in ["x.heapsnapshot", "..x", " ", "100%\n"] {
            let found = FileName::of(name.as_ref()).in_folder();
            assert_eq!(found.as_deref(), Some(OsStr::new(name)));
        }
    }

    #[cfg(unix)]
    mod on_unix {
        use super::*;
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::symlink;

        #[test]
        fn the_name_of_a_snapshot_need_not_be_utf_8() {
            let name = OsStr::from_bytes(b"\xff.heapsnapshot");
            let json = serde_json::to_string(&FileName::of(name)).unwrap();
            let read: FileName = serde_json::from_str(&json).unwrap();
            assert_eq!(read.in_folder().as_deref(), Some(name));
        }

        #[test]
        fn a_link_planted_under_the_name_of_a_summary_is_not_followed() {
            let folder = TestFolder::new();
            fs::write(folder.file("victim"), "precious").unwrap();
            symlink(folder.file("victim"), folder.file("x.summary.json")).unwrap();
            let mut place = place(&folder);
            let file = SummaryFile::create(&mut place, summary("a", 7, Snapshot::Begun)).unwrap();
            assert_eq!(file.path(), folder.file("x-1.summary.json"));

            fs::remove_file(file.path()).unwrap();
            symlink(folder.file("victim"), file.path()).unwrap();
            file.save().unwrap();
            assert_eq!(fs::read(folder.file("victim")).unwrap(), b"precious");
            assert!(fs::symlink_metadata(file.path()).unwrap().is_file());
        }
    }
}
