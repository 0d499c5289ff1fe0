//! What is told of a dump before its snapshot: who is dumped and why, and what the heap holds in a few rows. These are the
//! contents of two frames and, as JSON, of the summary's file. It must not know where the figures come from.
//!
//! All sizes are in bytes. What could not be learned is `None` or empty, never a guess.

use serde::{Deserialize, Serialize};

/// How many constructors a summary names.
pub const CONSTRUCTORS: usize = 50;

/// Who is dumped, why, and how things stood at the trigger. Written by the process itself, before it is frozen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DumpMetadata {
    /// What called for the dump.
    pub reason: Reason,
    /// When: milliseconds since 1970, UTC.
    pub time_ms: u64,
    /// The process.
    pub process: u32,
    /// Node's `threadId` of the isolate, 0 for the main thread.
    pub thread: u32,
    /// `process.versions.node`.
    pub node_version: Option<String>,
    /// `process.versions.v8`.
    pub v8_version: Option<String>,
    /// `process.execArgv`.
    pub exec_argv: Vec<String>,
    /// `process.env.NODE_OPTIONS`.
    pub node_options: Option<String>,
    /// How large the old generation may become.
    pub old_generation_limit: Option<u64>,
    /// How much of it was in use.
    pub old_generation_used: Option<u64>,
    /// `v8.getHeapSpaceStatistics()`.
    pub heap_spaces: Vec<HeapSpace>,
    /// Resident memory of the process.
    pub rss: Option<u64>,
    /// Memory outside of the heap that the heap's objects hold: `process.memoryUsage().external`.
    pub external: Option<u64>,
    /// The control group's working set.
    pub cgroup_current: Option<u64>,
    /// The smallest limit that binds the control group.
    pub cgroup_limit: Option<u64>,
    /// The last mark-compacts, oldest first.
    pub collections: Vec<Collection>,
}

/// What calls for a dump.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The program asked for it.
    #[default]
    Request,
    /// The old generation was above the threshold after a mark-compact.
    Threshold,
    /// V8 was about to give up for lack of memory.
    NearHeapLimit,
    /// V8 gave up.
    OutOfMemory,
    /// The memory of the process or its control group was above the bound of the option `rss`.
    Rss,
    /// The process was sent the signal of the option `signal`.
    Signal,
}

impl Reason {
    /// Its name, as in the summary.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Threshold => "threshold",
            Self::NearHeapLimit => "near-heap-limit",
            Self::OutOfMemory => "out-of-memory",
            Self::Rss => "rss",
            Self::Signal => "signal",
        }
    }
}

/// A row of `v8.getHeapSpaceStatistics()`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeapSpace {
    /// `space_name`: `old_space`, `large_object_space`, …
    pub name: String,
    /// `space_size`: what V8 has taken from the system.
    pub size: u64,
    /// `space_used_size`: what objects occupy.
    pub used: u64,
    /// `physical_space_size`: what is resident.
    pub physical: u64,
}

/// What a mark-compact left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Collection {
    /// Milliseconds since the watch began.
    pub at_ms: u64,
    /// Bytes of the old generation in use.
    pub used: u64,
}

/// What the snapshot that follows will hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeapSummary {
    /// Nodes.
    pub nodes: u64,
    /// Edges, once they have been counted, which takes longer than the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edges: Option<u64>,
    /// The sum of all nodes' self sizes.
    pub bytes: u64,
    /// The memory of array buffers outside of the heap: it is in `bytes` too, and V8 counts it as external.
    pub array_buffers: u64,
    /// The [`CONSTRUCTORS`] that hold the most by shallow size, largest first.
    pub constructors: Vec<ConstructorUse>,
    /// The calls of JavaScript at the trigger, the innermost first, as `leak (/srv/app.js:3:7)`. The place is where the function
    /// begins; what was inlined is part of its caller. Empty where no JavaScript ran.
    pub js_stack: Vec<String>,
}

/// A row of DevTools' class list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConstructorUse {
    /// The constructor's name, or in parentheses what kind of thing it is: `(string)`, `(array)`.
    pub name: String,
    /// Objects.
    pub count: u64,
    /// Their shallow size.
    pub bytes: u64,
}
