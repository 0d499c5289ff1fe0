//! Where the files of one dump go: the folder, and what they are called in it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::folder::Folder;
use super::name::Name;
use super::{Encoding, Error};

/// What becomes of a file, told so that somebody knows of it should this process be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// There is a temporary file from now on.
    Writing(&'a Path),
    /// The temporary file that was told of last is complete, and about to get this name.
    Naming(&'a Path),
    /// The temporary file that was told of last is the summary that says so, and takes this one's place right behind.
    Concluding(&'a Path),
}

/// Hears of each step.
pub type Witness = Rc<dyn Fn(Step<'_>)>;

/// The place of one dump.
#[derive(Clone)]
pub struct Place {
    /// Where all its files are.
    pub folder: Rc<Folder>,
    /// What the snapshot's file holds.
    pub encoding: Encoding,
    witness: Witness,
    name: Name,
    /// Tells dumps of one name apart.
    number: u64,
}

impl Place {
    /// The place of a snapshot that shall be called `file`, an absolute path.
    ///
    /// # Errors
    /// [`Error::NoFileName`], [`Error::Folder`].
    pub fn of(file: &Path, encoding: Encoding) -> Result<Place, Error> {
        let name = Name::of(file, encoding == Encoding::Gzip);
        let (Some(name), Some(folder)) = (name, file.parent()) else {
            return Err(Error::NoFileName {
                file: file.to_owned(),
            });
        };
        let opened = Folder::open(folder).map_err(|source| Error::Folder {
            file: file.to_owned(),
            source,
        })?;
        Ok(Place {
            folder: Rc::new(opened),
            encoding,
            witness: Rc::new(|_| {}),
            name,
            number: 0,
        })
    }

    /// The same place, of whose files `witness` hears.
    pub fn witnessed_by(self, witness: Witness) -> Place {
        Place { witness, ..self }
    }

    /// Tells the witness.
    pub fn tell(&self, step: Step<'_>) {
        (self.witness)(step);
    }

    /// What the snapshot shall be called.
    pub fn snapshot(&self) -> OsString {
        self.name.snapshot(self.number)
    }

    /// What the summary is called.
    pub fn summary(&self) -> OsString {
        self.name.summary(self.number)
    }

    /// What the file of the suspects is called.
    pub fn suspects(&self) -> OsString {
        self.name.suspects(self.number)
    }

    /// What a summary is called that waits for its place: another name than that of one which is being written, so that it is
    /// whole whenever it is there and was told of.
    pub fn conclusion(&self) -> OsString {
        self.name.conclusion(self.number)
    }

    /// Goes on to the next number under which there are no snapshot and no suspects. A file that cannot be looked up counts as
    /// absent: it is taken, or not, when it is needed.
    pub fn skip_taken_snapshots(&mut self) {
        let has = |name: OsString| self.folder.has(&name).unwrap_or(false);
        while has(self.snapshot()) || has(self.suspects()) {
            self.number += 1;
        }
    }

    /// Goes on to the next number.
    pub fn skip(&mut self) {
        self.number += 1;
    }

    /// Brings the names of files to the disk. They are complete and visible; a file system that cannot do that is no reason to
    /// call them lost.
    pub fn sync(&self) {
        let _ = self.folder.sync();
    }

    /// The path of a file in the folder, for people.
    pub fn path_of(&self, name: &OsStr) -> PathBuf {
        self.folder.path_of(name)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Place")
            .field("folder", &self.folder)
            .field("snapshot", &self.snapshot())
            .finish_non_exhaustive()
    }
}
