//! A file whose bytes go to the disk while it is written, and out of memory.
//!
//! A snapshot is larger than the heap, and the pages of a file that was written count against the control group until they
//! are on the disk. Nobody reads the file soon, so they are dropped as well.

use std::fs::File;
use std::io::{self, Write};

use super::relay::Relay;

/// One request to the disk. Large enough that a spinning disk is not slowed down.
const WINDOW_BYTES: u64 = 8 << 20;

/// How much may wait for the disk before the writer does.
const WINDOWS_UNDER_WAY: u64 = 4;

/// See the module.
#[derive(Debug)]
pub struct WriteBack {
    file: File,
    written: u64,
}

impl WriteBack {
    /// Writes to `file`, which is empty.
    pub fn new(file: File) -> WriteBack {
        WriteBack { file, written: 0 }
    }

    /// Returns the file's size when all of it is on the disk.
    ///
    /// # Errors
    /// The disk's, which may come this late.
    pub fn finish(&mut self) -> io::Result<u64> {
        self.file.sync_all()?;
        drop_pages(&self.file, 0, self.written);
        Ok(self.written)
    }

    /// Writes what is in `relay`, without a copy of it where the file takes pages.
    ///
    /// # Errors
    /// As for [`Write::write`].
    pub fn pass(&mut self, relay: &mut Relay) -> io::Result<()> {
        while relay.held() > 0 {
            match relay.give(&self.file) {
                Ok(count) => self.advance(count),
                Err(_) => return self.write_all(&relay.drain()?),
            }
        }
        Ok(())
    }

    /// Takes note that `count` bytes more were written.
    fn advance(&mut self, count: usize) {
        let window = self.written / WINDOW_BYTES;
        self.written += count as u64;
        for begun in window + 1..=self.written / WINDOW_BYTES {
            self.begin_window(begun);
        }
    }

    fn begin_window(&self, window: u64) {
        if let Some(ended) = window.checked_sub(1) {
            start_writing(&self.file, ended * WINDOW_BYTES);
        }
        if let Some(oldest) = window.checked_sub(WINDOWS_UNDER_WAY) {
            finish_writing(&self.file, oldest * WINDOW_BYTES);
            drop_pages(&self.file, oldest * WINDOW_BYTES, WINDOW_BYTES);
        }
    }
}

impl Write for WriteBack {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.advance(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(target_os = "linux")]
fn start_writing(file: &File, window: u64) {
    sync_range(file, window, libc::SYNC_FILE_RANGE_WRITE);
}

/// An error of the disk is told again by the last `fsync`.
#[cfg(target_os = "linux")]
fn finish_writing(file: &File, window: u64) {
    let wait = libc::SYNC_FILE_RANGE_WAIT_BEFORE
        | libc::SYNC_FILE_RANGE_WRITE
        | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    sync_range(file, window, wait);
}

#[cfg(target_os = "linux")]
fn sync_range(file: &File, window: u64, flags: libc::c_uint) {
    use std::os::fd::AsRawFd;
    // SAFETY: works on an open descriptor and touches no memory of ours. Refused, the kernel writes when it likes.
    unsafe {
        libc::sync_file_range(
            file.as_raw_fd(),
            window as libc::off64_t,
            WINDOW_BYTES as libc::off64_t,
            flags,
        );
    }
}

#[cfg(target_os = "linux")]
fn drop_pages(file: &File, offset: u64, length: u64) {
    let length = std::num::NonZeroU64::new(length);
    // A file system that cannot do it keeps the pages, which the kernel takes back when it needs memory.
    let _ = rustix::fs::fadvise(file, offset, length, rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn start_writing(_: &File, _: u64) {}

#[cfg(not(target_os = "linux"))]
fn finish_writing(_: &File, _: u64) {}

#[cfg(not(target_os = "linux"))]
fn drop_pages(_: &File, _: u64, _: u64) {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::folder::tests::TestFolder;

    fn written(folder: &TestFolder, windows: u64) -> WriteBack {
        let mut output = WriteBack::new(File::create(folder.file("x")).unwrap());
        for number in 0..windows * 2 + 1 {
            let half = vec![number as u8; (WINDOW_BYTES / 2) as usize];
            output.write_all(&half).unwrap();
        }
        output
    }

    #[test]
    fn what_was_written_is_there() {
        let folder = TestFolder::new();
        written(&folder, WINDOWS_UNDER_WAY + 1).finish().unwrap();
        let content = std::fs::read(folder.file("x")).unwrap();
        let windows = content.chunks(WINDOW_BYTES as usize / 2);
        for (number, half) in windows.enumerate() {
            assert!(half.iter().all(|byte| usize::from(*byte) == number));
        }
    }

    #[cfg(target_os = "linux")]
    mod from_a_relay {
        use super::*;
        use std::fs::OpenOptions;

        const BYTES: &[u8] = b"1,2,3,4\n";

        fn relay_of_bytes() -> Relay {
            let (pipe, mut writer) = io::pipe().unwrap();
            writer.write_all(BYTES).unwrap();
            let pipe = File::from(std::os::fd::OwnedFd::from(pipe));
            let mut relay = Relay::new().unwrap();
            relay.fill(&pipe, BYTES.len()).unwrap();
            assert_eq!(relay.held(), BYTES.len());
            relay
        }

        fn pass(file: File) -> io::Result<u64> {
            let mut output = WriteBack::new(file);
            output.pass(&mut relay_of_bytes())?;
            output.finish()
        }

        #[test]
        fn what_was_passed_is_there() {
            let folder = TestFolder::new();
            let written = pass(File::create(folder.file("x")).unwrap()).unwrap();
            assert_eq!(written, BYTES.len() as u64);
            assert_eq!(std::fs::read(folder.file("x")).unwrap(), BYTES);
        }

        #[test]
        fn a_file_that_takes_no_pages_gets_a_copy() {
            let folder = TestFolder::new();
            let mut options = OpenOptions::new();
            let file = options.append(true).create(true).open(folder.file("x"));
            let file = file.unwrap();
            assert!(relay_of_bytes().give(&file).is_err());
            pass(file).unwrap();
            assert_eq!(std::fs::read(folder.file("x")).unwrap(), BYTES);
        }

        #[test]
        fn a_full_disk_is_told() {
            let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
            let error = pass(full).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
    }

    /// Asks `mincore` how many bytes of the file are in memory.
    #[cfg(target_os = "linux")]
    fn bytes_in_memory(file: &File) -> u64 {
        use std::os::fd::AsRawFd;
        let length = file.metadata().unwrap().len() as usize;
        let mut pages = vec![0_u8; length.div_ceil(4096)];
        // SAFETY: maps the file, asks about the mapping and unmaps it; `pages` has a byte for each page.
        unsafe {
            let mapping = libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            );
            assert_ne!(mapping, libc::MAP_FAILED);
            assert_eq!(libc::mincore(mapping, length, pages.as_mut_ptr()), 0);
            libc::munmap(mapping, length);
        }
        pages.iter().filter(|page| *page & 1 == 1).count() as u64 * 4096
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_on_a_disk_does_not_stay_in_memory() {
        let folder = TestFolder::new();
        let is_memory = folder.open().space().unwrap().is_memory;
        assert!(!is_memory, "TMPDIR must lie on a disk for this test");
        let mut output = written(&folder, 3 * WINDOWS_UNDER_WAY);
        let file = File::open(folder.file("x")).unwrap();
        assert!(bytes_in_memory(&file) <= (WINDOWS_UNDER_WAY + 1) * WINDOW_BYTES);
        output.finish().unwrap();
        assert_eq!(bytes_in_memory(&file), 0);
    }
}
