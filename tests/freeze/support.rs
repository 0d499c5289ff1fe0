//! What all of these rules use: a process frozen for a job, memory as V8's heap is, and what the process has.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, ptr, thread};

use node_oom_heapdump::freeze::{Child, Ended, FreezeError, Frozen, Terms, Way, freeze, mappings};

pub const BOTH_WAYS: [Way; 2] = [Way::CopyOnWrite, Way::Shared];
pub const LONG: Duration = Duration::from_secs(60);

pub fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Freezes, waits, and returns how the child ended and what it wrote.
pub fn run(
    way: Way,
    deadline: Duration,
    job: impl Fn(&mut Child<'_>) -> Result<(), String>,
) -> (Ended, String) {
    let (reader, writer) = pipe().unwrap();
    let terms = Terms {
        output: writer.as_fd(),
        deadline,
        background: None,
    };
    // SAFETY: the jobs of these tests take no lock and leave nothing behind.
    let frozen = unsafe { freeze(way, &terms, &job) }.unwrap();
    let ended = frozen.wait();
    drop(writer);
    (ended, rest_of(reader))
}

pub fn rest_of(mut reader: PipeReader) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

pub fn say(child: &Child<'_>, text: &str) {
    File::from(child.output().try_clone_to_owned().unwrap())
        .write_all(text.as_bytes())
        .unwrap();
}

/// Memory that a fork leaves out, as V8's heap is.
pub struct Heap(pub *mut u8);

impl Heap {
    const SIZE: usize = 1 << 20;

    pub fn new(first_byte: u8) -> Self {
        // SAFETY: a new mapping, whose first byte is then written.
        unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let start = libc::mmap(
                ptr::null_mut(),
                Self::SIZE,
                access,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(start, libc::MAP_FAILED);
            assert_eq!(libc::madvise(start, Self::SIZE, libc::MADV_DONTFORK), 0);
            *start.cast::<u8>() = first_byte;
            Self(start.cast())
        }
    }

    pub fn address(&self) -> usize {
        self.0 as usize
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own.
        unsafe { libc::munmap(self.0.cast(), Self::SIZE) };
    }
}

pub fn byte_at(address: usize) -> u8 {
    // SAFETY: none where the address is wild; the child is expected to crash then.
    unsafe { (address as *const u8).read_volatile() }
}

pub fn mapping_count() -> usize {
    mappings::of_this_process().unwrap().len()
}

pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A copy-on-write child that waits to be ended.
pub fn hanging_child(writer: &PipeWriter) -> Result<Frozen, FreezeError> {
    let terms = Terms {
        output: writer.as_fd(),
        deadline: LONG,
        background: None,
    };
    let hang = |_: &mut Child<'_>| loop {
        thread::sleep(LONG);
    };
    // SAFETY: the job takes no lock and leaves nothing behind.
    unsafe { freeze(Way::CopyOnWrite, &terms, &hang) }
}
