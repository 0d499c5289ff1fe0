//! What the frozen process and its child tell the helper over their pipe: frames, not bare bytes.
//!
//! A frame is its kind (one byte), the length of its content (four bytes, little-endian) and the content. First come the
//! metadata, which the process itself writes before it is frozen; then, from the child, the summary of the heap as far as it is
//! known, the whole summary, the chunks of the snapshot and one *done*, with the counts of what there must have been, or one
//! *failed*, with the reason. Only *done* makes a complete file: a pipe that just ends does not. Both ends of the pipe are this file.
//!
//! A reader is done with a frame, as with all that came before, when it takes the first byte behind it. Memory that was lent to
//! the pipe relies on that.
//!
//! A child may end in the middle of a frame. The process then writes [`padding`](FrameWriter::after_a_cut), which completes
//! whatever frame was cut, and speaks itself: *failed*, or *begin again*, after which another child starts anew.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::heap::Counts;
use crate::summary::{DumpMetadata, HeapSummary};

/// No frame is longer. A reader that is told of one is not talking to a [`FrameWriter`].
const LONGEST_CONTENT: usize = 512 << 10;

const HEAD_BYTES: usize = 5;

/// A single byte without length and content, between frames.
const PADDING: u8 = 0;
const METADATA: u8 = 1;
const SUMMARY: u8 = 2;
const CHUNK: u8 = 3;
const DONE: u8 = 4;
const FAILED: u8 = 5;
const BEGIN_AGAIN: u8 = 6;
const INNER_CHUNK: u8 = 7;

/// Writes the frames of one snapshot. Each call of [`Write::write`] becomes a chunk, so the caller buffers. The first bytes of
/// a snapshot and its last must go this way.
pub struct FrameWriter<W> {
    output: W,
}

impl<W: Write> FrameWriter<W> {
    /// Frames that go to `output`, where no frame was begun.
    pub fn new(output: W) -> FrameWriter<W> {
        FrameWriter { output }
    }

    /// Frames that go to `output`, where a writer may have ended in the middle of a frame.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn after_a_cut(mut output: W) -> io::Result<FrameWriter<W>> {
        const STEP: [u8; 4096] = [PADDING; 4096];
        for _ in 0..(HEAD_BYTES + LONGEST_CONTENT).div_ceil(STEP.len()) {
            output.write_all(&STEP)?;
        }
        Ok(FrameWriter { output })
    }

    /// Tells who is dumped and why.
    pub fn metadata(&mut self, metadata: &DumpMetadata) -> io::Result<()> {
        self.json(METADATA, metadata)
    }

    /// Tells what the heap holds, before its first node; once more when more is known.
    pub fn summary(&mut self, summary: &HeapSummary) -> io::Result<()> {
        self.json(SUMMARY, summary)
    }

    /// Ends a snapshot that was written wholly.
    pub fn done(mut self, counts: &Counts) -> io::Result<()> {
        self.json(DONE, counts)
    }

    /// Ends a snapshot that will not come, or not wholly.
    pub fn failed(mut self, reason: &str) -> io::Result<()> {
        self.sentence(FAILED, reason)
    }

    /// Takes back the summary and the chunks so far, for `reason`: they will be sent anew.
    pub fn begin_again(mut self, reason: &str) -> io::Result<()> {
        self.sentence(BEGIN_AGAIN, reason)
    }

    /// A chunk of `length` bytes that neither begins nor ends the snapshot, so that nobody needs to look at it. `send` brings
    /// exactly these bytes to the output.
    ///
    /// # Errors
    /// Whatever `send` returns, nobody reads any more, or no frame is that long.
    pub fn inner_chunk(
        &mut self,
        length: usize,
        send: impl FnOnce(&mut W) -> io::Result<()>,
    ) -> io::Result<()> {
        self.head(INNER_CHUNK, length)?;
        send(&mut self.output)
    }

    /// Where the frames go.
    pub fn output(&self) -> &W {
        &self.output
    }

    fn json(&mut self, kind: u8, content: &impl Serialize) -> io::Result<()> {
        self.frame(kind, &serde_json::to_vec(content)?)
    }

    fn sentence(&mut self, kind: u8, sentence: &str) -> io::Result<()> {
        let sentence = sentence.as_bytes();
        self.frame(kind, &sentence[..sentence.len().min(LONGEST_CONTENT)])
    }

    fn frame(&mut self, kind: u8, content: &[u8]) -> io::Result<()> {
        self.head(kind, content.len())?;
        self.output.write_all(content)
    }

    fn head(&mut self, kind: u8, length: usize) -> io::Result<()> {
        if length > LONGEST_CONTENT {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut head = [kind; HEAD_BYTES];
        head[1..].copy_from_slice(&(length as u32).to_le_bytes());
        self.output.write_all(&head)
    }
}

