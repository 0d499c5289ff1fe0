//! `suspects <name> <milliseconds>`, which the helper calls after a dump: reads the snapshot of that name from standard input,
//! writes the suspects to standard output as JSON, and tells the first one on standard error. When the time is over it tells
//! what it knows by then.

use super::CommandError;
use lexopt::prelude::*;
use node_oom_heapdump::dump::TIME_IS_OVER;
use node_oom_heapdump::message::tell;
use node_oom_heapdump::report::brief::{self, Brief};
use node_oom_heapdump::report::heap::Heap;
use node_oom_heapdump::snapshot::reader;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// The longest list, and the most suspects.
const TOP: usize = 10;

/// What is known so far.
enum Known {
    /// A line that tells what retains most.
    Largest(String),
    /// All of it.
    Suspects(Result<Brief, CommandError>),
}

pub fn run(mut arguments: lexopt::Parser) -> Result<ExitCode, CommandError> {
    let wrong = |what: String| CommandError::Usage(what, "analyze");
    let (mut name, mut milliseconds) = (None, None);
    while let Some(argument) = arguments.next().map_err(|error| wrong(error.to_string()))? {
        match argument {
            Value(value) if name.is_none() => name = Some(PathBuf::from(value)),
            Value(value) if milliseconds.is_none() => {
                let parsed = value.parse::<u64>();
                milliseconds = Some(parsed.map_err(|error| wrong(error.to_string()))?);
            }
            other => return Err(wrong(other.unexpected().to_string())),
        }
    }
    let (Some(name), Some(milliseconds)) = (name, milliseconds) else {
        return Err(wrong("a name and a time are needed".to_owned()));
    };
    end_with_parent();
    let snapshot = standard_input()?;
    let deadline = Instant::now() + Duration::from_millis(milliseconds);
    let (sender, known) = channel();
    std::thread::Builder::new().spawn(move || find(snapshot, &name, &sender))?;
    let mut largest = None;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match known.recv_timeout(left) {
            Ok(Known::Largest(line)) => largest = Some(line),
            Ok(Known::Suspects(found)) => {
                let found = found?;
                for line in brief::lines(&found) {
                    tell(&format!("suspects: {line}"));
                }
                let json = serde_json::to_vec_pretty(&found).map_err(io::Error::from)?;
                io::stdout().write_all(&json)?;
                return Ok(ExitCode::SUCCESS);
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Some(line) = largest {
                    tell(&format!("suspects: {line}"));
                }
                // Without waiting for the thread, which has no end in sight.
                std::process::exit(TIME_IS_OVER);
            }
            // It has panicked, and said so.
            Err(RecvTimeoutError::Disconnected) => return Ok(ExitCode::FAILURE),
        }
    }
}

fn find(snapshot: File, name: &Path, known: &Sender<Known>) {
    let read = reader::read_open(snapshot, name).map_err(CommandError::from);
    let found = read.map(|graph| {
        let heap = Heap::of(graph);
        // Who listens no more has ended.
        let _ = known.send(Known::Largest(brief::largest(&heap)));
        Brief::of(&heap, &name.to_string_lossy(), TOP)
    });
    let _ = known.send(Known::Suspects(found));
}

#[cfg(unix)]
fn standard_input() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn standard_input() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(io::stdin().as_handle().try_clone_to_owned()?.into())
}

/// Nobody is there to end this process when the helper is killed; and what it does can wait for others.
fn end_with_parent() {
    #[cfg(unix)]
    {
        // A refusal makes it as urgent as others.
        let _ = rustix::process::nice(10);
    }
    #[cfg(target_os = "linux")]
    {
        let _ =
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    }
}
