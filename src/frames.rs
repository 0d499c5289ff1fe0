//! What the frozen child tells the helper over their pipe: frames, not bare bytes.
//!
//! A frame is its kind (one byte), the length of its content (four bytes, little-endian) and the content. Chunks of the
//! snapshot come first; then one *done*, with the number of bytes there must have been, or one *failed*, with the reason.
//! Only *done* makes a complete file: a pipe that just ends does not. Both ends of the pipe are this file.

use std::io::{self, Read, Write};

/// No frame is longer. A reader that is told of one is not talking to a [`FrameWriter`].
const LONGEST_CONTENT: usize = 1 << 20;

const HEAD_BYTES: usize = 5;
const CHUNK: u8 = 1;
const DONE: u8 = 2;
const FAILED: u8 = 3;

/// Writes the frames of one snapshot. Each call of [`Write::write`] becomes a chunk, so the caller buffers.
pub struct FrameWriter<W> {
    output: W,
    bytes: u64,
}

impl<W: Write> FrameWriter<W> {
    /// Frames that go to `output`.
    pub fn new(output: W) -> FrameWriter<W> {
        FrameWriter { output, bytes: 0 }
    }

    /// Ends a snapshot that was written wholly.
    pub fn done(mut self) -> io::Result<()> {
        let bytes = self.bytes.to_le_bytes();
        self.frame(DONE, &bytes)
    }

    /// Ends a snapshot that will not come, or not wholly.
    pub fn failed(mut self, reason: &str) -> io::Result<()> {
        let reason = reason.as_bytes();
        self.frame(FAILED, &reason[..reason.len().min(LONGEST_CONTENT)])
    }

    fn frame(&mut self, kind: u8, content: &[u8]) -> io::Result<()> {
        let mut head = [kind; HEAD_BYTES];
        head[1..].copy_from_slice(&(content.len() as u32).to_le_bytes());
        self.output.write_all(&head)?;
        self.output.write_all(content)
    }
}

impl<W: Write> Write for FrameWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = &bytes[..bytes.len().min(LONGEST_CONTENT)];
        if !chunk.is_empty() {
            self.frame(CHUNK, chunk)?;
            self.bytes += chunk.len() as u64;
        }
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
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

/// Reads the frames of one snapshot and gives its bytes to `write`. It is complete when this returns.
///
/// # Errors
/// A [`FrameError`], and whatever `write` returns.
pub fn read_snapshot<E: From<FrameError>>(
    mut input: impl Read,
    mut write: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut content = Vec::new();
    let mut bytes = 0;
    loop {
        let kind = read_frame(&mut input, &mut content)?;
        match kind {
            CHUNK => {
                bytes += content.len() as u64;
                write(&content)?;
            }
            DONE if content == bytes.to_le_bytes() => return Ok(()),
            DONE => return Err(FrameError::Garbled("bytes are missing").into()),
            FAILED => {
                let reason = String::from_utf8_lossy(&content).into_owned();
                return Err(FrameError::Failed(reason).into());
            }
            _ => return Err(FrameError::Garbled("a frame of an unknown kind").into()),
        }
    }
}

/// Reads the next frame into `content` and returns its kind.
fn read_frame(input: &mut impl Read, content: &mut Vec<u8>) -> Result<u8, FrameError> {
    let mut head = [0; HEAD_BYTES];
    read_exactly(input, &mut head)?;
    let [kind, length @ ..] = head;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST_CONTENT {
        return Err(FrameError::Garbled("a frame that is too long"));
    }
    content.resize(length, 0);
    read_exactly(input, content)?;
    Ok(kind)
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

    fn read(stream: &[u8]) -> Result<Vec<u8>, FrameError> {
        let mut snapshot = Vec::new();
        read_snapshot(stream, |bytes| {
            snapshot.extend_from_slice(bytes);
            Ok::<(), FrameError>(())
        })?;
        Ok(snapshot)
    }

    fn begin(stream: &mut Vec<u8>) -> FrameWriter<&mut Vec<u8>> {
        let mut frames = FrameWriter::new(stream);
        frames.write_all(b"{\"snapshot\":").unwrap();
        frames.write_all(b"{}}").unwrap();
        frames
    }

    fn whole_snapshot() -> Vec<u8> {
        let mut stream = Vec::new();
        begin(&mut stream).done().unwrap();
        stream
    }

    #[test]
    fn a_snapshot_reads_as_it_was_written() {
        let stream = whole_snapshot();
        assert_eq!(read(&stream).unwrap(), b"{\"snapshot\":{}}");
    }

    #[test]
    fn more_bytes_than_a_frame_holds_become_several() {
        let snapshot = vec![b'x'; 3 * LONGEST_CONTENT + 1];
        let mut stream = Vec::new();
        let mut frames = FrameWriter::new(&mut stream);
        frames.write_all(&snapshot).unwrap();
        frames.done().unwrap();
        assert_eq!(read(&stream).unwrap(), snapshot);
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
    fn a_stream_with_bytes_missing_is_not_complete() {
        let mut stream = whole_snapshot();
        stream.drain(..HEAD_BYTES + b"{\"snapshot\":".len());
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
