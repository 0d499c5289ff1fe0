//! `suspects <file> <milliseconds>`, which the helper calls after a dump: writes the suspects to standard output as JSON, and
//! tells the first one on standard error. When the time is over it tells what it knows by then.

use super::CommandError;
use lexopt::prelude::*;
use node_oom_heapdump::dump::TIME_IS_OVER;
use node_oom_heapdump::message::tell;
use node_oom_heapdump::report::brief::{self, Brief};
use node_oom_heapdump::report::heap::Heap;
use node_oom_heapdump::snapshot::reader;
use std::io::Write;
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
    let (mut file, mut milliseconds) = (None, None);
    while let Some(argument) = arguments.next().map_err(|error| wrong(error.to_string()))? {
        match argument {
            Value(value) if file.is_none() => file = Some(PathBuf::from(value)),
            Value(value) if milliseconds.is_none() => {
                let parsed = value.parse::<u64>();
                milliseconds = Some(parsed.map_err(|error| wrong(error.to_string()))?);
            }
            other => return Err(wrong(other.unexpected().to_string())),
        }
    }
    let (Some(file), Some(milliseconds)) = (file, milliseconds) else {
        return Err(wrong("a file and a time are needed".to_owned()));
    };
    end_with_parent();
    let deadline = Instant::now() + Duration::from_millis(milliseconds);
    let (sender, known) = channel();
    std::thread::Builder::new().spawn(move || find(&file, &sender))?;
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
                let json = serde_json::to_vec_pretty(&found).map_err(std::io::Error::from)?;
                std::io::stdout().write_all(&json)?;
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

fn find(file: &Path, known: &Sender<Known>) {
    let found = reader::read(file).map_err(CommandError::from).map(|graph| {
        let heap = Heap::of(graph);
        // Who listens no more has ended.
        let _ = known.send(Known::Largest(brief::largest(&heap)));
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        Brief::of(&heap, &name, TOP)
    });
    let _ = known.send(Known::Suspects(found));
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
