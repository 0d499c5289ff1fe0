//! What a native dump costs: CPU time of everyone who works on it, memory, and how long the isolate's thread is held. Built
//! with the feature `bench` only; printed by `npm run bench:native`.

use std::fs;
use std::io::{self, PipeWriter, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{DEADLINE, HeapReader, NativeError, Reading, pipe};
use crate::freeze::{self, Child, Frozen, Priority, Terms, Way};
use crate::monitor::Helper;
use crate::summary::DumpMetadata;

/// One dump's costs.
pub struct DumpCost {
    /// From the trigger to the complete file.
    pub wall: Duration,
    /// How long the isolate's thread was held.
    pub held: Duration,
    /// CPU time of the isolate's thread, of the frozen child and of the helper.
    pub cpu: [Duration; 3],
    /// The most bytes of the child's arena in use at one time.
    pub child_memory: usize,
    /// The most private bytes of the helper that were seen.
    pub helper_memory: usize,
    /// The file.
    pub file: PathBuf,
}

/// Makes one dump, whose helper is started first, as when memory runs out.
///
/// # Errors
/// A sentence why there is no dump.
pub fn of_dump(reader: &HeapReader, way: Way, helper: &mut Helper) -> Result<DumpCost, String> {
    let sentence = |error: io::Error| error.to_string();
    let own_before = cpu_time_of(libc::RUSAGE_THREAD);
    let reaped_before = cpu_time_of(libc::RUSAGE_CHILDREN);
    let start = Instant::now();
    let (frames, output) = pipe().map_err(sentence)?;
    let mut helper = helper.start(frames).map_err(|error| error.to_string())?;
    let helper_process = helper.process();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let memory = scope.spawn(|| peak_private_memory(helper_process, &is_over));
        let before_freeze = Instant::now();
        let priority = (way == Way::CopyOnWrite).then_some(Priority::Idle);
        let frozen = reader
            .read_frozen(way, priority, output, &DumpMetadata::default(), DEADLINE)
            .map(|reading| reading.frozen);
        let held = before_freeze.elapsed();
        // In the shared way the child has been reaped by now, in the other way it is after the helper.
        let reaped_with_freeze = cpu_time_of(libc::RUSAGE_CHILDREN);
        let file = helper.hear_of_snapshot(|| {}).map(|snapshot| snapshot.file);
        helper.wait();
        let wall = start.elapsed();
        let reaped_with_helper = cpu_time_of(libc::RUSAGE_CHILDREN);
        is_over.store(true, Ordering::Relaxed);
        let ended = frozen.map(Frozen::wait);
        let reaped = cpu_time_of(libc::RUSAGE_CHILDREN);
        let own = cpu_time_of(libc::RUSAGE_THREAD);
        let helper_memory = memory.join().unwrap_or(0);
        let ended = ended.map_err(|error| error.to_string())?;
        ended.result.map_err(|failure| failure.to_string())?;
        let helper_cpu = reaped_with_helper - reaped_with_freeze;
        Ok(DumpCost {
            wall,
            held,
            cpu: [
                own - own_before,
                reaped - reaped_before - helper_cpu,
                helper_cpu,
            ],
            child_memory: ended.peak_memory,
            helper_memory,
            file: file.map_err(|error| error.to_string())?,
        })
    })
}

/// How long the isolate's thread is held by a copy-on-write freeze, and by a bare clone that copies the same memory: one
/// pair, in turns as to which comes first by `bare_first`.
///
/// # Errors
/// A sentence why there is no freeze.
pub fn of_stall(reader: &HeapReader, bare_first: bool) -> Result<(Duration, Duration), String> {
    let bare = || freeze::time_bare_clone().map_err(|error| error.to_string());
    if bare_first {
        let bare = bare()?;
        return Ok((time_freeze(reader)?, bare));
    }
    let freeze = time_freeze(reader)?;
    Ok((freeze, bare()?))
}

fn time_freeze(reader: &HeapReader) -> Result<Duration, String> {
    let (_frames, output) = pipe().map_err(|error| error.to_string())?;
    let start = Instant::now();
    let frozen = freeze_beside(reader, output);
    let held = start.elapsed();
    frozen.map(|_| held).map_err(|error| error.to_string())
}

fn freeze_beside(reader: &HeapReader, output: PipeWriter) -> Result<Reading, NativeError> {
    let priority = Some(Priority::Idle);
    let metadata = DumpMetadata::default();
    reader.read_frozen(Way::CopyOnWrite, priority, output, &metadata, DEADLINE)
}

/// Calls `write` while a frozen child has a copy of the memory: it reads the heap until the pipe, which nobody empties, is
/// full.
///
/// # Errors
/// A sentence why there is no freeze.
pub fn beside_frozen_child<R>(reader: &HeapReader, write: impl FnOnce() -> R) -> Result<R, String> {
    let (_frames, output) = pipe().map_err(|error| error.to_string())?;
    let frozen = freeze_beside(reader, output);
    let _frozen = frozen.map_err(|error| error.to_string())?;
    Ok(write())
}

/// From the trigger until a child of the shared way runs its job.
///
/// # Errors
/// A sentence why there is no freeze.
pub fn of_shared_start() -> Result<Duration, String> {
    let (mut input, output) = pipe().map_err(|error| error.to_string())?;
    let terms = Terms {
        output: output.as_fd(),
        deadline: DEADLINE,
        background: None,
    };
    let start = monotonic_time();
    let job = |child: &mut Child<'_>| {
        let nanoseconds = (monotonic_time() - start).as_nanos() as u64;
        // SAFETY: the bytes are live and the descriptor is open.
        unsafe {
            let bytes = (&raw const nanoseconds).cast();
            libc::write(child.output().as_raw_fd(), bytes, size_of::<u64>());
        }
        Ok(())
    };
    // SAFETY: the job only writes to the pipe.
    let frozen = unsafe { freeze::freeze(Way::Shared, &terms, &job) };
    frozen.map_err(|error| error.to_string())?.wait();
    drop(output);
    let mut nanoseconds = [0; size_of::<u64>()];
    input
        .read_exact(&mut nanoseconds)
        .map_err(|error| error.to_string())?;
    Ok(Duration::from_nanos(u64::from_ne_bytes(nanoseconds)))
}

/// The most private memory that a process has until `is_over`, as seen every other millisecond.
fn peak_private_memory(process: u32, is_over: &AtomicBool) -> usize {
    let mut peak = 0;
    while !is_over.load(Ordering::Relaxed) {
        let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"));
        let dirty = rollup.unwrap_or_default().lines().find_map(|line| {
            let value = line.strip_prefix("Private_Dirty:")?;
            value.trim().strip_suffix(" kB")?.parse::<usize>().ok()
        });
        peak = peak.max(dirty.unwrap_or(0) << 10);
        thread::sleep(Duration::from_millis(2));
    }
    peak
}

/// CPU time of `who`, in user mode and in the kernel.
fn cpu_time_of(who: libc::c_int) -> Duration {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the structure is writable and valid when zero.
    let usage = unsafe {
        libc::getrusage(who, usage.as_mut_ptr());
        usage.assume_init()
    };
    let duration = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

fn monotonic_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the clock exists on every Linux; the structure is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
