//! Whether the bytes that went by are one whole snapshot.
//!
//! V8's serializer (heap-snapshot-generator.cc, 10.2 to 14.6) begins with `{` and ends with the closing bracket of
//! `strings` and of the document, `]}`, with nothing behind it.

/// Watches the bytes of a snapshot as they stream by.
#[derive(Debug, Default)]
pub struct Completeness {
    bytes: u64,
    first: u8,
    last: [u8; 2],
}

impl Completeness {
    /// Takes note of the next bytes.
    pub fn observe(&mut self, chunk: &[u8]) {
        if self.bytes == 0 {
            self.first = chunk.first().copied().unwrap_or_default();
        }
        for &byte in &chunk[chunk.len().saturating_sub(2)..] {
            self.last = [self.last[1], byte];
        }
        self.bytes += chunk.len() as u64;
    }

    /// Takes note that the next `bytes` go by unseen, none of them the first or one of the last.
    pub fn pass(&mut self, bytes: usize) {
        self.last = [0; 2];
        self.bytes += bytes as u64;
    }

    /// The number of bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether they begin and end as a snapshot does.
    pub fn is_complete(&self) -> bool {
        self.first == b'{' && self.last == *b"]}"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(chunks: &[&str]) -> Completeness {
        let mut completeness = Completeness::default();
        chunks
            .iter()
            .for_each(|chunk| completeness.observe(chunk.as_bytes()));
        completeness
    }

    #[test]
    fn a_whole_document_is_complete_however_it_is_cut() {
        for chunks in [
            &["{\"strings\":[]}"][..],
            &["{\"strings\":[", "]}"],
            &["", "{\"strings\":[]", "", "}", ""],
        ] {
            assert!(after(chunks).is_complete(), "{chunks:?}");
            assert_eq!(after(chunks).bytes(), 14);
        }
    }

    #[test]
    fn what_goes_by_unseen_lies_between_beginning_and_end() {
        let mut completeness = after(&["{"]);
        completeness.pass(7);
        assert!(!completeness.is_complete());
        completeness.observe(b"]}");
        assert!(completeness.is_complete());
        assert_eq!(completeness.bytes(), 10);
    }

    #[test]
    fn a_document_that_misses_its_beginning_or_its_end_is_not() {
        for chunks in [
            &[][..],
            &[""],
            &["{\"strings\":[]"],
            &["\"strings\":[]}"],
            &["{\"strings\":[", "}"],
        ] {
            assert!(!after(chunks).is_complete(), "{chunks:?}");
        }
    }
}
