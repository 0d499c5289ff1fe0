//! The commands, each in a file of its own: `take` makes a snapshot, `check`, `analyze`, `diff`, `path` and `show` read some,
//! `profile` serves `createCpuProfile`, and `suspects` serves `dump`, which serves the addon and is in `main.rs`.

mod analyze;
mod check;
mod diff;
mod object;
mod profile;
mod progress;
mod suspects;
mod take;

use node_oom_heapdump::request::SUSPECTS_COMMAND;
use std::ffi::OsString;
use std::process::ExitCode;

/// The file is not what the command needs, or something else went wrong.
pub const FAILED: u8 = 1;
/// The command line is wrong.
pub const WRONG_USAGE: u8 = 2;

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] node_oom_heapdump::snapshot::reader::ReadError),
    /// The file has no object of this id.
    #[error("{} has no object @{id}; ids are those of one file", file.display())]
    NoObject {
        /// The file.
        file: std::path::PathBuf,
        /// The id.
        id: u32,
    },
    /// The command line is wrong.
    #[error("{0}; see node-oom-heapdump {1} --help")]
    Usage(String, &'static str),
    /// The page cannot be written.
    #[error("{} cannot be written: {source}", page.display())]
    WritePage {
        /// The file.
        page: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The result cannot be written.
    #[error("the result cannot be written: {0}")]
    Write(#[from] std::io::Error),
}

/// Runs the command that the arguments begin with, if it is one of these.
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let command = match arguments.nth(1)?.to_str()? {
        "analyze" => analyze::run,
        "check" => check::run,
        "diff" => diff::run,
        "path" => object::run_path,
        "profile" => profile::run,
        "show" => object::run_show,
        SUSPECTS_COMMAND => suspects::run,
        "take" => take::run,
        _ => return None,
    };
    let outcome = command(lexopt::Parser::from_args(arguments));
    Some(outcome.unwrap_or_else(|error| {
        eprintln!("{error}");
        let is_usage = matches!(error, CommandError::Usage(..));
        ExitCode::from(if is_usage { WRONG_USAGE } else { FAILED })
    }))
}

/// Writes to standard output. A reader that has seen enough is no error.
pub fn print(text: &str) -> Result<(), CommandError> {
    use std::io::{ErrorKind, Write};
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
