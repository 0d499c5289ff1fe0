//! The frozen child's way into the pipe: the pages of chunks are lent to it (`vmsplice`), not copied.
//!
//! The pipe keeps pages that were lent to it, whatever becomes of the child and its mappings, and whoever reads is shown what
//! they hold *then*. So a chunk is filled again only when it has been read. The helper is done with a frame before it begins
//! the next one: a chunk has been read when anything behind it is out of the pipe.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::os::fd::AsRawFd;

use crate::frames::FrameWriter;
use crate::snapshot::chunk::{Chunk, ChunkOutput};

/// Sends a snapshot as frames.
pub struct LentChunks<'a, 'o> {
    frames: &'a mut FrameWriter<&'o File>,
    is_begun: bool,
    /// Whether the system takes pages; a sandbox may not.
    lends: bool,
    /// What may not have been read yet, the oldest first; at most one more than the pipe holds, and those read since.
    lent: VecDeque<Chunk>,
}

impl<'a, 'o> LentChunks<'a, 'o> {
    /// A snapshot of which nothing was sent yet.
    pub fn new(frames: &'a mut FrameWriter<&'o File>) -> Self {
        LentChunks {
            frames,
            is_begun: false,
            lends: true,
            lent: VecDeque::new(),
        }
    }

    /// Lends as much of `chunk` as the system takes, and copies the rest.
    fn send(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        let bytes = chunk.bytes();
        let mut lent = 0;
        let sent = self.frames.inner_chunk(bytes.len(), |pipe| {
            if self.lends {
                lent = lend(pipe, bytes);
            }
            pipe.write_all(&bytes[lent..])
        });
        self.lends = lent == bytes.len();
        match lent {
            0 => chunk.clear(),
            _ => self.keep(chunk),
        }
        sent
    }

    /// Keeps what was just lent and leaves an empty chunk in its place: the oldest one, if that has been read.
    fn keep(&mut self, chunk: &mut Chunk) {
        let younger = self.lent.iter().skip(1).map(|lent| lent.bytes().len());
        let behind_oldest = younger.sum::<usize>() + chunk.bytes().len();
        let unread = unread_bytes(self.frames.output());
        // Nothing more is lent where it is not known what was read.
        self.lends &= unread.is_some();
        let is_oldest_read = unread.is_some_and(|bytes| bytes < behind_oldest);
        let read = if is_oldest_read {
            self.lent.pop_front()
        } else {
            None
        };
        let mut empty = read.unwrap_or_else(|| chunk.another());
        empty.clear();
        self.lent.push_back(mem::replace(chunk, empty));
    }
}

impl ChunkOutput for LentChunks<'_, '_> {
    fn pass_on(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        if mem::replace(&mut self.is_begun, true) {
            return self.send(chunk);
        }
        self.frames.write_all(chunk.bytes())?;
        chunk.clear();
        Ok(())
    }

    fn finish(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.frames.write_all(bytes)
    }
}

impl Drop for LentChunks<'_, '_> {
    /// What may not have been read yet is not given back. It is gone with the child.
    fn drop(&mut self) {
        mem::forget(mem::take(&mut self.lent));
    }
}

/// Lends `bytes` to the pipe and returns how many it took: all of them, unless the system does not do it.
fn lend(pipe: &File, bytes: &[u8]) -> usize {
    let mut lent = 0;
    while lent < bytes.len() {
        let rest = &bytes[lent..];
        let memory = libc::iovec {
            iov_base: rest.as_ptr().cast_mut().cast(),
            iov_len: rest.len(),
        };
        // SAFETY: the memory is live now, the pipe keeps its pages from here on, and the system only reads them.
        match unsafe { libc::vmsplice(pipe.as_raw_fd(), &raw const memory, 1, 0) } {
            taken @ 1.. => lent += taken as usize,
            _ => break,
        }
    }
    lent
}

/// How many bytes are in the pipe.
fn unread_bytes(pipe: &File) -> Option<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the request writes one integer.
    let result = unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
    usize::try_from(bytes).ok().filter(|_| result == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::{Event, FrameError, read_snapshot};
    use crate::heap::Counts;
    use crate::native::pipe;
    use crate::snapshot::chunk::CHUNK_BYTES;
    use std::collections::HashSet;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::thread;
    use std::time::Duration;

    const CHUNKS: usize = 40;

    /// Sends chunks, each of one number, and an end. Returns in how many places of memory they were filled.
    fn send_chunks(pipe: OwnedFd) -> usize {
        let pipe = File::from(pipe);
        let mut frames = FrameWriter::new(&pipe);
        let mut output = LentChunks::new(&mut frames);
        let mut chunk = Chunk::new(0);
        let mut places = HashSet::new();
        for number in 0..CHUNKS {
            places.insert(chunk.room().as_ptr());
            chunk.room().fill(number as u8);
            chunk.extend(CHUNK_BYTES);
            output.pass_on(&mut chunk).unwrap();
            assert!(chunk.bytes().is_empty());
        }
        output.finish(b"end").unwrap();
        drop(output);
        let bytes = (CHUNKS * CHUNK_BYTES + 3) as u64;
        let counts = Counts {
            bytes,
            ..Counts::default()
        };
        frames.done(&counts).unwrap();
        places.len()
    }

    /// Reads all frames, after a `pause` before each chunk.
    fn read_chunks(pipe: impl Read, pause: Duration) -> Vec<u8> {
        let mut snapshot = Vec::new();
        let read = read_snapshot(pipe, |event| {
            match event {
                Event::Chunk(bytes) => snapshot.extend_from_slice(bytes),
                Event::InnerChunk { input, length } => {
                    thread::sleep(pause);
                    let content = input.take(length as u64).read_to_end(&mut snapshot);
                    assert_eq!(content.unwrap(), length);
                }
                _ => unreachable!(),
            }
            Ok::<(), FrameError>(())
        });
        read.unwrap();
        snapshot
    }

    fn send_and_read(pause: Duration) -> (usize, Vec<u8>) {
        let (reader, writer) = pipe().unwrap();
        let sender = thread::spawn(|| send_chunks(writer.into()));
        let snapshot = read_chunks(reader, pause);
        (sender.join().unwrap(), snapshot)
    }

    #[test]
    fn however_late_a_chunk_is_read_it_says_what_it_said_when_it_was_passed_on() {
        for pause in [0, 3] {
            let (_, snapshot) = send_and_read(Duration::from_millis(pause));
            let (chunks, end) = snapshot.split_at(CHUNKS * CHUNK_BYTES);
            for (number, chunk) in chunks.chunks(CHUNK_BYTES).enumerate() {
                assert!(chunk.iter().all(|&byte| usize::from(byte) == number));
            }
            assert_eq!(end, b"end");
        }
    }

    #[test]
    fn no_more_chunks_are_there_than_the_pipe_holds_and_two() {
        let (places, _) = send_and_read(Duration::from_millis(3));
        let in_pipe = crate::native::PIPE_BYTES as usize / CHUNK_BYTES;
        assert!(places > 1 && places <= in_pipe + 2, "{places}");
    }

    #[test]
    fn what_takes_no_pages_gets_copies() {
        let (reader, writer) = UnixStream::pair().unwrap();
        let sender = thread::spawn(|| send_chunks(writer.into()));
        let snapshot = read_chunks(reader, Duration::ZERO);
        assert_eq!(snapshot.len(), CHUNKS * CHUNK_BYTES + 3);
        assert_eq!(sender.join().unwrap(), 1);
    }
}
