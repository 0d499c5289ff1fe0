//! A native dump that the watch has called for, begun on the isolate's own thread.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{HeapReader, pipe, trim, trust};
use crate::freeze::{self, Priority, Way};
use crate::metadata;
use crate::method::InspectorDumper;
use crate::watch::{Cause, ChildEnd, Danger, Dumper, Frames, Meanwhile, Stage};

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
        let way = match danger.meanwhile {
            Meanwhile::GoesOn | Meanwhile::OtherThreadWaits => Way::CopyOnWrite,
            Meanwhile::Waits => Way::Shared,
        };
        let priority = match danger.meanwhile {
            Meanwhile::GoesOn => Some(priority_beside(&danger.cause)),
            Meanwhile::Waits | Meanwhile::OtherThreadWaits => None,
        };
        let metadata = metadata::gather(metadata::reason_of(&danger.cause), &danger.watch);
        let deadline = Instant::now() + danger.watch.rules.timeout;
        let watch = Arc::clone(&danger.watch);
        trust::give_way();
        if freeze::is_busy() {
            match danger.meanwhile {
                // The next collection tries again.
                Meanwhile::GoesOn => return watch.withdraw(),
                Meanwhile::Waits | Meanwhile::OtherThreadWaits => wait_for_turn(deadline),
            }
        }
        let Ok((pipe, output)) = pipe() else {
            // Without descriptors there is no pipe; the helper may still reach the inspector.
            return InspectorDumper.begin(danger);
        };
        if way == Way::Shared {
            trim::give_back_freed_memory();
        }
        let (to_monitor, child) = crossbeam_channel::bounded(1);
        watch.dump.set(Stage::Frozen);
        let frames = Frames {
            pipe,
            child,
            metadata: Box::new(metadata.clone()),
        };
        if !watch.call_for_dump(danger, Some(frames)) {
            return;
        }
        // A refusal goes through the pipe to the helper, which reports it.
        let time = deadline.saturating_duration_since(Instant::now());
        if let Ok(reading) = self
            .reader
            .read_frozen(way, priority, output, &metadata, time)
        {
            let reading: Box<dyn ChildEnd> = Box::new(reading);
            // Where nobody is left to wait for it, the child is ended here.
            let _ = to_monitor.send(reading);
        }
    }

    fn hurry(&self) {
        freeze::hurry();
    }

    fn needs_javascript(&self) -> bool {
        trust::distrust().is_some()
    }
}

/// Idle priority is for an application that lives on. Where it may die soon the dump must not starve: nobody could wait for
/// it as long as that takes where all CPUs are busy.
fn priority_beside(cause: &Cause) -> Priority {
    match cause {
        Cause::NearHeapLimit | Cause::OutOfMemory { .. } => Priority::Normal,
        Cause::Threshold | Cause::Memory { .. } => Priority::Low,
        Cause::Signal => Priority::Idle,
    }
}

/// A process has one frozen child at a time. This isolate has nothing left to do but to wait until another dump is made.
fn wait_for_turn(deadline: Instant) {
    const PAUSE: Duration = Duration::from_millis(5);
    freeze::hurry();
    while freeze::is_busy() && Instant::now() < deadline {
        thread::sleep(PAUSE);
    }
}
