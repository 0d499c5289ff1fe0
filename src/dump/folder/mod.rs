//! A folder that is held open, and the names in it.
//!
//! All that a dump makes, moves and removes goes through here. What becomes of the folder's path meanwhile (it is moved, or
//! a link takes its place) leads no file elsewhere: on Unix every name is looked up in the folder that was opened.

#[cfg(not(unix))]
mod elsewhere;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub use elsewhere::Folder;
#[cfg(unix)]
pub use unix::Folder;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;

/// How much more a folder takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this user may still write.
    pub free_bytes: u64,
    /// Whether its files are memory (tmpfs, ramfs), which a control group is charged for.
    pub is_memory: bool,
}

impl Folder {
    /// Moves `from` to `to`, a name that nobody has yet. Fails with [`io::ErrorKind::AlreadyExists`] if somebody has.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn move_without_overwriting(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let ways = [
            Folder::rename_without_overwriting,
            Folder::link_and_unlink,
            Folder::look_and_rename,
        ];
        let mut result = Err(io::ErrorKind::Unsupported.into());
        for way in ways {
            result = way(self, from, to);
            if !result.as_ref().is_err_and(is_unsupported) {
                break;
            }
        }
        result
    }

    /// The way of NFS, of old kernels and of sandboxes that do not know `renameat2`.
    fn link_and_unlink(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        self.link(from, to)?;
        self.remove(from)
    }

    /// The way of file systems without links, such as exFAT. A file that gets the name between the two calls is lost; the
    /// alternative is to lose the snapshot.
    fn look_and_rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        if self.has(to)? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.replace(from, to)
    }

    /// A new file under the first of `names`, which never end, that nobody has.
    ///
    /// # Errors
    /// What the operating system says, and the name it says it of.
    pub fn create_first(
        &self,
        mut names: impl Iterator<Item = OsString>,
    ) -> Result<(OsString, File), (OsString, io::Error)> {
        loop {
            let name = names.next().unwrap_or_default();
            match self.create(&name) {
                Ok(file) => return Ok((name, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err((name, error)),
            }
        }
    }
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

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A folder of its own for each test, gone with it.
    pub struct TestFolder(PathBuf);

    impl TestFolder {
        pub fn new() -> TestFolder {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!(
                "node-oom-heapdump-test-{}-{number}",
                std::process::id()
            ));
            fs::create_dir(&path).unwrap();
            TestFolder(path)
        }

        pub fn path(&self) -> &Path {
            &self.0
        }

        pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
            self.0.join(name)
        }

        pub fn open(&self) -> Folder {
            Folder::open(&self.0).unwrap()
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

    impl Drop for TestFolder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    type Move = fn(&Folder, &OsStr, &OsStr) -> io::Result<()>;
    const EVERY_WAY: [Move; 3] = [
        Folder::move_without_overwriting,
        Folder::link_and_unlink,
        Folder::look_and_rename,
    ];

    fn name(name: &str) -> &OsStr {
        OsStr::new(name)
    }

    #[test]
    fn a_file_gets_a_free_name() {
        for way in EVERY_WAY {
            let folder = TestFolder::new();
            fs::write(folder.file("from"), "content").unwrap();
            way(&folder.open(), name("from"), name("to")).unwrap();
            assert_eq!(folder.names(), ["to"]);
            assert_eq!(fs::read_to_string(folder.file("to")).unwrap(), "content");
        }
    }

    #[test]
    fn a_taken_name_stays_with_its_owner() {
        for way in EVERY_WAY {
            let folder = TestFolder::new();
            fs::write(folder.file("from"), "new").unwrap();
            fs::write(folder.file("to"), "old").unwrap();
            let error = way(&folder.open(), name("from"), name("to")).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(folder.file("to")).unwrap(), "old");
            assert_eq!(fs::read_to_string(folder.file("from")).unwrap(), "new");
        }
    }

    #[test]
    fn a_new_file_takes_the_first_free_name() {
        let folder = TestFolder::new();
        fs::write(folder.file("a"), "").unwrap();
        let names = ["a", "b"].map(OsString::from);
        let (taken, _) = folder.open().create_first(names.into_iter()).unwrap();
        assert_eq!(taken, "b");
    }

    #[cfg(unix)]
    mod on_unix {
        use super::*;
        use std::os::unix::fs::symlink;

        #[test]
        fn a_folder_that_is_replaced_by_a_link_leads_no_file_elsewhere() {
            let (folder, elsewhere) = (TestFolder::new(), TestFolder::new());
            fs::create_dir(folder.file("chosen")).unwrap();
            let chosen = Folder::open(&folder.file("chosen")).unwrap();
            fs::rename(folder.file("chosen"), folder.file("moved")).unwrap();
            symlink(elsewhere.path(), folder.file("chosen")).unwrap();

            chosen.create(name("x")).unwrap();
            chosen
                .move_without_overwriting(name("x"), name("y"))
                .unwrap();

            assert!(elsewhere.names().is_empty());
            assert!(folder.file("moved/y").exists());
            fs::write(elsewhere.file("y"), "a stranger's").unwrap();
            assert!(chosen.read(name("y"), 100).unwrap().is_empty());
        }

        #[test]
        fn a_folder_that_is_removed_takes_no_file() {
            let folder = TestFolder::new();
            fs::create_dir(folder.file("chosen")).unwrap();
            let chosen = Folder::open(&folder.file("chosen")).unwrap();
            fs::remove_dir(folder.file("chosen")).unwrap();
            let error = chosen.create(name("x")).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
        }

        #[test]
        fn a_link_is_never_read() {
            let folder = TestFolder::new();
            fs::write(folder.file("secret"), "s").unwrap();
            symlink(folder.file("secret"), folder.file("link")).unwrap();
            assert!(folder.open().read(name("link"), 100).is_err());
        }

        #[test]
        fn a_disk_has_room_and_is_no_memory() {
            let space = Folder::open(Path::new("/")).unwrap().space().unwrap();
            assert!(space.free_bytes > 0 && !space.is_memory);
            let space = Folder::open(Path::new("/dev/shm")).unwrap().space();
            assert!(space.unwrap().is_memory);
        }
    }
}
