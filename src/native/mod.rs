//! A dump by our own heap reader: it freezes the process and has the frozen child read the isolate's heap.
//!
//! This room wires `freeze`, `heap` and `frames`. It knows nothing of files: the frames go through a pipe to the helper.

#[cfg(feature = "bench")]
pub mod cost;
mod image;

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, FromRawFd};
use std::time::Duration;

use crate::frames::FrameWriter;
use crate::freeze::{self, Child, FreezeError, Frozen, Terms, Way};
use crate::heap::layout::Layout;
use crate::heap::{self, PageNumbers};
use crate::v8::Isolate;

/// A frozen child is ended after this long: a disk that takes nothing, or a reader that hangs.
pub const DEADLINE: Duration = Duration::from_millis(300_000);

/// The share of one CPU that a child takes beside an application that lives on.
const BACKGROUND_SHARE: f64 = 0.25;

/// A pipe of this size lets the child and the helper work without waiting for each other at each frame.
const PIPE_BYTES: i32 = 1 << 20;

/// Reads the heap of one isolate.
#[derive(Clone, Copy)]
pub struct HeapReader {
    isolate: u64,
    layout: &'static Layout,
}

/// Why the heap reader is not to be trusted with this process.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// There is no layout of this V8.
    #[error("the heap of V8 {0} is not known to this version of node-oom-heapdump")]
    UnknownVersion(String),
}

impl HeapReader {
    /// A reader for the heap of `isolate`, whose V8 is `v8_version` (`process.versions.v8`).
    ///
    /// # Errors
    /// When there is no layout of that V8.
    pub fn new(isolate: Isolate, v8_version: &str) -> Result<HeapReader, Distrust> {
        let layout = Layout::of(v8_version)
            .ok_or_else(|| Distrust::UnknownVersion(v8_version.to_owned()))?;
        Ok(HeapReader {
            isolate: isolate.address() as u64,
            layout,
        })
    }

    /// Freezes the process on the isolate's own thread and has the child write the frames of a snapshot to `output`. In the
    /// shared way this returns when the child has ended.
    ///
    /// # Errors
    /// When the system allows no clone; `output` has then been told.
    pub fn read_frozen(&self, way: Way, output: PipeWriter) -> Result<Frozen, FreezeError> {
        let terms = Terms {
            output: output.as_fd(),
            deadline: DEADLINE,
            background: (way == Way::CopyOnWrite).then_some(BACKGROUND_SHARE),
        };
        // SAFETY: the job reads memory and writes to the pipe; what it allocates stays with it.
        let frozen =
            unsafe { freeze::freeze_either(way, &terms, &|child| self.write_frames(child)) };
        if let Err(error) = &frozen {
            // The helper would else only see the pipe end; if it is gone already, nobody waits for the reason.
            let _ = FrameWriter::new(&output).failed(&error.to_string());
        }
        frozen
    }

    /// The frozen child's work.
    fn write_frames(&self, child: &mut Child<'_>) -> Result<(), String> {
        // SAFETY: the descriptor is open until the child ends; the file is never dropped, so it is not closed here.
        let output = ManuallyDrop::new(unsafe { File::from_raw_fd(child.output().as_raw_fd()) });
        let mut frames = FrameWriter::new(&*output);
        match self.write_snapshot(child, &mut frames) {
            Ok(()) => frames.done().map_err(|error| error.to_string()),
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
        frames: &mut FrameWriter<&File>,
    ) -> Result<(), String> {
        let mappings =
            image::mappings(child).map_err(|error| format!("/proc/self/maps: {error}"))?;
        // SAFETY: in the copy-on-write way the memory is the child's own. In the shared way other threads may unmap theirs;
        // a read of it then ends the child, and nothing else.
        let memory = unsafe { heap::memory::Memory::of_this_process(&mappings) };
        let mut page_numbers = PageNumbers::default();
        heap::write_snapshot(
            &memory,
            self.isolate,
            self.layout,
            &mut page_numbers,
            frames,
        )
        .map(drop)
        .map_err(|error| error.to_string())
    }
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
