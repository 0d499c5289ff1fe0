//! What calls for a dump, and how that is handed on: to what begins it, and to the monitor.

use std::io::PipeReader;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::Watch;
use super::policy::Meanwhile;
use crate::summary::DumpMetadata;

/// What made a dump necessary.
#[derive(Debug, Clone, PartialEq)]
pub enum Cause {
    /// The old generation was above the threshold after a mark-compact.
    Threshold,
    /// V8 is about to give up for lack of memory.
    NearHeapLimit,
    /// V8 has given up.
    OutOfMemory {
        /// What V8 calls the place: `Reached heap limit`, `invalid table size`.
        location: String,
    },
    /// The memory of the process or of its control group is above the option `rss`.
    Memory {
        /// Bytes in use.
        used: u64,
        /// Bytes it is measured against.
        limit: u64,
        /// The option.
        bound: MemoryBound,
    },
    /// The process was sent the signal that asks for a dump.
    Signal,
}

impl Cause {
    /// Whether nobody asked for the dump and nobody is dying.
    pub fn is_precaution(&self) -> bool {
        matches!(self, Self::Threshold | Self::Memory { .. })
    }

    /// Whether the isolate, or the whole process, is at its end.
    pub fn is_death(&self) -> bool {
        matches!(self, Self::NearHeapLimit | Self::OutOfMemory { .. })
    }
}

/// The option `rss`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MemoryBound {
    /// A share, in percent, of what the control groups allow.
    Percent(f64),
    /// Bytes of the process' resident memory.
    Bytes(u64),
}

/// A dump is needed, and has been claimed.
#[derive(Clone)]
pub struct Danger {
    /// The isolate's watch.
    pub watch: Arc<Watch>,
    /// Why.
    pub cause: Cause,
    /// Bytes of the old generation in use.
    pub used: u64,
    /// What the application does until the dump is complete.
    pub meanwhile: Meanwhile,
}

/// How the dump of an isolate is begun.
pub trait Dumper: Send + Sync {
    /// Begins the dump that was claimed. Called on the isolate's thread, inside V8, or on another one where V8 fails there.
    /// Afterwards the stage of the watch tells what the isolate must do.
    fn begin(&self, danger: Danger);

    /// The process waits for the dump that is being made, so that it need not spare it any more. Called where everything but
    /// the caller's stack may be broken.
    fn hurry(&self);

    /// Whether the isolate must run JavaScript until the file is complete, which one that has failed does not.
    fn needs_javascript(&self) -> bool;
}

/// The frames of a snapshot that a frozen child writes.
pub struct Frames {
    /// Where they come from.
    pub pipe: PipeReader,
    /// The child, as soon as it exists; nothing where there could be none.
    pub child: Receiver<Box<dyn ChildEnd>>,
    /// How things stood when it was frozen.
    pub metadata: Box<DumpMetadata>,
}

/// A frozen child that must be waited for.
pub trait ChildEnd: Send {
    /// Returns when the child has ended and left no zombie.
    fn wait(self: Box<Self>);
}

/// What the isolate's thread tells the monitor.
pub enum Alarm {
    /// A dump is needed, and this alarm is the only one for it.
    Danger {
        /// What is wrong.
        danger: Danger,
        /// The frames of a frozen child; the inspector is asked where there are none.
        frames: Option<Frames>,
    },
    /// V8 called the near-heap-limit callback. For the debug log.
    NearHeapLimit {
        /// V8's limit at that time, in bytes.
        current_heap_limit: u64,
    },
    /// The limit was raised as far as it may be, and the dump is still not complete: the process is let go.
    GivenUp {
        /// The isolate's watch.
        watch: Arc<Watch>,
        /// Bytes by which the limit was raised.
        granted: u64,
    },
}
