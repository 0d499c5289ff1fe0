//! The table of strings: offsets into the text, decoded when asked for.

use super::masks::{CHUNK, equal};
use memchr::memchr2;
use memmap2::Mmap;
use std::borrow::Cow;
use std::sync::Arc;

/// Longer strings are refused: V8's have at most 2^29 characters (`String::kMaxLength`), and its files cut them at 1024.
pub const MAX_STRING_BYTES: usize = 1 << 30;

/// All strings of a snapshot.
#[derive(Default)]
pub struct Strings {
    text: Text,
    spans: Vec<Span>,
}

/// Where in the text a string begins, behind its quote, and above that its length if it is shorter than a megabyte.
#[derive(Clone, Copy)]
struct Span(u64);

impl Span {
    /// No file is larger than 16 TB.
    const BITS_OF_START: u32 = 44;
    const UNKNOWN_LENGTH: u64 = u64::MAX >> Self::BITS_OF_START;

    fn new(start: u64, length: usize) -> Span {
        let length = Self::UNKNOWN_LENGTH.min(length as u64);
        Span(start & (u64::MAX >> (64 - Self::BITS_OF_START)) | length << Self::BITS_OF_START)
    }

    fn start(self) -> usize {
        (self.0 & (u64::MAX >> (64 - Self::BITS_OF_START))) as usize
    }

    fn length(self) -> Option<usize> {
        let length = self.0 >> Self::BITS_OF_START;
        (length != Self::UNKNOWN_LENGTH).then_some(length as usize)
    }
}

#[derive(Default)]
enum Text {
    #[default]
    Absent,
    Mapped(Arc<Mmap>),
    Owned(Vec<u8>),
}

impl Strings {
    /// A table that is filled by [`Strings::push`]: with offsets into `mapping`, or with its own copies.
    pub fn new(mapping: Option<Arc<Mmap>>) -> Strings {
        Strings {
            text: mapping.map_or_else(|| Text::Owned(Vec::new()), Text::Mapped),
            spans: Vec::new(),
        }
    }

    /// Adds a string; `escaped` is what stands between its quotes, at `offset` of the text.
    pub fn push(&mut self, escaped: &[u8], offset: u64) {
        let start = match &mut self.text {
            Text::Owned(text) => {
                let start = text.len();
                text.extend_from_slice(escaped);
                text.push(b'"');
                start as u64
            }
            Text::Mapped(_) | Text::Absent => offset,
        };
        self.spans.push(Span::new(start, escaped.len()));
    }

    /// Adds the strings that `text` begins with, as long as they are as V8 writes them: without a backslash, and with a comma
    /// and a line end at most between them. Gives the number of bytes before the quote of the next one.
    pub fn push_plain(&mut self, text: &[u8], offset: u64) -> usize {
        if text.first() != Some(&b'"') {
            return 0;
        }
        let (mut open, mut close) = (Some(0), 0);
        let mut read = 0;
        let (chunks, _) = text.as_chunks::<CHUNK>();
        for (index, chunk) in chunks.iter().enumerate() {
            if equal(chunk, b'\\') != 0 {
                break;
            }
            let mut quotes = equal(chunk, b'"');
            if index == 0 {
                quotes &= !1;
            }
            while quotes != 0 {
                let quote = CHUNK * index + quotes.trailing_zeros() as usize;
                quotes &= quotes - 1;
                open = match open {
                    Some(open) => {
                        self.push(&text[open + 1..quote], offset + open as u64 + 1);
                        close = quote;
                        None
                    }
                    None if matches!(&text[close + 1..quote], b"," | b",\n") => {
                        read = quote;
                        Some(quote)
                    }
                    None => {
                        self.pop();
                        return read;
                    }
                };
            }
        }
        // What is behind the last string is not known to be a comma.
        if open.is_none() {
            self.pop();
        }
        read
    }

    fn pop(&mut self) {
        if let (Some(span), Text::Owned(text)) = (self.spans.pop(), &mut self.text) {
            text.truncate(span.start());
        }
    }

    /// The number of strings.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// A string as the file writes it, without its quotes; empty if there is no such string.
    pub fn escaped(&self, index: u32) -> &[u8] {
        let text: &[u8] = match &self.text {
            Text::Absent => &[],
            Text::Mapped(mapping) => mapping,
            Text::Owned(text) => text,
        };
        let Some(&span) = self.spans.get(index as usize) else {
            return &[];
        };
        let string = text.get(span.start()..).unwrap_or_default();
        let length = span.length().or_else(|| length_of_escaped(string));
        string
            .get(..length.unwrap_or(string.len()))
            .unwrap_or(string)
    }

