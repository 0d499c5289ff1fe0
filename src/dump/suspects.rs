//! `<name>.suspects.json`: what probably leaked, found right after a dump by this executable's command `suspects`.
//!
//! It is a process of its own, so that neither its memory nor its time can take anything from the dump: it is ended when its
//! time is over or the control group has no room for it. What it finds means nothing here.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::headroom::Headroom;
use super::place::Place;
use super::sink::Written;
use super::temporary::TemporaryFile;
use super::{Error, preflight};
use crate::cgroup::{SYSTEM_ROOT, available_memory};
use crate::message::megabytes;
use crate::request::SUSPECTS_COMMAND;

/// How long it may look. A heap of a gigabyte takes about that.
pub const LONGEST: Duration = Duration::from_secs(10);
/// What it has beyond that to tell what it knows, and to end.
const TO_END: Duration = Duration::from_secs(1);

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum NoSuspects {
    /// The analysis could use up what is left of the memory.
    #[error("that takes about {} MB and {} MB are left; run it elsewhere", megabytes(*needed), megabytes(*left))]
    Memory {
        /// What it needs, in bytes.
        needed: u64,
        /// What there is, in bytes.
        left: u64,
    },
    /// The memory ran short meanwhile.
    #[error("{0}")]
    Room(#[from] preflight::NoRoom),
    /// The time was over.
    #[error("that takes more than {:.1} s", .0.as_secs_f64())]
    Time(Duration),
    /// The program cannot be run.
    #[error("the program for it cannot be run ({0})")]
    Start(#[from] io::Error),
    /// The program failed; it has told why.
    #[error("the program for it ended with {0}")]
    Failed(ExitStatus),
    /// The file cannot be written.
    #[error("{0}")]
    File(#[from] Error),
    /// A file of that name is there.
    #[error("{} is there already", .0.display())]
    Taken(PathBuf),
}

/// Finds the suspects of a complete snapshot until `deadline` or for [`LONGEST`], has them told on standard error, and
/// returns the file that holds them, which has no name yet.
///
/// # Errors
/// [`NoSuspects`]; the dump is as it was then.
pub fn find(
    place: &Place,
    snapshot: &Written,
    headroom: &Headroom,
    deadline: Instant,
) -> Result<TemporaryFile, NoSuspects> {
    check_memory(snapshot, headroom)?;
    let (temporary, file) = TemporaryFile::create(place, &place.suspects())?;
    let time = deadline
        .saturating_duration_since(Instant::now())
        .min(LONGEST);
    let snapshot = snapshot.file.file_name().unwrap_or_default();
    let mut child = start(place, snapshot, &file, time)?;
    let outcome = wait(&mut child, headroom, time);
    if outcome.is_err() {
        // It may have ended by itself, which is as good.
        let _ = child.kill();
        let _ = child.wait();
    }
    let status = outcome?;
    match status.code() {
        Some(0) => {}
        Some(TIME_IS_OVER) => return Err(NoSuspects::Time(time)),
        _ => return Err(NoSuspects::Failed(status)),
    }
    file.sync_all()?;
    Ok(temporary)
}

/// The exit code that says so; sysexits(3) has it for what may succeed later.
pub const TIME_IS_OVER: i32 = 75;

/// Measured from 15 MB to 2.4 GB: 1.2 times the snapshot at most; compressed ones need their strings beside that.
fn check_memory(snapshot: &Written, headroom: &Headroom) -> Result<(), NoSuspects> {
    let needed = snapshot.snapshot_bytes + snapshot.snapshot_bytes / 2;
    let (left, has_room) = match (headroom.now(), available_memory(Path::new(SYSTEM_ROOT))) {
        (Some(room), available) if available.is_none_or(|bytes| room.group.headroom() <= bytes) => {
            (room.group.headroom(), room.has_room_for(needed))
        }
        (_, Some(available)) => (available, available >= needed),
        (_, None) => return Ok(()),
    };
    match has_room {
        true => Ok(()),
        false => Err(NoSuspects::Memory { needed, left }),
    }
}

/// The snapshot is handed over open: who replaces its folder meanwhile has nothing else looked through.
fn start(place: &Place, snapshot: &OsStr, output: &File, time: Duration) -> io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .arg(SUSPECTS_COMMAND)
        .arg(snapshot)
        .arg(time.as_millis().to_string())
        .stdin(place.folder.open_file(snapshot)?)
        .stdout(output.try_clone()?)
        .stderr(Stdio::inherit())
        .spawn()
}

fn wait(child: &mut Child, headroom: &Headroom, time: Duration) -> Result<ExitStatus, NoSuspects> {
    let deadline = Instant::now() + time + TO_END;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        headroom.check()?;
        if Instant::now() >= deadline {
            return Err(NoSuspects::Time(time));
        }
        thread::sleep(headroom.until_next_look());
    }
}
