//! Loads a `.heapsnapshot` with the crate `v8-heap-parser` and has it find what each class retains, for the benchmark of our
//! own analysis.
//!
//! Usage: `heap_parser <file>`.

use std::error::Error;
use v8_heap_parser::decode_slice;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os()
        .nth(1)
        .ok_or("usage: heap_parser <file>")?;
    let graph = decode_slice(&std::fs::read(file)?)?;
    println!("{} classes", graph.get_class_groups(false).len());
    Ok(())
}
