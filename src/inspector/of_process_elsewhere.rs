//! Systems whose processes tell nothing of their ports.

use super::{Error, OfProcess};

/// Always fails.
///
/// # Errors
/// [`Error::OnlyByPort`].
pub fn of_process(_process: u32, _on_signal: impl FnOnce()) -> Result<OfProcess, Error> {
    Err(Error::OnlyByPort)
}
