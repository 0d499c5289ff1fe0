//! What the addon asks of the helper, and what the helper answers.
//!
//! The addon puts a [`DumpRequest`] on the helper's command line and reads [`Answer`] lines from its standard output.
//! Both ends are in this file, so they cannot come to disagree. It knows nothing of how a dump is made.

use std::ffi::OsString;
use std::path::PathBuf;

/// The helper's subcommand that serves a [`DumpRequest`].
pub const DUMP_COMMAND: &str = "dump";

/// Where the DevTools protocol of a process is spoken. Always on the loopback interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InspectorAddress {
    /// The websocket of the running inspector, as `inspector.url()` gives it: `ws://127.0.0.1:9229/<uuid>`.
    Url(String),
    /// The port to ask for it, when no inspector was active at the time of arming.
    Port(u16),
}

/// One dump of one isolate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpRequest {
    /// The process whose heap is wanted. The helper leaves any other process alone.
    pub process: u32,
    /// Node's `threadId` of the isolate: 0 for the main thread, else a worker's.
    pub thread: u32,
    /// Where to reach that process.
    pub inspector: InspectorAddress,
    /// The absolute path of the snapshot, with its extension. An existing file is kept; the name then gets a suffix.
    pub file: PathBuf,
}

impl DumpRequest {
    /// The helper's whole command line after the program's name.
    pub fn to_arguments(&self) -> Vec<OsString> {
        let inspector: [OsString; 2] = match &self.inspector {
            InspectorAddress::Url(url) => ["--inspector-url".into(), url.into()],
            InspectorAddress::Port(port) => ["--inspector-port".into(), port.to_string().into()],
        };
        let mut arguments: Vec<OsString> = vec![
            DUMP_COMMAND.into(),
            "--process".into(),
            self.process.to_string().into(),
            "--thread".into(),
            self.thread.to_string().into(),
            "--file".into(),
            self.file.clone().into(),
        ];
        arguments.extend(inspector);
        arguments
    }
}

/// What the helper tells the addon, in this order: at most one `Connected`, then exactly one of the others.
/// A stream that ends without one of those means that the helper was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The inspector accepted the connection: its requests reach the isolate as soon as it runs JavaScript.
    Connected,
    /// A complete snapshot lies under its final name.
    Complete {
        /// The file's size.
        bytes: u64,
        /// Its path, which differs from the requested one where a file of that name existed.
        file: PathBuf,
    },
    /// There is no snapshot. The helper has already told people why on standard error.
    Failed {
        /// One sentence: what happened and what to do.
        reason: String,
    },
}
