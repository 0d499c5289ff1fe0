//! The text of a snapshot, window by window: a mapped file is one window, a compressed file or a pipe is inflated into a
//! buffer that moves on. It does not know what the text means.

use super::error::ReadError;
use flate2::bufread::MultiGzDecoder;
use memmap2::Mmap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a stream adds to its window at a time, in bytes.
const STREAM_STEP: usize = 1 << 20;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Where the text comes from, and what of it can be seen.
pub struct Input {
    path: PathBuf,
    window: Window,
    /// The next byte, in the window.
    position: usize,
    /// Where in the text the window begins.
    window_offset: u64,
}

enum Window {
    /// The whole text.
    Mapped(Arc<Mmap>),
    Stream {
        source: Box<dyn Read + Send>,
        buffer: Vec<u8>,
        at_end: bool,
    },
}

impl Input {
    /// Maps a file, or begins to inflate it if it is compressed by gzip. A pipe is read as it comes.
    pub fn open(path: &Path) -> Result<Input, ReadError> {
        let open_error = |source| ReadError::Open {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(open_error)?;
        let file_type = file.metadata().map_err(open_error)?.file_type();
        if file_type.is_dir() {
            return Err(ReadError::NotAFile {
                path: path.to_owned(),
            });
        }
        if !file_type.is_file() {
            return Input::stream(path, file);
        }
        // SAFETY: the mapping is read only. Who shortens or rewrites the file meanwhile ends this process or has it read
        // the new bytes, of which none is trusted.
        let mapping = unsafe { Mmap::map(&file) }.map_err(open_error)?;
        if mapping.starts_with(&GZIP_MAGIC) {
            return Input::stream(path, file);
        }
        #[cfg(unix)]
        let _ = mapping.advise(memmap2::Advice::Sequential);
        Ok(Input {
            path: path.to_owned(),
            window: Window::Mapped(Arc::new(mapping)),
            position: 0,
            window_offset: 0,
        })
    }

    fn stream(path: &Path, file: File) -> Result<Input, ReadError> {
        let mut reader = BufReader::with_capacity(STREAM_STEP, file);
        let begin = reader.fill_buf().map_err(|source| ReadError::Open {
            path: path.to_owned(),
            source,
        })?;
        let source: Box<dyn Read + Send> = if begin.starts_with(&GZIP_MAGIC) {
            Box::new(MultiGzDecoder::new(reader))
        } else {
            Box::new(reader)
        };
        Ok(Input {
            path: path.to_owned(),
            window: Window::Stream {
                source,
                buffer: Vec::new(),
                at_end: false,
            },
            position: 0,
            window_offset: 0,
        })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where in the text the next byte stands.
    pub fn offset(&self) -> u64 {
        self.window_offset + self.position as u64
    }

    /// The bytes from the next one on that can be seen now.
    #[inline]
    pub fn rest(&self) -> &[u8] {
        let window: &[u8] = match &self.window {
            Window::Mapped(mapping) => mapping,
            Window::Stream { buffer, .. } => buffer,
        };
        window.get(self.position..).unwrap_or_default()
    }

    /// Moves on by `count` bytes, all of them seen.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        self.position += count;
    }

    /// The mapped file, if it is one.
    pub fn mapping(&self) -> Option<Arc<Mmap>> {
        match &self.window {
            Window::Mapped(mapping) => Some(Arc::clone(mapping)),
            Window::Stream { .. } => None,
        }
    }

    /// Lets more of the text be seen. False at its end.
    pub fn see_more(&mut self) -> Result<bool, ReadError> {
        let Window::Stream {
            source,
            buffer,
            at_end,
        } = &mut self.window
        else {
            return Ok(false);
        };
        if *at_end {
            return Ok(false);
        }
        buffer.drain(..self.position);
        self.window_offset += self.position as u64;
        self.position = 0;
        // As much as there is already, so that a long string is not searched over and over.
        let step = STREAM_STEP.max(buffer.len());
        let added = io::Read::by_ref(source)
            .take(step as u64)
            .read_to_end(buffer)
            .map_err(|source| ReadError::Read {
                path: self.path.clone(),
                offset: self.window_offset + buffer.len() as u64,
                source,
            })?;
        *at_end = added < step;
        Ok(added > 0)
    }
}
