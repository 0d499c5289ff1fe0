//! A dump by our own heap reader: it freezes the process and has the frozen child read the isolate's heap.
//!
//! This room wires `freeze`, `heap` and `frames`. It knows nothing of files: the frames go through a pipe to the helper.

#[cfg(feature = "oracle")]
pub mod corruption;
#[cfg(feature = "bench")]
pub mod cost;
mod dumper;
mod image;
mod lent_chunks;
#[cfg(feature = "oracle")]
pub mod oracle;
pub mod room;
mod shared_slots;
mod stack;
mod trim;
pub mod trust;

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, FromRawFd};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::cgroup;
use crate::frames::FrameWriter;
use crate::freeze::{
    self, Background, Child, Failure, FreezeError, Frozen, Pace, Priority, Terms, Way,
};
use crate::heap::call_stack;
use crate::heap::export::Inventoried;
use crate::heap::graph::Graph;
use crate::heap::layout::Layout;
use crate::heap::layout::debug_constants::{self, Disagreement};
use crate::heap::memory::Memory;
use crate::heap::page_numbers::PageNumbers;
use crate::heap::redaction::Redaction;
use crate::heap::self_test::self_test;
use crate::heap::{Counts, HeapError};
use crate::monitor::{Helper, HelperError, RunningHelper};
use crate::snapshot::chunk::{Chunk, ChunkOutput};
use crate::summary::{DumpMetadata, HeapSummary};
use crate::v8::{self, Isolate};
use crate::watch::{ChildEnd, Dumper};
use dumper::NativeDumper;
use lent_chunks::LentChunks;
use shared_slots::shared_slots;
use stack::Stack;

/// A frozen child is ended after this long: a disk that takes nothing, or a reader that hangs.
pub const DEADLINE: Duration = Duration::from_millis(300_000);

/// The share of a CPU quota that a child takes beside an application that goes on. Without a quota its priority keeps it out
/// of the way.
const SHARE_OF_QUOTA: f64 = 0.25;

/// A pipe of this size lets the child and the helper work without waiting for each other at each frame, and what it holds is
/// still in the processor's cache when the helper takes it.
const PIPE_BYTES: i32 = 512 << 10;

/// Reads the heap of one isolate.
#[derive(Clone, Copy)]
pub struct HeapReader {
    isolate: u64,
    /// The stack of the isolate's thread.
    stack: Stack,
    layout: &'static Layout,
    /// Where the numbers of pages are kept from one dump to the next.
    page_slots: &'static [AtomicU64],
    /// The share of one CPU for a child beside an application that goes on.
    share: f64,
    /// Whether contents of strings are hidden.
    redacts: bool,
}

/// A dump that is being made: the helper at work, and the frozen child if there could be one.
pub type Begun = (RunningHelper, Option<Box<dyn ChildEnd>>);

/// Why a dump that was asked for cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum NativeError {
    /// There is no helper to write the file.
    #[error(transparent)]
    Helper(#[from] HelperError),
    /// There is no frozen image.
    #[error("no heap snapshot: {0}")]
    Freeze(#[from] FreezeError),
    /// There is no memory for one.
    #[error("no heap snapshot: {0}")]
    Room(#[from] room::NoRoomForCopies),
    /// There are no descriptors left.
    #[error("no heap snapshot: no pipe can be made ({0}); raise the limit of open files")]
    Pipe(#[source] io::Error),
}

/// Why the heap reader is not to be trusted with this process.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// There is no layout of this V8.
    #[error("the heap of V8 {0} is not known to this version of node-oom-heapdump")]
    UnknownVersion(String),
    /// There is one, but the running program states other numbers.
    #[error(
        "the heap of V8 {version} is not laid out as node-oom-heapdump knows it: {disagreement}"
    )]
    OtherLayout {
        /// `process.versions.v8`.
        version: String,
        /// The first number that differs.
        disagreement: Disagreement,
    },
}

