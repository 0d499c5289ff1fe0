//! Where the system cannot move pages from pipe to file there is no relay, and bytes are copied.

use std::fs::File;
use std::io;

/// There is none.
#[derive(Debug)]
pub enum Relay {}

impl Relay {
    /// There is none.
    ///
    /// # Errors
    /// Always.
    pub fn new() -> io::Result<Relay> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The number of bytes in it.
    pub fn held(&self) -> usize {
        match *self {}
    }

    /// Takes bytes from a pipe.
    ///
    /// # Errors
    /// Never called.
    pub fn fill<P>(&mut self, _: &P, _: usize) -> io::Result<()> {
        match *self {}
    }

    /// Brings bytes to a file.
    ///
    /// # Errors
    /// Never called.
    pub fn give(&mut self, _: &File) -> io::Result<usize> {
        match *self {}
    }

    /// Copies the bytes out of it.
    ///
    /// # Errors
    /// Never called.
    pub fn drain(&mut self) -> io::Result<Vec<u8>> {
        match *self {}
    }
}
