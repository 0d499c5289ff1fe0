//! One dump from its first word to its last, in this order: the summary, the snapshot, the dumps that are kept, the suspects, the
//! program that is run. A stage that fails never takes away what those before it have written.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use super::headroom::Headroom;
use super::place::{Place, Witness};
use super::relay::Piece;
use super::sink::{Sink, Written};
use super::summary_file::{FileName, Snapshot, Summary, SummaryFile};
use super::{Encoding, Error, hook, preflight, rotation, suspects, words};
use crate::message::tell;
use crate::request::FileOptions;
use crate::summary::{DumpMetadata, HeapSummary, Reason};

/// A dump that is being made.
pub struct Dump<'a> {
    options: &'a FileOptions,
    began: Instant,
    place: Place,
    headroom: Rc<Headroom>,
    content: Summary,
    summary: Option<SummaryFile>,
    /// Whether people have heard that the summary cannot be written.
    has_told: bool,
    sink: Option<Sink>,
}

impl<'a> Dump<'a> {
    /// Begins a dump whose snapshot shall be called `file`. Nothing is written yet. `witness` hears of each file.
    ///
    /// # Errors
    /// [`Error::NoFileName`], [`Error::Folder`].
    pub fn begin(
        file: &Path,
        options: &'a FileOptions,
        witness: Witness,
    ) -> Result<Dump<'a>, Error> {
        let encoding = match options.gzip {
            true => Encoding::Gzip,
            false => Encoding::Plain,
        };
        Ok(Dump {
            options,
            began: Instant::now(),
            place: Place::of(file, encoding)?.witnessed_by(witness),
            headroom: Rc::new(Headroom::of_this_process()),
            content: Summary {
                program: options.program.clone(),
                dump: DumpMetadata::default(),
                heap: None,
                heap_after_ms: None,
                snapshot: Snapshot::Begun,
                suspects: None,
                exec: None,
            },
            summary: None,
            has_told: false,
            sink: None,
        })
    }

    /// What watches over the memory of the control group.
    pub fn headroom(&self) -> Rc<Headroom> {
        Rc::clone(&self.headroom)
    }

    /// Takes note of who is dumped and why.
    pub fn note_metadata(&mut self, metadata: DumpMetadata) {
        self.content.dump = metadata;
        self.keep_reserve();
        self.save();
    }

    /// Takes note of what the heap holds.
    pub fn note_heap(&mut self, heap: HeapSummary) {
        if self.content.dump.reason != Reason::Request {
            for line in words::describe(&self.content.dump, &heap) {
                tell(&format!("summary: {line}"));
            }
        }
        self.content.heap = Some(heap);
        self.content.heap_after_ms = Some(self.duration_ms());
        self.save();
    }

    /// Adds the next bytes of the snapshot; before the first ones, looks whether there is room for it.
    ///
    /// # Errors
    /// [`Error::Room`], [`Error::Create`], [`Error::Write`].
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.sink()?.write(chunk)?;
        Ok(self.headroom.check()?)
    }

    /// Likewise bytes that are neither the first nor the last of the snapshot, and that nobody looks at.
    ///
    /// # Errors
    /// As for [`Dump::write`].
    pub fn pass(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        self.sink()?.pass(piece)?;
        Ok(self.headroom.check()?)
    }

    fn sink(&mut self) -> Result<&mut Sink, Error> {
        let sink = match self.sink.take() {
            Some(sink) => sink,
            None => self.begin_snapshot()?,
        };
        Ok(self.sink.insert(sink))
    }

    fn keep_reserve(&self) {
        let DumpMetadata {
            reason, process, ..
        } = self.content.dump;
        self.headroom.keep_reserve_for(reason, process);
    }

    fn begin_snapshot(&mut self) -> Result<Sink, Error> {
        if self.summary.is_none() {
            self.save();
        }
        // An inspector's snapshot may come without metadata.
        self.keep_reserve();
        let Summary { dump, heap, .. } = &self.content;
        let needed = preflight::expected_bytes(dump, heap.as_ref(), self.place.encoding);
        if let Some(notice) = preflight::check(&self.place.folder, needed, self.headroom.now())? {
            tell(&notice);
        }
        Sink::create(&self.place)
    }

    /// Forgets the bytes so far: the snapshot comes anew.
    ///
    /// # Errors
    /// [`Error::Remove`].
    pub fn begin_again(&mut self) -> Result<(), Error> {
        match self.sink.take() {
            Some(mut sink) => sink.discard(),
            None => Ok(()),
        }
    }

    /// Gives the snapshot its final name, and removes older dumps. To be called only when the source has said that it sent
    /// everything.
    ///
    /// # Errors
    /// [`Error::Incomplete`], [`Error::Write`], [`Error::Move`].
    pub fn complete(&mut self) -> Result<Written, Error> {
        let sink = self.sink.as_mut().ok_or_else(|| Error::Incomplete {
            file: self.place.path_of(&self.place.snapshot()),
            bytes: 0,
        })?;
        let written = sink.complete()?;
        self.content.snapshot = Snapshot::Complete {
            file: FileName::of(written.file.file_name().unwrap_or_default()),
            bytes: written.bytes,
            snapshot_bytes: written.snapshot_bytes,
            duration_ms: self.duration_ms(),
        };
        self.save();
        self.remove_oldest();
        Ok(written)
    }

    /// Whether anything that takes time remains to be done for a complete snapshot.
    pub fn is_followed(&self) -> bool {
        self.shall_find_suspects() || !self.options.exec.is_empty()
    }

    /// What remains to be done for a complete snapshot: it is looked for what leaked, and the program of the option `exec` is
    /// run.
    pub fn finish(&mut self, written: &Written) {
        if self.shall_find_suspects() {
            self.find_suspects(written);
        }
        if !self.options.exec.is_empty() {
            self.run_program(written);
        }
    }

    fn run_program(&mut self, written: &Written) {
        let summary = self.summary_path().unwrap_or_default();
        let result = hook::run(&self.options.exec, &written.file, &summary, self.deadline());
        tell(&result.describe());
        self.content.exec = Some(result);
        self.save();
    }

    /// Ends a dump that came to nothing for `reason`, and returns what people should know: the reason, what could not be
    /// removed, and where the summary is.
    pub fn fail(&mut self, reason: String) -> String {
        let leftover = self.begin_again().err();
        let reason = match leftover {
            Some(leftover) => format!("{reason}; also, {leftover}"),
            None => reason,
        };
        self.content.snapshot = Snapshot::Failed {
            reason: reason.clone(),
            duration_ms: self.duration_ms(),
        };
        self.save();
        match self.summary_path() {
            Some(summary) => format!("{reason}; the summary is in {}", summary.display()),
            None => reason,
        }
    }

    /// Who asks for a dump has time to ask what it says. Hashed names would not say anything.
    fn shall_find_suspects(&self) -> bool {
        let is_asked_for = self.content.dump.reason == Reason::Request;
        self.options.suspects && !self.options.redact && !is_asked_for
    }

    fn find_suspects(&mut self, written: &Written) {
        match suspects::find(&self.place, written, &self.headroom, self.deadline()) {
            Ok(file) => {
                tell(&format!("suspects: all of them are in {}", file.display()));
                self.content.suspects = file.file_name().map(FileName::of);
                self.save();
            }
            Err(reason) => tell(&format!(
                "suspects: not all is known of what leaked, for {reason}; node-oom-heapdump analyze tells it"
            )),
        }
    }

    fn deadline(&self) -> Instant {
        self.began + self.options.timeout
    }

    fn remove_oldest(&self) {
        let Some(keep) = self.options.keep else {
            return;
        };
        let (folder, now) = (&self.place.folder, self.content.dump.time_ms);
        if let Err(error) = rotation::remove_oldest(folder, &self.options.program, keep, now) {
            tell(&format!("older dumps are kept: {error}"));
        }
    }

    /// Writes the summary as it is now. People hear of a failure once; the snapshot is made all the same.
    fn save(&mut self) {
        let saved = match &mut self.summary {
            Some(file) => {
                file.content = self.content.clone();
                file.save()
            }
            None => SummaryFile::create(&mut self.place, self.content.clone()).map(|file| {
                self.content = file.content.clone();
                self.summary = Some(file);
            }),
        };
        if let Err(error) = saved
            && !std::mem::replace(&mut self.has_told, true)
        {
            tell(&format!("the summary of the heap is not written: {error}"));
        }
    }

    fn summary_path(&self) -> Option<PathBuf> {
        self.summary.as_ref().map(SummaryFile::path)
    }

    fn duration_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
}