impl HeapReader {
    /// A reader for the heap of `isolate`, the one of the calling thread, whose V8 is `v8_version` (`process.versions.v8`).
    ///
    /// # Errors
    /// When there is no layout of that V8, or what the running program states of itself is not what the layout has.
    pub fn new(isolate: Isolate, v8_version: &str) -> Result<HeapReader, Distrust> {
        let layout = Layout::of(v8_version)
            .ok_or_else(|| Distrust::UnknownVersion(v8_version.to_owned()))?;
        check_program(layout).map_err(|disagreement| Distrust::OtherLayout {
            version: v8_version.to_owned(),
            disagreement,
        })?;
        let quota = cgroup::cpu_quota(Path::new(cgroup::SYSTEM_ROOT));
        Ok(HeapReader {
            isolate: isolate.address() as u64,
            stack: Stack::of_this_thread(),
            layout,
            page_slots: shared_slots(),
            share: quota.map_or(1.0, |processors| (processors * SHARE_OF_QUOTA).min(1.0)),
            redacts: false,
        })
    }

    /// The same reader, hiding the contents of strings if it `redacts`.
    pub fn redacting(self, redacts: bool) -> HeapReader {
        HeapReader { redacts, ..self }
    }

    /// What begins the dumps that the watch calls for.
    pub fn dumper(&self) -> Box<dyn Dumper> {
        Box::new(NativeDumper { reader: *self })
    }

    /// Begins a dump that was asked for. The helper runs before the process is frozen: where only the shared way is open,
    /// somebody must empty the pipe meanwhile.
    ///
    /// # Errors
    /// When another dump is being made, or the helper cannot be started. A refused clone goes through the pipe to the helper.
    pub fn begin(
        &self,
        helper: &mut Helper,
        metadata: &DumpMetadata,
    ) -> Result<Begun, NativeError> {
        trust::give_way();
        if freeze::is_busy() {
            return Err(FreezeError::Busy.into());
        }
        let (pipe, output) = pipe().map_err(NativeError::Pipe)?;
        let helper = helper.start(pipe)?;
        let priority = Some(Priority::Idle);
        let reading = self.read_frozen(Way::CopyOnWrite, priority, output, metadata, DEADLINE);
        let reading = reading.ok();
        Ok((helper, reading.map(|reading| Box::new(reading) as _)))
    }

    /// Freezes the process on the isolate's own thread and has the child write the frames of a snapshot to `output`, behind
    /// the metadata. In the shared way this returns when the child has ended. After `deadline` the child is ended. `priority` is
    /// that of a copy-on-write child beside an application that goes on, `None` where that waits.
    ///
    /// # Errors
    /// When the system allows no clone, or too little memory is left for copies; `output` has then been told.
    pub fn read_frozen(
        &self,
        way: Way,
        priority: Option<Priority>,
        output: PipeWriter,
        metadata: &DumpMetadata,
        deadline: Duration,
    ) -> Result<Reading, NativeError> {
        // A helper that is gone reads none of the following either, and is reported where it is waited for.
        let _ = FrameWriter::new(&output).metadata(metadata);
        if priority.is_some()
            && let Err(error) = room::for_copies(metadata)
        {
            tell_helper(&output, &error.to_string());
            return Err(error.into());
        }
        let terms = Terms {
            output: output.as_fd(),
            deadline,
            background: priority.map(|priority| self.background(priority)),
        };
        let stack = self.stack.in_use();
        let job = |child: &mut Child<'_>| self.write_frames(child, &stack);
        // SAFETY: the job reads memory and writes to the pipe; what it allocates stays with it.
        let frozen = unsafe {
            freeze::freeze_either(way, &terms, &job)
                .and_then(|frozen| repeat_after_crash(frozen, &terms, &job, &output))
        };
        match frozen {
            Ok(frozen) => Ok(Reading { frozen, output }),
            Err(error) => {
                tell_helper(&output, &error.to_string());
                Err(error.into())
            }
        }
    }

