//! Texts of `/proc/self/maps` and `smaps`. Whatever they are, each mapping is a stretch that stands in a line of its own, and
//! the private memory that a fork leaves out is among them.

#![no_main]

use libfuzzer_sys::fuzz_target;

// What is private there can be reached this way, and the addon need not be built.
#[allow(dead_code, reason = "what reads the files is not called")]
#[path = "../../src/freeze/mappings.rs"]
mod mappings;

fuzz_target!(|text: &[u8]| {
    let parsed: Vec<mappings::Mapping> = mappings::parse(text).collect();
    let lines = text.split(|&byte| byte == b'\n').count();
    assert!(parsed.len() <= lines);
    assert!(parsed.iter().all(|mapping| !mapping.range.is_empty()));
    for marked in mappings::parse_marked(text) {
        assert!(
            parsed
                .iter()
                .any(|mapping| mapping.range == marked && mapping.is_private_memory())
        );
    }
});
