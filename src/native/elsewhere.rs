//! The native method on systems where it is not proven: there is no heap reader, and the inspector serves.

use crate::monitor::{Helper, HelperError, RunningHelper};
use crate::summary::DumpMetadata;
use crate::v8::Isolate;
use crate::watch::{ChildEnd, Dumper};

/// A reader that does not exist.
pub enum HeapReader {}

/// A dump that is being made, which never happens here.
pub type Begun = (RunningHelper, Option<Box<dyn ChildEnd>>);

/// Why there is no heap reader.
#[derive(Debug, thiserror::Error)]
#[error("the heap reader is proven on Linux x64 only")]
pub struct Distrust;

#[expect(missing_docs, reason = "the same as on Linux x64, see mod.rs")]
impl HeapReader {
    pub fn new(_isolate: Isolate, _v8_version: &str) -> Result<HeapReader, Distrust> {
        Err(Distrust)
    }

    pub fn redacting(self, _redacts: bool) -> HeapReader {
        match self {}
    }

    pub fn dumper(&self) -> Box<dyn Dumper> {
        match *self {}
    }

    pub fn begin(
        &self,
        _helper: &mut Helper,
        _metadata: &DumpMetadata,
    ) -> Result<Begun, HelperError> {
        match *self {}
    }
}

/// There is nothing to test.
#[expect(missing_docs, reason = "the same as on Linux x64, see trust.rs")]
pub mod trust {
    use super::HeapReader;

    pub fn distrust() -> Option<&'static str> {
        None
    }

    pub fn begin_self_test(reader: &HeapReader) {
        match *reader {}
    }

    pub fn finish_self_test() -> Option<&'static str> {
        None
    }
}