    /// Freezes the process for the self-test alone.
    ///
    /// # Errors
    /// When the system allows no clone, or a dump is being made.
    pub fn self_test_frozen(&self) -> Result<Frozen, FreezeError> {
        // The child has nothing to say but how it ends.
        let silence = File::options().write(true).open("/dev/null");
        let silence = silence.map_err(|cause| FreezeError::Refused {
            way: Way::CopyOnWrite,
            cause,
        })?;
        let terms = Terms {
            output: silence.as_fd(),
            deadline: DEADLINE,
            background: Some(self.background(Priority::Idle)),
        };
        let stack = self.stack.in_use();
        let job = |child: &mut Child<'_>| {
            let memory = image::memory(child, &stack).map_err(|error| error.to_string())?;
            self.read_heap(&memory).map(drop)
        };
        // SAFETY: as in `read_frozen`.
        unsafe { freeze::freeze(Way::CopyOnWrite, &terms, &job) }
    }

    fn background(&self, priority: Priority) -> Background {
        Background {
            share: self.share,
            priority,
        }
    }

    /// The frozen child's work.
    fn write_frames(&self, child: &mut Child<'_>, stack: &Range<usize>) -> Result<(), String> {
        // SAFETY: the descriptor is open until the child ends; the file is never dropped, so it is not closed here.
        let output = ManuallyDrop::new(unsafe { File::from_raw_fd(child.output().as_raw_fd()) });
        let mut frames = FrameWriter::new(&*output);
        match self.write_snapshot(child, stack, &mut frames) {
            Ok(counts) => frames.done(&counts).map_err(|error| error.to_string()),
            Err(reason) => {
                let told = frames.failed(&reason);
                told.map_err(|error| format!("{reason}; also, {error}"))
                    .and(Err(reason))
            }
        }
    }

    fn write_snapshot(
        &self,
        child: &mut Child<'_>,
        stack: &Range<usize>,
        frames: &mut FrameWriter<&File>,
    ) -> Result<Counts, String> {
        let memory = image::memory(child, stack).map_err(|error| {
            format!(
                "/proc/self/maps cannot be read ({error}); mount /proc, or use the method inspector"
            )
        })?;
        let mut graph = self.read_heap(&memory)?;
        if self.redacts {
            let redaction = Redaction::new(&graph);
            let redaction = redaction.map_err(|error| {
                format!("the system gives no random bytes to redact with: {error}")
            })?;
            graph.redaction = Some(redaction);
        }
        let inventoried = Inventoried::new(&graph);
        let mut summary = HeapSummary {
            js_stack: call_stack::calls(&graph, self.isolate),
            ..inventoried.summary()
        };
        let failed = |error| HeapError::Write(error).to_string();
        frames.summary(&summary).map_err(failed)?;
        let counted = inventoried.count();
        summary.edges = Some(counted.edges());
        frames.summary(&summary).map_err(failed)?;
        let output = Paced {
            output: LentChunks::new(frames),
            pace: &mut child.pace,
        };
        let page_numbers = PageNumbers::in_slots(self.page_slots);
        let counts = counted.write(page_numbers, output);
        counts.map_err(|error| error.to_string())
    }

    /// Marks the heap and makes sure that what was found is what is there.
    fn read_heap<'m>(&self, memory: &'m Memory<'m>) -> Result<Graph<'m>, String> {
        let graph =
            Graph::read(memory, self.isolate, self.layout).map_err(|error| error.to_string())?;
        self_test(&graph).map_err(|error| error.to_string())?;
        Ok(graph)
    }
}

