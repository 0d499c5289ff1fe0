//! What a program that runs on is told of its dumps.

use std::path::PathBuf;
use std::time::Duration;

use crate::method::Method;
use crate::summary::Reason;

/// What became of one dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The snapshot is complete.
    Complete(CompleteDump),
    /// There is none, and this is why.
    Failed(String),
}

/// A complete snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompleteDump {
    /// Where it is.
    pub file: PathBuf,
    /// The size of that file.
    pub bytes: u64,
    /// What called for it.
    pub reason: Reason,
    /// How it was made.
    pub method: Method,
    /// How long the isolate's thread stood still; unknown where the inspector served.
    pub pause: Option<Duration>,
    /// How long it took from the alarm to the complete file.
    pub duration: Duration,
}

/// Tells the program, from any thread, without waiting for it.
pub type Announce = Box<dyn Fn(News) + Send + Sync>;
