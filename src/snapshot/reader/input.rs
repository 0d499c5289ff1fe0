//! The text of a snapshot, window by window: a buffer that moves on. Plain files are read, for a window that stays in the
//! nearest cache costs less than the faults of a mapping; they are mapped as well, for who comes back to a place. It does not
//! know what the text means.

use super::error::ReadError;
use flate2::bufread::MultiGzDecoder;
use memmap2::Mmap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is added to the window at a time, in bytes.
const STEP: usize = 256 << 10;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Where the text comes from, and what of it can be seen.
pub struct Input {
    path: PathBuf,
    source: Source,
    window: Vec<u8>,
    at_end: bool,
    /// The next byte, in the window.
    position: usize,
    /// Where in the text the window begins.
    window_offset: u64,
    /// How many bytes were seen, by all inputs of the file.
    seen: Arc<AtomicU64>,
}

enum Source {
    Plain(Plain),
    /// A compressed file, or a pipe.
    Stream(Box<dyn Read + Send>),
}

/// A file that is not compressed.
#[derive(Clone)]
struct Plain {
    file: Arc<File>,
    mapping: Arc<Mmap>,
    /// How far it was read.
    offset: u64,
}

impl Read for Plain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.offset)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl Input {
    /// Begins to read a file, or to inflate it if it is compressed by gzip. A pipe is read as it comes.
    pub fn open(path: &Path, seen: Arc<AtomicU64>) -> Result<Input, ReadError> {
        let file = File::open(path).map_err(|source| ReadError::Open {
            path: path.to_owned(),
            source,
        })?;
        Input::of_file(file, path, seen)
    }

    /// The same with a file that is open, from its beginning on.
    pub fn of_file(file: File, path: &Path, seen: Arc<AtomicU64>) -> Result<Input, ReadError> {
        let open_error = |source| ReadError::Open {
            path: path.to_owned(),
            source,
        };
        let file_type = file.metadata().map_err(open_error)?.file_type();
        if file_type.is_dir() {
            return Err(ReadError::NotAFile {
                path: path.to_owned(),
            });
        }
        if !file_type.is_file() {
            return Input::stream(path, file, seen);
        }
        // SAFETY: the mapping is read only. Who shortens or rewrites the file meanwhile ends this process or has it read
        // the new bytes, of which none is trusted.
        let mapping = unsafe { Mmap::map(&file) }.map_err(open_error)?;
        if mapping.starts_with(&GZIP_MAGIC) {
            return Input::stream(path, file, seen);
        }
        let plain = Plain {
            file: Arc::new(file),
            mapping: Arc::new(mapping),
            offset: 0,
        };
        Ok(Input::of(path, Source::Plain(plain), 0, seen))
    }

    fn stream(path: &Path, file: File, seen: Arc<AtomicU64>) -> Result<Input, ReadError> {
        let mut reader = BufReader::with_capacity(STEP, file);
        let begin = reader.fill_buf().map_err(|source| ReadError::Open {
            path: path.to_owned(),
            source,
        })?;
        let source: Box<dyn Read + Send> = if begin.starts_with(&GZIP_MAGIC) {
            Box::new(MultiGzDecoder::new(reader))
        } else {
            Box::new(reader)
        };
        Ok(Input::of(path, Source::Stream(source), 0, seen))
    }

    fn of(path: &Path, source: Source, window_offset: u64, seen: Arc<AtomicU64>) -> Input {
        Input {
            path: path.to_owned(),
            source,
            window: Vec::new(),
            at_end: false,
            position: 0,
            window_offset,
            seen,
        }
    }

    /// The same text behind the next byte of this value, of which none is among the `least` bytes that come first, if it is
    /// that of a plain file. What lies between counts as not seen.
    pub fn behind_next(&self, byte: u8, least: u64) -> Option<Input> {
        let mut search = self.at(self.offset() + least, Arc::default())?;
        loop {
            let text = search.rest();
            let found = memchr::memchr(byte, text);
            search.advance(found.map_or(text.len(), |position| position + 1));
            if found.is_some() {
                return self.at(search.offset(), Arc::clone(&self.seen));
            }
            if !search.see_more().ok()? {
                return None;
            }
        }
    }

    fn at(&self, offset: u64, seen: Arc<AtomicU64>) -> Option<Input> {
        let Source::Plain(plain) = &self.source else {
            return None;
        };
        let plain = Plain {
            offset,
            ..plain.clone()
        };
        Some(Input::of(&self.path, Source::Plain(plain), offset, seen))
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
        self.window.get(self.position..).unwrap_or_default()
    }

    /// How much text there is from the next byte on, as far as that is known.
    pub fn known_length(&self) -> u64 {
        match &self.source {
            Source::Plain(plain) => (plain.mapping.len() as u64).saturating_sub(self.offset()),
            Source::Stream(_) => self.rest().len() as u64,
        }
    }

    /// Moves on by `count` bytes, all of them seen.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        self.position += count;
    }

    /// All of the text, if it is that of a plain file.
    pub fn mapping(&self) -> Option<Arc<Mmap>> {
        match &self.source {
            Source::Plain(plain) => Some(Arc::clone(&plain.mapping)),
            Source::Stream(_) => None,
        }
    }

    /// Lets more of the text be seen. False at its end.
    pub fn see_more(&mut self) -> Result<bool, ReadError> {
        if self.at_end {
            return Ok(false);
        }
        self.window.drain(..self.position);
        self.window_offset += self.position as u64;
        self.position = 0;
        // As much as there is already, so that a long string is not searched over and over.
        let step = STEP.max(self.window.len()) as u64;
        let source: &mut dyn Read = match &mut self.source {
            Source::Plain(plain) => plain,
            Source::Stream(stream) => stream,
        };
        let added = source
            .take(step)
            .read_to_end(&mut self.window)
            .map_err(|source| ReadError::Read {
                path: self.path.clone(),
                offset: self.window_offset + self.window.len() as u64,
                source,
            })?;
        self.seen.fetch_add(added as u64, Ordering::Relaxed);
        self.at_end = (added as u64) < step;
        Ok(added > 0)
    }
}
