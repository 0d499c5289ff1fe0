//! Moving a file to a name that nobody has yet.

use std::fs;
use std::io;
use std::path::Path;

/// Moves `from` to `to` in the same folder. Fails with [`io::ErrorKind::AlreadyExists`] if there is a `to`.
pub fn move_without_overwriting(from: &Path, to: &Path) -> io::Result<()> {
    let ways = [rename_without_overwriting, link_and_unlink, look_and_rename];
    let mut result = Err(io::ErrorKind::Unsupported.into());
    for way in ways {
        result = way(from, to);
        if !result.as_ref().is_err_and(is_unsupported) {
            break;
        }
    }
    result
}

/// The way of NFS, of old kernels and of sandboxes that do not know `renameat2`.
fn link_and_unlink(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

/// The way of file systems without links, such as exFAT. A file that gets the name between the two calls is lost; the
/// alternative is to lose the snapshot.
fn look_and_rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(from, to),
        Err(error) => Err(error),
    }
}

#[cfg(target_os = "linux")]
fn rename_without_overwriting(from: &Path, to: &Path) -> io::Result<()> {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;

    let from = CString::new(from.as_os_str().as_bytes())?;
    let to = CString::new(to.as_os_str().as_bytes())?;
    // SAFETY: both are NUL-terminated and outlive the call. The C library's own wrapper is missing in older ones.
    let result = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::RENAME_NOREPLACE,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(not(target_os = "linux"))]
fn rename_without_overwriting(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
        || matches!(
            error.raw_os_error(),
            Some(libc::EINVAL | libc::ENOSYS | libc::EPERM)
        )
}

#[cfg(not(unix))]
fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

/// Brings the folder's new entry to the disk, so that the file survives a power cut.
#[cfg(unix)]
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Windows cannot open a folder as a file.
#[cfg(not(unix))]
pub fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::sink::tests::Folder;

    type Move = fn(&Path, &Path) -> io::Result<()>;
    const EVERY_WAY: [Move; 3] = [move_without_overwriting, link_and_unlink, look_and_rename];

    #[test]
    fn a_file_gets_a_free_name() {
        for way in EVERY_WAY {
            let folder = Folder::new();
            fs::write(folder.file("from"), "content").unwrap();
            way(&folder.file("from"), &folder.file("to")).unwrap();
            assert_eq!(folder.names(), ["to"]);
            assert_eq!(fs::read_to_string(folder.file("to")).unwrap(), "content");
        }
    }

    #[test]
    fn a_taken_name_stays_with_its_owner() {
        for way in EVERY_WAY {
            let folder = Folder::new();
            fs::write(folder.file("from"), "new").unwrap();
            fs::write(folder.file("to"), "old").unwrap();
            let error = way(&folder.file("from"), &folder.file("to")).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(folder.file("to")).unwrap(), "old");
            assert_eq!(fs::read_to_string(folder.file("from")).unwrap(), "new");
        }
    }
}
