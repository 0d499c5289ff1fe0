//! Where names can only be looked up by their whole path. How much room there is is not known there.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Space;

/// A folder; see the module.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder that `path` leads to.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(path: &Path) -> io::Result<Folder> {
        let path = path.to_owned();
        match fs::metadata(&path)?.is_dir() {
            true => Ok(Folder { path }),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// The path by which it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub fn path_of(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    /// A new file.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`], or what else the operating system says.
    pub fn create(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(self.path_of(name))
    }

    /// The first `longest` bytes of a file.
    ///
    /// # Errors
    /// As for [`Folder::open_file`], or what the operating system says.
    pub fn read(&self, name: &OsStr, longest: u64) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        let file = self.open_file(name)?;
        file.take(longest).read_to_end(&mut content)?;
        Ok(content)
    }

    /// A file, to be read.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] for what is no file, or what the operating system says.
    pub fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let path = self.path_of(name);
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        File::open(path)
    }

    /// Whether there is something of that name.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn has(&self, name: &OsStr) -> io::Result<bool> {
        match fs::symlink_metadata(self.path_of(name)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The names in it, in no order.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.path)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect()
    }

    /// Removes a file.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.path_of(name))
    }

    /// Moves `from` to `to`, in place of a file of that name.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn replace(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.path_of(from), self.path_of(to))
    }

    pub(super) fn link(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::hard_link(self.path_of(from), self.path_of(to))
    }

    pub(super) fn rename_without_overwriting(&self, _: &OsStr, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// A folder cannot be opened as a file here.
    ///
    /// # Errors
    /// None.
    pub fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// Not known.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`].
    pub fn space(&self) -> io::Result<Space> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
