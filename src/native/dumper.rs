//! A native dump that the watch has called for, begun on the isolate's own thread.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{DEADLINE, HeapReader, metadata, pipe, trust};
use crate::freeze::{self, Way};
use crate::method::InspectorDumper;
use crate::summary::{DumpMetadata, Reason};
use crate::watch::{Cause, ChildEnd, Danger, Dumper, Frames, Stage};

/// Freezes the process on the spot. The application goes on, or, where it is about to die anyway, waits and needs no
/// memory for copies.
pub struct NativeDumper {
    /// The reader of this isolate's heap.
    pub reader: HeapReader,
}

impl Dumper for NativeDumper {
    fn begin(&self, danger: Danger) {
        if trust::distrust().is_some() {
            return InspectorDumper.begin(danger);
        }
        let (way, reason) = match danger.cause {
            Cause::Threshold => (Way::CopyOnWrite, Reason::Threshold),
            Cause::NearHeapLimit => (Way::Shared, Reason::NearHeapLimit),
        };
        let metadata = DumpMetadata {
            old_generation_used: Some(danger.used),
            ..metadata::gather(reason, &danger.watch)
        };
        let watch = Arc::clone(&danger.watch);
        trust::give_way();
        if freeze::is_busy() {
            match danger.cause {
                // The next collection tries again.
                Cause::Threshold => return watch.dump.set(Stage::Idle),
                Cause::NearHeapLimit => wait_for_turn(),
            }
        }
        let Ok((pipe, output)) = pipe() else {
            // Without descriptors there is no pipe; the helper may still reach the inspector.
            return InspectorDumper.begin(danger);
        };
        let (to_monitor, child) = crossbeam_channel::bounded(1);
        watch.dump.set(Stage::Frozen);
        if !watch.call_for_dump(danger, Some(Frames { pipe, child })) {
            return;
        }
        // A refusal goes through the pipe to the helper, which reports it.
        if let Ok(reading) = self.reader.read_frozen(way, output, &metadata) {
            let reading: Box<dyn ChildEnd> = Box::new(reading);
            // Where nobody is left to wait for it, the child is ended here.
            let _ = to_monitor.send(reading);
        }
    }
}

/// A process has one frozen child at a time. This isolate has nothing left to do but to wait until another dump is made.
fn wait_for_turn() {
    const PAUSE: Duration = Duration::from_millis(5);
    let deadline = Instant::now() + DEADLINE;
    while freeze::is_busy() && Instant::now() < deadline {
        thread::sleep(PAUSE);
    }
}
