//! The two methods of making a dump: our heap reader in a frozen child, and V8's own generator over the inspector.

use crate::watch::{Danger, Dumper};

/// Which method is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The heap reader.
    Native,
    /// The inspector.
    Inspector,
}

impl Method {
    /// Its name, as the option `method` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Inspector => "inspector",
        }
    }
}

/// Leaves everything to the helper. The isolate must live, and run JavaScript, until the file is complete.
pub struct InspectorDumper;

impl Dumper for InspectorDumper {
    fn begin(&self, danger: Danger) {
        danger.watch.clone().call_for_dump(danger, None);
    }
}

#[cfg(target_os = "linux")]
pub use native_dumper::NativeDumper;

#[cfg(target_os = "linux")]
mod native_dumper {
    use std::sync::Arc;

    use super::InspectorDumper;
    use crate::freeze::Way;
    use crate::native::{HeapReader, pipe, trust};
    use crate::watch::{Cause, Danger, Dumper, Stage};

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
            let way = match danger.cause {
                Cause::Threshold => Way::CopyOnWrite,
                Cause::NearHeapLimit => Way::Shared,
            };
            let Ok((frames, output)) = pipe() else {
                // Without descriptors there is no pipe; the helper may still reach the inspector.
                return InspectorDumper.begin(danger);
            };
            let watch = Arc::clone(&danger.watch);
            watch.dump.set(Stage::Frozen);
            if !watch.call_for_dump(danger, Some(frames)) {
                return;
            }
            // A refusal goes through the pipe to the helper, which reports it.
            if let Ok(frozen) = self.reader.read_frozen(way, output) {
                watch.leave_to_monitor(frozen);
            }
        }
    }
}
