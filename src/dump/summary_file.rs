//! `<name>.summary.json`: what is known of a dump, written before the snapshot and anew after each stage.
//!
//! Each state of the file is whole: it is written under a temporary name and takes the place of the one before.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::Error;
use super::folder::Folder;
use super::hook::HookResult;
use super::place::Place;
use super::temporary::TemporaryFile;
use super::write_back::WriteBack;
use crate::summary::{DumpMetadata, HeapSummary};

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
    /// What became of the snapshot.
    pub snapshot: Snapshot,
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
    folder: Rc<Folder>,
    name: OsString,
    /// What [`SummaryFile::save`] writes.
    pub content: Summary,
}

impl SummaryFile {
    /// Writes `content` at `place`, whose number then is one that neither another summary nor a snapshot has.
    ///
    /// # Errors
    /// [`Error::Create`], [`Error::Write`], [`Error::Move`].
    pub fn create(place: &mut Place, content: Summary) -> Result<SummaryFile, Error> {
        let mut temporary = write(&place.folder, &place.summary(), &content)?;
        place.skip_taken_snapshots();
        while !temporary.move_to(&place.summary())? {
            place.skip();
            place.skip_taken_snapshots();
        }
        Ok(SummaryFile {
            folder: Rc::clone(&place.folder),
            name: place.summary(),
            content,
        })
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path_of(&self.name)
    }

    /// Writes the content anew. What was there stays until all of it is written.
    ///
    /// # Errors
    /// [`Error::Create`], [`Error::Write`], [`Error::Move`].
    pub fn save(&self) -> Result<(), Error> {
        write(&self.folder, &self.name, &self.content)?.replace(&self.name)
    }
}

fn write(folder: &Rc<Folder>, name: &OsStr, content: &Summary) -> Result<TemporaryFile, Error> {
    let (temporary, file) = TemporaryFile::create(folder, name)?;
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
