//! `profile`: a CPU profile for `createCpuProfile` of lib/cpu-profile.js, which alone calls it.
//!
//! Its answers are those of a dump. The profile comes over the inspector where that is open; else the process records
//! itself and sends the profile, and only the way to the disk is left.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;

use super::{CommandError, WRONG_USAGE};
use node_oom_heapdump::dump::{self, Encoding, Place, Sink, Written};
use node_oom_heapdump::inspector;
use node_oom_heapdump::message::{megabytes, tell};
use node_oom_heapdump::request::{Answer, InspectorAddress};

/// Does what the rest of the command line asks for. What goes wrong is an answer.
pub fn run(arguments: lexopt::Parser) -> Result<ExitCode, CommandError> {
    let (answer, exit_code) = match Request::parse(arguments) {
        Ok(request) => match record(&request) {
            Ok(Written { file, bytes, .. }) => {
                (Answer::Complete { bytes, file }, ExitCode::SUCCESS)
            }
            Err(error) => (failed(error), ExitCode::FAILURE),
        },
        Err(error) => (failed(error), ExitCode::from(WRONG_USAGE)),
    };
    // A process that is gone needs no answer; its file is there or not.
    let _ = answer.write_to(&mut io::stdout());
    Ok(exit_code)
}

fn failed(error: impl std::fmt::Display) -> Answer {
    let reason = error.to_string();
    Answer::Failed { reason }
}

/// Where a profile comes from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Inspector { url: String, duration: Duration },
    StandardInput,
}

#[derive(Debug, PartialEq, Eq)]
struct Request {
    process: u32,
    file: PathBuf,
    source: Source,
}

impl Request {
    fn parse(mut arguments: lexopt::Parser) -> Result<Request, UsageError> {
        let (mut process, mut file, mut url, mut duration) = (None, None, None, None);
        let mut standard_input = false;
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("process") => process = Some(arguments.value()?.parse()?),
                Long("file") => file = Some(PathBuf::from(arguments.value()?)),
                Long("inspector-url") => url = Some(arguments.value()?.string()?),
                Long("duration") => {
                    duration = Some(Duration::from_millis(arguments.value()?.parse()?));
                }
                Long("standard-input") => standard_input = true,
                _ => return Err(argument.unexpected().into()),
            }
        }
        let source = match (url, duration, standard_input) {
            (Some(url), Some(duration), false) => Source::Inspector { url, duration },
            (None, None, true) => Source::StandardInput,
            _ => return Err(UsageError::OneSource),
        };
        Ok(Request {
            process: process.ok_or(UsageError::Missing("--process"))?,
            file: file
                .filter(|file| file.is_absolute())
                .ok_or(UsageError::Missing("--file"))?,
            source,
        })
    }
}

fn record(request: &Request) -> Result<Written, Error> {
    let process = request.process;
    let profile = match &request.source {
        Source::StandardInput => read_standard_input()?,
        Source::Inspector { url, duration } => {
            let address = InspectorAddress::Url(url.clone());
            let mut session = inspector::connect(&address, process)?;
            session.verify_process(|| {})?;
            inspector::record_cpu_profile(&mut session, *duration)?
                .to_string()
                .into_bytes()
        }
    };
    let written = write(&request.file, &profile)?;
    tell(&format!(
        "CPU profile of process {process} is complete: {} ({} MB)",
        written.file.display(),
        megabytes(written.bytes)
    ));
    Ok(written)
}

fn read_standard_input() -> Result<Vec<u8>, Error> {
    let mut profile = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut profile);
    read.map_err(Error::StandardInput)?;
    Ok(profile)
}

/// A profile ends as a snapshot does, with the closing bracket of `timeDeltas` (src/inspector/js_protocol.pdl), so the same
/// sink tells whether it is whole.
fn write(file: &Path, profile: &[u8]) -> Result<Written, dump::Error> {
    let mut sink = Sink::create(&Place::of(file, Encoding::Plain)?)?;
    sink.write(profile)?;
    sink.complete()
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Inspector(#[from] inspector::Error),
    #[error(transparent)]
    Dump(#[from] dump::Error),
    #[error("the profile could not be read from standard input: {0}")]
    StandardInput(io::Error),
}

#[derive(Debug, thiserror::Error)]
enum UsageError {
    #[error(transparent)]
    Option(#[from] lexopt::Error),
    #[error("{0} is missing, or is no absolute path")]
    Missing(&'static str),
    #[error("give --inspector-url and --duration, or --standard-input")]
    OneSource,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &str) -> Result<Request, UsageError> {
        Request::parse(lexopt::Parser::from_args(arguments.split(' ')))
    }

    #[test]
    fn a_profile_comes_over_the_inspector_for_a_time_or_from_standard_input() {
        let request = parse("--process 7 --file /x --inspector-url ws://u --duration 250").unwrap();
        let expected = Source::Inspector {
            url: "ws://u".into(),
            duration: Duration::from_millis(250),
        };
        assert_eq!(request.source, expected);
        let request = parse("--process 7 --file /x --standard-input").unwrap();
        assert_eq!(request.source, Source::StandardInput);
    }

    #[test]
    fn what_is_missing_or_too_much_is_refused() {
        for arguments in [
            "--process 7 --file /x",
            "--process 7 --file /x --inspector-url ws://u",
            "--process 7 --file /x --standard-input --duration 1",
            "--process 7 --standard-input",
            "--file /x --standard-input",
            "--process 7 --file x --standard-input",
        ] {
            assert!(parse(arguments).is_err(), "{arguments}");
        }
    }
}
