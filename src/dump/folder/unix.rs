//! The folder's descriptor, and every name looked up in it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::Space;

/// A folder that is held open; see the module.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    descriptor: OwnedFd,
}

impl Folder {
    /// Opens the folder that `path` leads to now.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(path: &Path) -> io::Result<Folder> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Folder {
            path: path.to_owned(),
            descriptor: rustix::fs::open(path, flags, Mode::empty())?,
        })
    }

    /// The path by which it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it, for people.
    pub fn path_of(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    /// A new file that only this user may read: a heap holds secrets. A link under that name is not followed.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`], or what else the operating system says.
    pub fn create(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(rustix::fs::openat(&self.descriptor, name, flags, mode)?.into())
    }

    /// The first `longest` bytes of a file: see [`Folder::open_file`].
    ///
    /// # Errors
    /// As for [`Folder::open_file`], or what the operating system says.
    pub fn read(&self, name: &OsStr, longest: u64) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        let file = self.open_file(name)?;
        file.take(longest).read_to_end(&mut content)?;
        Ok(content)
    }

    /// A file that belongs to this user, to be read. What others have put there is not believed, and links and pipes are not
    /// followed or waited for.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] for what is no such file, or what the operating system says.
    pub fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File = rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())?.into();
        let status = rustix::fs::fstat(&file)?;
        let is_file = FileType::from_raw_mode(status.st_mode) == FileType::RegularFile;
        if !is_file || status.st_uid != rustix::process::geteuid().as_raw() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(file)
    }

    /// Whether there is something of that name, a dangling link included.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn has(&self, name: &OsStr) -> io::Result<bool> {
        match rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The names in it, in no order.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let names = Dir::read_from(&self.descriptor)?.map(|entry| {
            entry.map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned())
        });
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(
            &self.descriptor,
            name,
            AtFlags::empty(),
        )?)
    }

    /// Moves `from` to `to`, in place of a file of that name.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn replace(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let folder = &self.descriptor;
        Ok(rustix::fs::renameat(folder, from, folder, to)?)
    }

    pub(super) fn link(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let folder = &self.descriptor;
        Ok(rustix::fs::linkat(
            folder,
            from,
            folder,
            to,
            AtFlags::empty(),
        )?)
    }

    #[cfg(target_os = "linux")]
    pub(super) fn rename_without_overwriting(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let (folder, flags) = (&self.descriptor, rustix::fs::RenameFlags::NOREPLACE);
        Ok(rustix::fs::renameat_with(folder, from, folder, to, flags)?)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn rename_without_overwriting(&self, _: &OsStr, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Brings its entries to the disk, so that a new file survives a power cut.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.descriptor)?)
    }

    /// How much more it takes.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn space(&self) -> io::Result<Space> {
        let space = rustix::fs::fstatvfs(&self.descriptor)?;
        // sysfs, and tmpfs without a size, count no blocks; what they refuse shows when a file is made there.
        let is_counted = space.f_blocks > 0;
        Ok(Space {
            free_bytes: if is_counted {
                space.f_bavail.saturating_mul(space.f_frsize)
            } else {
                u64::MAX
            },
            is_memory: self.is_memory()?,
        })
    }

    #[cfg(target_os = "linux")]
    fn is_memory(&self) -> io::Result<bool> {
        // TMPFS_MAGIC and RAMFS_MAGIC of linux/magic.h.
        const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
        let kind = rustix::fs::fstatfs(&self.descriptor)?.f_type;
        // The field's type differs between architectures and C libraries; the numbers are of 32 bits.
        Ok(IN_MEMORY.contains(&u64::from(kind as u32)))
    }

    #[cfg(not(target_os = "linux"))]
    fn is_memory(&self) -> io::Result<bool> {
        Ok(false)
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
