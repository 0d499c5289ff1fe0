//! One dump from its first word to its last, in this order: the summary, the snapshot, the dumps that are kept, the suspects, the
//! program that is run. A stage that fails never takes away what those before it have written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::headroom::Headroom;
use super::place::{Place, Step, Witness};
use super::relay::Piece;
use super::sink::{Sink, Written};
use super::summary_file::{Conclusion, FileName, Snapshot, Summary, SummaryFile};
use super::suspects::NoSuspects;
use super::temporary::TemporaryFile;
use super::{Encoding, Error, hook, preflight, rotation, suspects, words};
use crate::message::tell;
use crate::request::FileOptions;
use crate::summary::{DumpMetadata, HeapSummary, Reason};

/// A dump that is being made.
pub struct Dump<'a> {
    options: &'a FileOptions,
    began: Instant,
    place: Place,
    headroom: Arc<Headroom>,
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
            headroom: Arc::new(Headroom::of_this_process()),
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
    pub fn headroom(&self) -> Arc<Headroom> {
        Arc::clone(&self.headroom)
    }

    /// Takes note of who is dumped and why.
    pub fn note_metadata(&mut self, metadata: DumpMetadata) {
        self.content.dump = metadata;
        self.keep_reserve();
        self.save();
    }

    /// Takes note of what the heap holds. People are told once.
    pub fn note_heap(&mut self, heap: HeapSummary) {
        if self.content.heap.is_none() {
            self.content.heap_after_ms = Some(self.duration_ms());
            self.tell_of(&heap);
        }
        self.content.heap = Some(heap);
        self.save();
    }

    fn tell_of(&self, heap: &HeapSummary) {
        if self.content.dump.reason != Reason::Request {
            for line in words::describe(&self.content.dump, heap) {
                tell(&format!("summary: {line}"));
            }
        }
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
            // The folder is memory.
            self.headroom.expect_growth();
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
        let mut sink = self.sink.take().ok_or_else(|| Error::Incomplete {
            file: self.place.path_of(&self.place.snapshot()),
            bytes: 0,
        })?;
        let named = self.name_snapshot(&mut sink);
        self.sink = Some(sink);
        let written = named?;
        self.place.sync();
        self.remove_oldest();
        Ok(written)
    }

    fn name_snapshot(&mut self, sink: &mut Sink) -> Result<Written, Error> {
        let mut written = sink.finish()?;
        loop {
            self.content.snapshot = Snapshot::Complete {
                file: FileName::of(written.file.file_name().unwrap_or_default()),
                bytes: written.bytes,
                snapshot_bytes: written.snapshot_bytes,
                duration_ms: self.duration_ms(),
            };
            let conclusion = self.prepare_conclusion();
            if sink.take_name(&mut written)? {
                self.conclude(conclusion);
                return Ok(written);
            }
        }
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
        let found = suspects::find(&self.place, written, &self.headroom, self.deadline());
        match found.and_then(|suspects| self.name_suspects(suspects)) {
            Ok(file) => tell(&format!("suspects: all of them are in {}", file.display())),
            Err(reason) => tell(&format!(
                "suspects: not all is known of what leaked, for {reason}; node-oom-heapdump analyze tells it"
            )),
        }
    }

    fn name_suspects(&mut self, mut suspects: TemporaryFile) -> Result<PathBuf, NoSuspects> {
        let name = self.place.suspects();
        let file = self.place.path_of(&name);
        self.place.tell(Step::Naming(&file));
        self.content.suspects = Some(FileName::of(&name));
        let conclusion = self.prepare_conclusion();
        let named = suspects.move_to(&name);
        if matches!(named, Ok(true)) {
            self.conclude(conclusion);
            return Ok(file);
        }
        self.content.suspects = None;
        named?;
        Err(NoSuspects::Taken(file))
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

    /// The summary as it will be when another file has its name; nothing where it cannot be written yet.
    fn prepare_conclusion(&mut self) -> Option<Conclusion> {
        let file = self.summary.as_mut()?;
        file.content = self.content.clone();
        file.prepare().ok()
    }

    /// That file has its name.
    fn conclude(&mut self, conclusion: Option<Conclusion>) {
        match conclusion.map(Conclusion::take_place) {
            Some(Ok(())) => {}
            Some(Err(_)) | None => self.save(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::folder::tests::TestFolder;
    use std::cell::RefCell;
    use std::fs;
    use std::rc::Rc;

    #[test]
    fn when_the_snapshot_gets_its_name_the_summary_that_says_so_lies_beside_it() {
        let folder = TestFolder::new();
        let file = folder.file("x.heapsnapshot");
        let options = FileOptions::default();
        let seen = Rc::new(RefCell::new((PathBuf::new(), Vec::new())));
        let witness: Witness = {
            let (seen, file) = (Rc::clone(&seen), file.clone());
            Rc::new(move |step| match step {
                Step::Writing(file) => seen.borrow_mut().0 = file.to_owned(),
                Step::Naming(name) => assert_eq!(name, file),
                Step::Concluding(summary) => {
                    assert!(!file.exists());
                    let content = |file: &Path| -> Summary {
                        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
                    };
                    let mut seen = seen.borrow_mut();
                    seen.1 = vec![content(summary), content(&seen.0)];
                }
            })
        };
        let mut dump = Dump::begin(&file, &options, witness).unwrap();
        dump.note_metadata(DumpMetadata::default());
        dump.write(b"{\"snapshot\":{},\"strings\":[]}").unwrap();
        dump.complete().unwrap();
        let (_, summaries) = &*seen.borrow();
        let [before, after] = summaries.as_slice() else {
            panic!("nobody was told of the summary: {summaries:?}");
        };
        assert_eq!(before.snapshot, Snapshot::Begun);
        assert!(matches!(after.snapshot, Snapshot::Complete { .. }));
        assert_eq!(folder.names(), ["x.heapsnapshot", "x.summary.json"]);
    }
}