    /// A string. Half a surrogate pair becomes U+FFFD, as does what is no UTF-8.
    pub fn get(&self, index: u32) -> Cow<'_, str> {
        let escaped = self.escaped(index);
        if memchr::memchr(b'\\', escaped).is_none() {
            return String::from_utf8_lossy(escaped);
        }
        Cow::Owned(unescape(escaped))
    }
}

/// The length of a string up to the quote that ends it, if that is in the text.
pub fn length_of_escaped(text: &[u8]) -> Option<usize> {
    let mut position = 0;
    loop {
        position += memchr2(b'"', b'\\', text.get(position..)?)?;
        if text[position] == b'"' {
            return Some(position);
        }
        position += 2;
    }
}

fn unescape(escaped: &[u8]) -> String {
    let mut text = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(plain) = memchr::memchr(b'\\', rest) {
        text.push_str(&String::from_utf8_lossy(&rest[..plain]));
        rest = &rest[plain + 1..];
        let Some((&kind, behind)) = rest.split_first() else {
            return text;
        };
        rest = behind;
        match kind {
            b'n' => text.push('\n'),
            b'r' => text.push('\r'),
            b't' => text.push('\t'),
            b'b' => text.push('\u{8}'),
            b'f' => text.push('\u{c}'),
            b'u' => {
                let (character, length) = unicode_escape(rest);
                text.push(character);
                rest = rest.get(length..).unwrap_or_default();
            }
            other => text.push(other as char),
        }
    }
    text.push_str(&String::from_utf8_lossy(rest));
    text
}

/// The character of the digits behind `\u`, and how many bytes it takes; of a surrogate pair, both halves.
fn unicode_escape(text: &[u8]) -> (char, usize) {
    let unit = |from: usize| {
        let digits = std::str::from_utf8(text.get(from..from + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let Some(first) = unit(0) else {
        return (char::REPLACEMENT_CHARACTER, 0);
    };
    if let (0xd800..0xdc00, Some(b"\\u"), Some(second @ 0xdc00..0xe000)) =
        (first, text.get(4..6), unit(6))
    {
        let pair = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (
            char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER),
            10,
        );
    }
    (
        char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER),
        4,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(escaped: &str) -> String {
        let mut strings = Strings::new(None);
        strings.push(escaped.as_bytes(), 0);
        strings.get(0).into_owned()
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(decoded(r#"plain"#), "plain");
        assert_eq!(decoded(r#"\"\\\/\b\f\n\r\t"#), "\"\\/\u{8}\u{c}\n\r\t");
        assert_eq!(decoded(r"Gr\u00FCn \u20ac"), "Grün €");
    }

    #[test]
    fn surrogate_pairs_are_one_character_and_halves_are_replaced() {
        assert_eq!(decoded(r"\uD83D\uDE00"), "😀");
        assert_eq!(decoded(r"a\uD83Db"), "a\u{fffd}b");
        assert_eq!(decoded(r"\uDE00\uD83D"), "\u{fffd}\u{fffd}");
        assert_eq!(decoded(r"\u12"), "\u{fffd}12");
    }

    #[test]
    fn a_string_ends_at_the_first_quote_that_is_not_escaped() {
        assert_eq!(length_of_escaped(br#"ab"c"#), Some(2));
        assert_eq!(length_of_escaped(br#"a\"b\\"c"#), Some(6));
        assert_eq!(length_of_escaped(br#"a\"#), None);
        assert_eq!(length_of_escaped(b"abc"), None);
    }

    #[test]
    fn plain_strings_are_read_up_to_the_first_that_is_not() {
        let strings: Vec<String> = (0..100).map(|length| "x".repeat(length % 70)).collect();
        for separator in ["\",\"", "\",\n\""] {
            let plain = format!("\"{}{separator}", strings.join(separator));
            for rest in ["a\\\"b\",\"c\"]}", "last\"]}", "last\" ,\"c\"]}"] {
                let text = format!("{plain}{rest}");
                let mut table = Strings::new(None);
                let read = table.push_plain(text.as_bytes(), 0);
                assert!(read + 4 * CHUNK >= plain.len() && read < plain.len());
                assert_eq!(text.as_bytes()[read], b'"');
                let found = (0..table.len()).map(|index| table.get(index as u32));
                assert!(found.eq(strings[..table.len()].iter().map(String::as_str)));
                assert_eq!(text[..read].matches('"').count(), 2 * table.len());
            }
        }
    }

    #[test]
    fn a_string_that_is_longer_than_a_span_can_tell_is_searched() {
        let long = "x".repeat(3 << 20);
        let mut strings = Strings::new(None);
        strings.push(long.as_bytes(), 0);
        strings.push(b"y", 0);
        assert_eq!(strings.get(0), long.as_str());
    }

    #[test]
    fn a_string_that_is_not_there_is_empty() {
        assert_eq!(Strings::default().get(7), "");
    }
}
