//! What the tests ask of the heap reader beside V8 itself. Built with the feature `oracle` only.

use std::path::Path;

use napi::bindgen_prelude::Result;
use napi_derive::napi;

use super::with_reader;
use crate::native::corruption;
use crate::native::oracle::{self, SizeFromMap};

/// How our sizes of all objects stand to V8's `HeapObject::SizeFromMap`.
#[napi(object)]
pub struct Sizes {
    /// The objects.
    pub objects: u32,
    /// The first whose size is another, each with both sizes.
    pub differing: Vec<String>,
}

/// Compares the size of every object with what V8 says.
#[napi]
pub fn compare_sizes() -> Result<Sizes> {
    with_reader(|_, reader| {
        let sizes = oracle::compare_sizes(reader, SizeFromMap::of_this_process()?)?;
        Ok(Sizes {
            objects: sizes.objects,
            differing: sizes.differing,
        })
    })
}

/// The names of all constants of this V8's layout.
#[napi]
pub fn layout_constants() -> Result<Vec<String>> {
    with_reader(|_, reader| Ok(oracle::constants(reader)))
}

/// A constant that was shifted.
#[napi(object)]
pub struct Shift {
    /// Its name.
    pub constant: String,
    /// Which check caught it: `stated`, `self-test`, `sizes`, or none.
    pub caught_by: Option<String>,
    /// What that check says.
    pub evidence: Option<String>,
}

/// Shifts each of these constants, one at a time; an empty name stands for none.
#[napi]
pub fn catch_shifts(constants: Vec<String>) -> Result<Vec<Shift>> {
    with_reader(|_, reader| {
        let v8 = SizeFromMap::of_this_process()?;
        let shifts = constants.into_iter().map(|constant| {
            let (caught_by, evidence) = oracle::catch_shift(reader, v8, &constant)?
                .map(|caught| (caught.by, caught.how))
                .unzip();
            Ok(Shift {
                constant,
                caught_by,
                evidence,
            })
        });
        shifts.collect()
    })
}

/// Writes a snapshot of the same heap with each of these constants shifted into `folder`; an empty name stands for none.
#[napi]
pub fn write_shifted(constants: Vec<String>, folder: String) -> Result<()> {
    with_reader(|_, reader| oracle::write_shifted(reader, &constants, Path::new(&folder)))
}

/// Reads the heap with so many wrong words, and says what that came to. A crash is an exception.
#[napi]
pub fn read_corrupted(seed: u32, words: u32) -> Result<String> {
    with_reader(|_, reader| corruption::read_corrupted(reader, seed, words))
}