/// What crashed a child on the application's own memory, such as another thread that unmapped some of it meanwhile, cannot
/// harm a child that has a copy. The helper is told that all begins again.
///
/// # Safety
/// As for [`freeze::freeze`].
unsafe fn repeat_after_crash<J>(
    mut frozen: Frozen,
    terms: &Terms<'_>,
    job: &J,
    output: &PipeWriter,
) -> Result<Frozen, FreezeError>
where
    J: Fn(&mut Child<'_>) -> Result<(), String>,
{
    let ended = match frozen.way() {
        Way::Shared => frozen.try_wait(),
        Way::CopyOnWrite => None,
    };
    let failure = ended.and_then(|ended| ended.result.err());
    let Some(crash) = failure.filter(Failure::is_crash) else {
        return Ok(frozen);
    };
    // It gives its place to the next one.
    drop(frozen);
    let reason = format!("{crash}; the heap is read once more, from a copy of the memory");
    // A helper that is gone reads nothing of what follows either, and is reported where it is waited for.
    let _ = FrameWriter::after_a_cut(output).and_then(|frames| frames.begin_again(&reason));
    let terms = Terms {
        background: None,
        ..*terms
    };
    // SAFETY: the caller's promise.
    unsafe { freeze::freeze(Way::CopyOnWrite, &terms, job) }
}

/// Holds `layout` against the running program. All isolates of a process are of one V8, so it is asked once.
fn check_program(layout: &'static Layout) -> Result<(), Disagreement> {
    static CHECKED: OnceLock<((u32, u32), Result<(), Disagreement>)> = OnceLock::new();
    let check = || debug_constants::check(layout, v8::debug_constants());
    match CHECKED.get_or_init(|| (layout.version, check())) {
        (version, result) if *version == layout.version => result.clone(),
        _ => check(),
    }
}

/// Keeps the child within its share of the CPU, from one chunk to the next.
struct Paced<'a, O> {
    output: O,
    pace: &'a mut Pace,
}

impl<O: ChunkOutput> ChunkOutput for Paced<'_, O> {
    fn pass_on(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        self.pace.keep();
        self.output.pass_on(chunk)
    }

    fn finish(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.finish(bytes)
    }
}

/// A heap that is being read: the frozen child, and the end of the pipe that it writes to.
#[must_use = "the frozen child is killed when this value is dropped"]
pub struct Reading {
    frozen: Frozen,
    output: PipeWriter,
}

impl ChildEnd for Reading {
    /// Waits for the child and reaps it. What it could not tell the helper itself, such as that it was killed, is told here. A
    /// child that nobody reads any more is killed: until it writes again it would not notice, and have memory copied.
    fn wait(mut self: Box<Self>) {
        let ended = loop {
            match self.frozen.try_wait() {
                Some(ended) => break ended,
                None if loses_its_reader(&self.output, Frozen::POLL_INTERVAL) => return,
                None => {}
            }
        };
        if let Err(failure) = ended.result {
            tell_helper(&self.output, &failure.to_string());
        }
    }
}

/// Whether nobody reads from the pipe any more, which is waited for.
fn loses_its_reader(output: &PipeWriter, patience: Duration) -> bool {
    let mut descriptor = libc::pollfd {
        fd: output.as_raw_fd(),
        events: 0,
        revents: 0,
    };
    // SAFETY: one descriptor, which is open, and its structure.
    unsafe { libc::poll(&raw mut descriptor, 1, patience.as_millis() as libc::c_int) };
    descriptor.revents & libc::POLLERR != 0
}

/// Tells why there will be no snapshot. A helper that knows already, or is gone, does not read it.
fn tell_helper(output: &PipeWriter, reason: &str) {
    let _ = FrameWriter::after_a_cut(output).and_then(|frames| frames.failed(reason));
}

/// The pipe from the frozen child to the helper.
///
/// # Errors
/// When the process has no descriptors left.
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    // SAFETY: sets the size of a pipe that is open. A refusal leaves the smaller default, which only costs time.
    unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, PIPE_BYTES) };
    Ok((reader, writer))
}
