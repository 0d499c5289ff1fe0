//! How things stand at the trigger, for the reader of the summary. Gathered on the isolate's thread, before the freeze.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::summary::{Collection, DumpMetadata, Reason};
use crate::watch::Watch;

/// The metadata of a dump of the isolate that `watch` watches.
pub fn gather(reason: Reason, watch: &Watch) -> DumpMetadata {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let recent = watch.collections.recent().into_iter();
    DumpMetadata {
        reason,
        time_ms: now.unwrap_or_default().as_millis() as u64,
        process: std::process::id(),
        thread: watch.thread,
        old_generation_limit: Some(watch.limit),
        old_generation_used: Some(watch.used()),
        collections: recent
            .map(|collection| Collection {
                at_ms: collection.at_ms,
                used: collection.used,
            })
            .collect(),
        ..DumpMetadata::default()
    }
}