impl<W: Write> Write for FrameWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = &bytes[..bytes.len().min(LONGEST_CONTENT)];
        if !chunk.is_empty() {
            self.frame(CHUNK, chunk)?;
        }
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// What a reader of frames is told, in this order; only the chunks are certain to come.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a, R> {
    /// Who is dumped and why.
    Metadata(Box<DumpMetadata>),
    /// What the heap holds, as far as it is known. The last one is whole.
    Summary(HeapSummary),
    /// The next bytes of the snapshot.
    Chunk(&'a [u8]),
    /// The next bytes of the snapshot, neither its first nor its last, which are still in the input. Whoever is told takes
    /// them from there, exactly that many.
    InnerChunk {
        /// What the frames are read from.
        input: &'a mut R,
        /// How many.
        length: usize,
    },
    /// The summary and the chunks so far are void, and come anew.
    BeginAgain {
        /// A sentence.
        reason: String,
    },
}

/// Why the frames did not become a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The writer said so.
    #[error("{0}")]
    Failed(String),
    /// The writer was ended in the middle.
    #[error(
        "the frozen child ended before the snapshot was complete; it may have been killed for lack of memory"
    )]
    Ended,
    /// Not the words of a [`FrameWriter`], or bytes are missing.
    #[error("what came from the frozen child is no snapshot ({0})")]
    Garbled(&'static str),
    /// The pipe could not be read.
    #[error("the pipe from the frozen child cannot be read: {0}")]
    Read(#[from] io::Error),
}

/// Reads the frames of one snapshot and tells `receive`. The snapshot is complete when this returns its counts.
///
/// # Errors
/// A [`FrameError`], and whatever `receive` returns.
pub fn read_snapshot<R: Read, E: From<FrameError>>(
    mut input: R,
    mut receive: impl FnMut(Event<'_, R>) -> Result<(), E>,
) -> Result<Counts, E> {
    let mut content = Vec::new();
    let mut bytes = 0;
    loop {
        let (kind, length) = read_head(&mut input)?;
        if kind == INNER_CHUNK {
            bytes += length as u64;
            let input = &mut input;
            receive(Event::InnerChunk { input, length })?;
            continue;
        }
        content.resize(length, 0);
        read_exactly(&mut input, &mut content)?;
        match kind {
            // No whole text ends so. A chunk that was cut is taken back by what follows it.
            METADATA | SUMMARY | DONE | FAILED | BEGIN_AGAIN if is_cut(&content) => {}
            METADATA => receive(Event::Metadata(Box::new(parse(&content)?)))?,
            SUMMARY => receive(Event::Summary(parse(&content)?))?,
            CHUNK => {
                bytes += content.len() as u64;
                receive(Event::Chunk(&content))?;
            }
            BEGIN_AGAIN => {
                bytes = 0;
                let reason = String::from_utf8_lossy(&content).into_owned();
                receive(Event::BeginAgain { reason })?;
            }
            FAILED => {
                let reason = String::from_utf8_lossy(&content).into_owned();
                return Err(FrameError::Failed(reason).into());
            }
            DONE => {
                let counts: Counts = parse(&content)?;
                return match counts.bytes == bytes {
                    true => Ok(counts),
                    false => Err(FrameError::Garbled("bytes are missing").into()),
                };
            }
            _ => return Err(FrameError::Garbled("a frame of an unknown kind").into()),
        }
    }
}

/// Whether a frame of text was completed by padding.
fn is_cut(content: &[u8]) -> bool {
    content.last().is_none_or(|&byte| byte == PADDING)
}

fn parse<T: DeserializeOwned>(content: &[u8]) -> Result<T, FrameError> {
    serde_json::from_slice(content).map_err(|_| FrameError::Garbled("a frame that cannot be read"))
}

/// Reads the kind of the next frame and the length of its content, and nothing of what follows: that may be taken from the
/// input in another way.
fn read_head(input: &mut impl Read) -> Result<(u8, usize), FrameError> {
    let mut head = [PADDING; HEAD_BYTES];
    while head[0] == PADDING {
        let padding = head.iter().take_while(|&&byte| byte == PADDING).count();
        head.copy_within(padding.., 0);
        read_exactly(input, &mut head[HEAD_BYTES - padding..])?;
    }
    let [kind, length @ ..] = head;
    match u32::from_le_bytes(length) as usize {
        length @ ..=LONGEST_CONTENT => Ok((kind, length)),
        _ => Err(FrameError::Garbled("a frame that is too long")),
    }
}

fn read_exactly(input: &mut impl Read, buffer: &mut [u8]) -> Result<(), FrameError> {
    input
        .read_exact(buffer)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => FrameError::Ended,
            _ => FrameError::Read(error),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::{ConstructorUse, Reason};

    /// What a reader was told, the chunks put together.
    #[derive(Debug, Default, PartialEq)]
    struct Told {
        metadata: Vec<DumpMetadata>,
        summaries: Vec<HeapSummary>,
        snapshot: Vec<u8>,
        beginnings: Vec<String>,
        counts: Counts,
    }

    fn read(stream: &[u8]) -> Result<Told, FrameError> {
        let mut told = Told::default();
        told.counts = read_snapshot(stream, |event| {
            match event {
                Event::Metadata(metadata) => told.metadata.push(*metadata),
                Event::Summary(summary) => told.summaries.push(summary),
                Event::Chunk(bytes) => told.snapshot.extend_from_slice(bytes),
                Event::InnerChunk { input, length } => {
                    let begun = told.snapshot.len();
                    told.snapshot.resize(begun + length, 0);
                    read_exactly(input, &mut told.snapshot[begun..])?;
                }
                Event::BeginAgain { reason } => {
                    told.snapshot.clear();
                    told.beginnings.push(reason);
                }
            }
            Ok::<(), FrameError>(())
        })?;
        Ok(told)
    }

    const SNAPSHOT: &[u8] = b"{\"snapshot\":{}}";

    fn metadata() -> DumpMetadata {
        DumpMetadata {
            reason: Reason::NearHeapLimit,
            process: 7,
            exec_argv: vec!["--max-old-space-size=60".into()],
            ..DumpMetadata::default()
        }
    }

    fn summary() -> HeapSummary {
        let name = "Grün".to_owned();
        let constructor = ConstructorUse {
            name,
            count: 2,
            bytes: 48,
        };
        HeapSummary {
            nodes: 3,
            edges: Some(2),
            bytes: 64,
            array_buffers: 8,
            constructors: vec![constructor],
            js_stack: vec!["f (/a.js:1:1)".to_owned()],
        }
    }

    fn counts(bytes: usize) -> Counts {
        Counts {
            nodes: 3,
            bytes: bytes as u64,
            ..Counts::default()
        }
    }

    fn begin(stream: &mut Vec<u8>) -> FrameWriter<&mut Vec<u8>> {
        let mut frames = FrameWriter::new(stream);
        frames.summary(&summary()).unwrap();
        frames.write_all(&SNAPSHOT[..5]).unwrap();
        let inner = &SNAPSHOT[5..9];
        let sent = frames.inner_chunk(inner.len(), |output| output.write_all(inner));
        sent.unwrap();
        frames.write_all(&SNAPSHOT[9..]).unwrap();
        frames
    }

    fn whole_snapshot() -> Vec<u8> {
        let mut stream = Vec::new();
        let mut of_the_process = FrameWriter::new(&mut stream);
        of_the_process.metadata(&metadata()).unwrap();
        begin(&mut stream).done(&counts(SNAPSHOT.len())).unwrap();
        stream
    }

    #[test]
    fn what_was_told_reads_as_it_was_written() {
        let told = Told {
            metadata: vec![metadata()],
            summaries: vec![summary()],
            snapshot: SNAPSHOT.to_vec(),
            beginnings: vec![],
            counts: counts(SNAPSHOT.len()),
        };
        assert_eq!(read(&whole_snapshot()).unwrap(), told);
    }

    #[test]
    fn more_bytes_than_a_frame_holds_become_several() {
        let snapshot = vec![b'x'; 3 * LONGEST_CONTENT + 1];
        let mut stream = Vec::new();
        let mut frames = FrameWriter::new(&mut stream);
        frames.write_all(&snapshot).unwrap();
        frames.done(&counts(snapshot.len())).unwrap();
        assert_eq!(read(&stream).unwrap().snapshot, snapshot);
    }

    #[test]
    fn a_failure_keeps_its_reason() {
        let mut stream = Vec::new();
        begin(&mut stream).failed("there is no heap").unwrap();
        assert!(
            matches!(read(&stream), Err(FrameError::Failed(reason)) if reason == "there is no heap")
        );
    }

    #[test]
    fn a_stream_that_ends_anywhere_before_its_last_byte_is_not_complete() {
        let stream = whole_snapshot();
        for length in 0..stream.len() {
            assert!(
                matches!(read(&stream[..length]), Err(FrameError::Ended)),
                "{length}"
            );
        }
    }

    #[test]
    fn a_stream_that_was_cut_anywhere_can_be_begun_again() {
        let stream = whole_snapshot();
        let end_of_metadata = HEAD_BYTES + serde_json::to_vec(&metadata()).unwrap().len();
        for length in end_of_metadata..stream.len() {
            let mut mended = stream[..length].to_vec();
            let frames = FrameWriter::after_a_cut(&mut mended).unwrap();
            frames.begin_again("it crashed").unwrap();
            begin(&mut mended).done(&counts(SNAPSHOT.len())).unwrap();
            let told = read(&mended).unwrap();
            assert_eq!(told.snapshot, SNAPSHOT, "{length}");
            assert_eq!(told.metadata, [metadata()], "{length}");
            assert_eq!(told.beginnings, ["it crashed"], "{length}");
            assert_eq!(told.summaries.last(), Some(&summary()), "{length}");
        }
    }

    #[test]
    fn the_reason_why_a_stream_was_cut_is_heard() {
        let stream = whole_snapshot();
        for length in 0..stream.len() {
            let mut told = stream[..length].to_vec();
            let frames = FrameWriter::after_a_cut(&mut told).unwrap();
            frames.failed("it was killed").unwrap();
            assert!(
                matches!(read(&told), Err(FrameError::Failed(reason)) if reason == "it was killed"),
                "{length}"
            );
        }
    }

    #[test]
    fn a_stream_with_bytes_missing_is_not_complete() {
        let mut stream = Vec::new();
        begin(&mut stream)
            .done(&counts(SNAPSHOT.len() + 1))
            .unwrap();
        assert!(matches!(read(&stream), Err(FrameError::Garbled(_))));
    }

    #[test]
    fn a_frame_that_claims_too_much_is_refused_before_memory_is_taken_for_it() {
        assert!(matches!(
            read(&[CHUNK, 0xff, 0xff, 0xff, 0xff]),
            Err(FrameError::Garbled(_))
        ));
    }
}
