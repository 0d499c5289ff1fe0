//! Files that are in memory alone, for code that wants a path.

use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// A file of some bytes.
pub struct MemoryFile {
    _file: File,
    path: PathBuf,
}

impl MemoryFile {
    /// The file of these bytes.
    ///
    /// # Errors
    /// The system has no memory or no descriptors left.
    pub fn of(bytes: &[u8]) -> io::Result<MemoryFile> {
        let mut file = File::from(memfd_create("input", MemfdFlags::CLOEXEC)?);
        file.write_all(bytes)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        Ok(MemoryFile { _file: file, path })
    }

    /// Where it can be opened, as long as this lives.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
