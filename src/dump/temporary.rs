//! A file that is being written: under a name of its own, until it is whole.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;

use super::folder::Folder;
use super::interruption::Doom;
use super::place::{Place, Step};
use super::{Error, name};

/// A `.part`, beside the place where the whole file shall be. Dropped before that, it is removed.
#[derive(Debug)]
pub struct TemporaryFile {
    folder: Rc<Folder>,
    name: OsString,
    /// Absent when the file is there no more.
    doom: Option<Doom>,
}

impl TemporaryFile {
    /// A new empty file at `place`, for one that shall be called `wanted`.
    ///
    /// # Errors
    /// [`Error::Create`].
    pub fn create(place: &Place, wanted: &OsStr) -> Result<(TemporaryFile, File), Error> {
        let folder = &place.folder;
        // A name that is taken is of another helper at work, or left by one that was killed: either way not ours.
        match folder.create_first(name::temporary_names(wanted)) {
            Ok((name, file)) => {
                let doom = Some(Doom::new(folder, &name));
                let folder = Rc::clone(folder);
                place.tell(Step::Writing(&folder.path_of(&name)));
                Ok((TemporaryFile { folder, name, doom }, file))
            }
            Err((name, source)) => Err(Error::Create {
                file: folder.path_of(&name),
                source,
            }),
        }
    }

    /// Where it is, for people.
    pub fn path(&self) -> PathBuf {
        self.folder.path_of(&self.name)
    }

    /// Gives it the name `name`. Returns whether it has it: `false` is that somebody else has.
    ///
    /// # Errors
    /// [`Error::Move`]; the file is still there then.
    pub fn move_to(&mut self, name: &OsStr) -> Result<bool, Error> {
        match self.folder.move_without_overwriting(&self.name, name) {
            Ok(()) => {
                self.doom = None;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(source) => Err(self.move_error(name, source)),
        }
    }

    /// Puts it in the place of the file `name`.
    ///
    /// # Errors
    /// [`Error::Move`]; both files are still there then.
    pub fn replace(&mut self, name: &OsStr) -> Result<(), Error> {
        let replaced = self.folder.replace(&self.name, name);
        replaced.map_err(|source| self.move_error(name, source))?;
        self.doom = None;
        Ok(())
    }

    /// Removes it, if it is still there.
    ///
    /// # Errors
    /// [`Error::Remove`], which names it.
    pub fn remove(&mut self) -> Result<(), Error> {
        if self.doom.take().is_none() {
            return Ok(());
        }
        match self.folder.remove(&self.name) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Remove {
                file: self.path(),
                source,
            }),
            _ => Ok(()),
        }
    }

    fn move_error(&self, name: &OsStr, source: io::Error) -> Error {
        Error::Move {
            file: self.folder.path_of(name),
            source,
        }
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // Whoever wants to hear that the file could not be removed calls `remove` before.
        let _ = self.remove();
    }
}
