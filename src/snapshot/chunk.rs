//! A snapshot's bytes on their way out, many at a time. It does not know where they go.

use std::io::{self, Write};

/// A chunk of this size is full. Larger ones cost a file system less, and memory.
pub const CHUNK_BYTES: usize = 256 << 10;

/// Memory that is filled with the next bytes of a snapshot.
pub struct Chunk {
    memory: Box<[u8]>,
    length: usize,
}

impl Chunk {
    /// An empty one, with `room` for what the last write adds to a chunk that is not full yet.
    pub fn new(room: usize) -> Chunk {
        Chunk {
            memory: vec![0; CHUNK_BYTES + room].into(),
            length: 0,
        }
    }

    /// An empty one of the same size.
    pub fn another(&self) -> Chunk {
        Chunk::new(self.memory.len() - CHUNK_BYTES)
    }

    /// What it is filled with.
    pub fn bytes(&self) -> &[u8] {
        &self.memory[..self.length]
    }

    /// Whether it is time to pass it on.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.length >= CHUNK_BYTES
    }

    /// The memory behind its bytes.
    #[inline]
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.memory[self.length..]
    }

    /// Adds the next `count` bytes of its [room](Chunk::room), as they are.
    #[inline]
    pub fn extend(&mut self, count: usize) {
        self.length += count;
    }

    /// Forgets its bytes.
    pub fn clear(&mut self) {
        self.length = 0;
    }
}

/// What takes the chunks of a snapshot, one after the other.
pub trait ChunkOutput {
    /// Takes a full chunk and leaves an empty one in its place.
    ///
    /// # Errors
    /// Whoever reads takes no more.
    fn pass_on(&mut self, chunk: &mut Chunk) -> io::Result<()>;

    /// Takes the last bytes.
    ///
    /// # Errors
    /// Whoever reads takes no more.
    fn finish(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// Has copied the bytes when it returns.
impl<W: Write> ChunkOutput for W {
    fn pass_on(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        self.write_all(chunk.bytes())?;
        chunk.clear();
        Ok(())
    }

    fn finish(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)?;
        self.flush()
    }
}
