//! What the helper reads from the frozen child. Whatever it is, a snapshot is complete only if as many bytes came as the child
//! says, no more memory is taken than a frame needs, and the reason why a stream was cut is heard.

#![no_main]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use node_oom_heapdump::frames::{Event, FrameError, FrameWriter, read_snapshot};
use node_oom_heapdump::heap::Counts;
use node_oom_heapdump_fuzz::memory::peak_of;

/// A frame is half a megabyte at most; what its JSON becomes is a few times that of the text.
const MOST_BYTES_AT_FIRST: usize = 2 << 20;
const MOST_BYTES_FOR_A_BYTE: usize = 64;

fuzz_target!(|stream: &[u8]| {
    let (read_whole, taken) = peak_of(|| read(stream));
    assert!(taken <= MOST_BYTES_AT_FIRST + MOST_BYTES_FOR_A_BYTE * stream.len());

    if let Err(FrameError::Ended) = read_whole {
        let mut told = stream.to_vec();
        let frames = FrameWriter::after_a_cut(&mut told).unwrap();
        frames.failed("it was killed").unwrap();
        let heard = read(&told);
        assert!(!matches!(heard, Err(FrameError::Ended)), "{heard:?}");
    }
});

fn read(mut stream: &[u8]) -> Result<Counts, FrameError> {
    let mut bytes = 0;
    let counts = read_snapshot(&mut stream, |event| {
        match event {
            Event::Chunk(chunk) => bytes += chunk.len() as u64,
            Event::InnerChunk { input, length } => {
                bytes += length as u64;
                let taken = io::copy(&mut input.take(length as u64), &mut io::sink())?;
                if taken < length as u64 {
                    return Err(FrameError::Ended);
                }
            }
            Event::BeginAgain { .. } => bytes = 0,
            Event::Metadata(_) | Event::Summary(_) => {}
        }
        Ok::<(), FrameError>(())
    })?;
    assert_eq!(counts.bytes, bytes);
    Ok(counts)
}
