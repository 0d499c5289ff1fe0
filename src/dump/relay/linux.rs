//! The relay where the system moves pages from pipe to pipe and from pipe to file.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read};

use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, splice};

/// How much it holds, where the system allows it: a chunk and more.
const RELAY_BYTES: usize = 512 << 10;

/// See [`super`].
#[derive(Debug)]
pub struct Relay {
    exit: PipeReader,
    entry: PipeWriter,
    held: usize,
}

impl Relay {
    /// An empty one.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn new() -> io::Result<Relay> {
        let (exit, entry) = io::pipe()?;
        // A refusal leaves the default, which only costs time.
        let _ = fcntl_setpipe_size(&entry, RELAY_BYTES);
        Ok(Relay {
            exit,
            entry,
            held: 0,
        })
    }

    /// The number of bytes in it.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes at most `most` of the bytes that are in `pipe`; none is the end. It must be empty before.
    ///
    /// # Errors
    /// The system moves no pages here.
    pub fn fill(&mut self, pipe: &File, most: usize) -> io::Result<()> {
        self.held = splice(pipe, None, &self.entry, None, most, SpliceFlags::MOVE)?;
        Ok(())
    }

    /// Brings some of the bytes to `file` and returns how many.
    ///
    /// # Errors
    /// The file takes no pages, or nothing at all: [`Relay::drain`] and write to know.
    pub fn give(&mut self, file: &File) -> io::Result<usize> {
        let given = splice(&self.exit, None, file, None, self.held, SpliceFlags::MOVE)?;
        self.held -= given;
        Ok(given)
    }

    /// Copies the bytes out of it.
    ///
    /// # Errors
    /// None that is known.
    pub fn drain(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.held];
        self.exit.read_exact(&mut bytes)?;
        self.held = 0;
        Ok(bytes)
    }
}
