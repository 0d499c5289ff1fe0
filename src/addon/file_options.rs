//! What the user wants of a dump's files beside their name, as JavaScript tells it.

use std::ffi::OsString;
use std::time::Duration;

use napi_derive::napi;

use crate::request::FileOptions;

/// The checked options `compress`, `keep`, `exec` and `redact`, and what goes with them.
#[napi(object)]
pub struct WantedFiles {
    /// Which program this is: the path of its main script.
    pub program: String,
    /// Whether the snapshot is compressed.
    pub gzip: bool,
    /// How many dumps of the program stay in the folder; absent for all.
    pub keep: Option<u32>,
    /// The words of the command that is run at the end; empty for none.
    pub exec: Vec<String>,
    /// Whether contents of strings are kept out of the files.
    pub redact: bool,
}

impl WantedFiles {
    /// The same for the helper. `timeout` bounds the command at the end.
    pub fn with_timeout(self, timeout: Duration) -> FileOptions {
        FileOptions {
            program: self.program,
            gzip: self.gzip,
            keep: self.keep,
            exec: self.exec.into_iter().map(OsString::from).collect(),
            timeout,
            redact: self.redact,
        }
    }
}
