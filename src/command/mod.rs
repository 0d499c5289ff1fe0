//! The subcommands, one file each: what it is asked, its help, and the lines it writes.
//!
//! Results go to standard output, everything else to standard error. `dump`, which the addon calls, is in `main.rs`.

pub mod profile;
mod progress;
pub mod take;

use std::io::Write;
use std::process::ExitCode;

/// The exit code of a command line that is wrong.
pub const USAGE: u8 = 2;

/// Writes a result; a standard output that takes none is a failure.
pub fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
