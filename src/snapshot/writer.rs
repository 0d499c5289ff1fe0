//! Writes a .heapsnapshot as a stream, in the order of the file: header, nodes, edges, locations, strings. Nothing is kept;
//! the counts of the header must be known before. Rows are formatted in place, two digits at a time from a table.

use super::{EdgeType, Format, NodeType};
use std::io::{self, Write};

/// The size at which the buffer is handed on.
const BUFFER_SIZE: usize = 256 * 1024;
/// No row is longer: seven numbers of at most 20 digits.
const MAX_ROW: usize = 160;

/// Longer strings are cut, as V8 does by its flag `--heap-snapshot-string-limit`.
pub const MAX_STRING_CHARACTERS: usize = 1024;

/// A row of the nodes section.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// What it is.
    pub node_type: NodeType,
    /// Index of its name in the strings.
    pub name: u64,
    /// The id that stays with the object from one dump to the next.
    pub id: u64,
    /// Bytes of the object alone.
    pub self_size: u64,
    /// The number of rows in the edges section.
    pub edge_count: u64,
}

/// Writes one snapshot. Sections are begun in the order of the methods.
pub struct SnapshotWriter<W> {
    output: W,
    buffer: Vec<u8>,
    written: u64,
    format: Format,
    first_of_section: bool,
}

impl<W: Write> SnapshotWriter<W> {
    /// Starts a file of these columns.
    pub fn new(output: W, format: Format) -> SnapshotWriter<W> {
        let buffer = Vec::with_capacity(BUFFER_SIZE + MAX_ROW + 8 * MAX_STRING_CHARACTERS);
        SnapshotWriter {
            output,
            buffer,
            written: 0,
            format,
            first_of_section: true,
        }
    }

    /// Writes the header and begins the nodes.
    pub fn begin(&mut self, node_count: u64, edge_count: u64) -> io::Result<()> {
        let format = self.format;
        let node_fields: &[&str] = if format.trace_node_id {
            &[
                "type",
                "name",
                "id",
                "self_size",
                "edge_count",
                "trace_node_id",
                "detachedness",
            ]
        } else {
            &[
                "type",
                "name",
                "id",
                "self_size",
                "edge_count",
                "detachedness",
            ]
        };
        self.text("{\"snapshot\":{\"meta\":{\"node_fields\":");
        self.string_list(node_fields);
        self.text(",\"node_types\":[[");
        self.strings_with_commas(NODE_TYPES);
        for name in format.later_node_types {
            self.text(",\"");
            self.text(name);
            self.text("\"");
        }
        self.text("],\"string\"");
        for _ in 2..format.node_type_columns {
            self.text(",\"number\"");
        }
        self.text("],\"edge_fields\":");
        self.string_list(&["type", "name_or_index", "to_node"]);
        self.text(",\"edge_types\":[");
        self.string_list(EDGE_TYPES);
        self.text(",\"string_or_number\",\"node\"],\"trace_function_info_fields\":");
        self.string_list(&[
            "function_id",
            "name",
            "script_name",
            "script_id",
            "line",
            "column",
        ]);
        self.text(",\"trace_node_fields\":");
        self.string_list(&["id", "function_info_index", "count", "size", "children"]);
        self.text(",\"sample_fields\":");
        self.string_list(&["timestamp_us", "last_assigned_id"]);
        self.text(",\"location_fields\":");
        self.string_list(&["object_index", "script_id", "line", "column"]);
        self.text("},\"node_count\":");
        self.number(node_count);
        self.text(",\"edge_count\":");
        self.number(edge_count);
        self.text(",\"trace_function_count\":0");
        if format.extra_native_bytes {
            self.text(",\"extra_native_bytes\":0");
        }
        self.text("},\n\"nodes\":[");
        self.hand_on()
    }

    /// Writes one row of the nodes.
    #[inline]
    pub fn node(&mut self, node: Node) -> io::Result<()> {
        let separator = self.separator();
        let trace_node_id = self.format.trace_node_id;
        self.row(|row| {
            row.byte(separator);
            for value in [
                u64::from(node.node_type as u8),
                node.name,
                node.id,
                node.self_size,
                node.edge_count,
            ] {
                row.number(value);
                row.byte(b',');
            }
            if trace_node_id {
                row.byte(b'0');
                row.byte(b',');
            }
            row.byte(b'0');
        })
    }

    /// Ends the nodes and begins the edges.
    pub fn begin_edges(&mut self) {
        self.begin_section("],\n\"edges\":[");
    }

    /// Writes one row of the edges. `target` is the node's index, counted in nodes.
    #[inline]
    pub fn edge(&mut self, edge_type: EdgeType, name_or_index: u64, target: u64) -> io::Result<()> {
        let separator = self.separator();
        let target = target * self.format.node_fields();
        self.row(|row| {
            row.byte(separator);
            row.byte(b'0' + edge_type as u8);
            row.byte(b',');
            row.number(name_or_index);
            row.byte(b',');
            row.number(target);
        })
    }

    /// Ends the edges and begins the locations.
    pub fn begin_locations(&mut self) {
        self.begin_section(
            "],\n\"trace_function_infos\":[],\n\"trace_tree\":[],\n\"samples\":[],\n\"locations\":[",
        );
    }

    /// Writes where the function of a node stands; line and column count from 0.
    pub fn location(&mut self, node: u64, script: u64, line: u64, column: u64) -> io::Result<()> {
        let mut separator = self.separator();
        let node = node * self.format.node_fields();
        self.row(|row| {
            for value in [node, script, line, column] {
                row.byte(separator);
                row.number(value);
                separator = b',';
            }
        })
    }

    /// Ends the locations and begins the strings.
    pub fn begin_strings(&mut self) {
        self.begin_section("],\n\"strings\":[");
    }

    /// Writes one string of the table: ASCII as it is, everything else as `\uXXXX` in UTF-16, cut at
    /// [`MAX_STRING_CHARACTERS`] but never within a surrogate pair.
    pub fn string(&mut self, units: impl Iterator<Item = u16>) -> io::Result<()> {
        self.begin_string();
        let mut high_surrogate = None;
        for unit in units.take(MAX_STRING_CHARACTERS) {
            if let Some(high) = high_surrogate.take() {
                self.escape(high);
            }
            match unit {
                0xd800..0xdc00 => high_surrogate = Some(unit),
                _ => self.unit(unit),
            }
        }
        self.end_string()
    }

    /// Writes one string of one-byte characters of the table.
    pub fn one_byte_string(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.begin_string();
        let bytes = &bytes[..bytes.len().min(MAX_STRING_CHARACTERS)];
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        for run in bytes.chunk_by(|left, right| is_plain(left) && is_plain(right)) {
            match run {
                [byte] if !is_plain(byte) => self.unit(u16::from(*byte)),
                plain => self.buffer.extend_from_slice(plain),
            }
        }
        self.end_string()
    }

    /// Ends the file and gives the number of bytes written.
    pub fn finish(mut self) -> io::Result<u64> {
        self.text("]}");
        self.hand_on()?;
        self.output.flush()?;
        Ok(self.written)
    }

    fn begin_section(&mut self, head: &str) {
        self.text(head);
        self.first_of_section = true;
    }

    fn begin_string(&mut self) {
        if !std::mem::take(&mut self.first_of_section) {
            self.text(",");
        }
        self.buffer.push(b'"');
    }

    fn end_string(&mut self) -> io::Result<()> {
        self.buffer.push(b'"');
        self.hand_on_if_full()
    }

    /// What stands before a row: a comma, or a blank before the first.
    #[inline]
    fn separator(&mut self) -> u8 {
        if std::mem::take(&mut self.first_of_section) {
            b' '
        } else {
            b','
        }
    }

    /// Lets `write` fill a row at the end of the buffer.
    #[inline]
    fn row(&mut self, write: impl FnOnce(&mut Row)) -> io::Result<()> {
        let start = self.buffer.len();
        // Within the capacity, so nothing is moved.
        self.buffer.resize(start + MAX_ROW, 0);
        let mut row = Row {
            bytes: &mut self.buffer[start..],
            length: 0,
        };
        write(&mut row);
        let length = row.length;
        self.buffer.truncate(start + length);
        self.hand_on_if_full()
    }

    #[inline]
    fn unit(&mut self, unit: u16) {
        match u8::try_from(unit) {
            Ok(byte @ (b'"' | b'\\')) => self.buffer.extend_from_slice(&[b'\\', byte]),
            Ok(b'\n') => self.text("\\n"),
            Ok(b'\r') => self.text("\\r"),
            Ok(b'\t') => self.text("\\t"),
            Ok(8) => self.text("\\b"),
            Ok(12) => self.text("\\f"),
            Ok(byte @ 32..127) => self.buffer.push(byte),
            _ => self.escape(unit),
        }
    }

    fn escape(&mut self, unit: u16) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let digit = |shift: u32| DIGITS[(unit >> shift) as usize & 15];
        self.buffer
            .extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
    }

    fn string_list(&mut self, names: &[&str]) {
        self.text("[");
        self.strings_with_commas(names);
        self.text("]");
    }

    fn strings_with_commas(&mut self, names: &[&str]) {
        for (index, name) in names.iter().enumerate() {
            self.text(if index == 0 { "\"" } else { ",\"" });
            self.text(name);
            self.text("\"");
        }
    }

    fn text(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    #[inline]
    fn number(&mut self, value: u64) {
        push_number(&mut self.buffer, value);
    }

    #[inline]
    fn hand_on_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BUFFER_SIZE {
            self.hand_on()
        } else {
            Ok(())
        }
    }

    #[cold]
    fn hand_on(&mut self) -> io::Result<()> {
        self.output.write_all(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

const NODE_TYPES: &[&str] = &[
    "hidden",
    "array",
    "string",
    "object",
    "code",
    "closure",
    "regexp",
    "number",
    "native",
    "synthetic",
    "concatenated string",
    "sliced string",
    "symbol",
    "bigint",
];

const EDGE_TYPES: &[&str] = &[
    "context", "element", "property", "internal", "hidden", "shortcut", "weak",
];

/// "00" to "99".
const DIGIT_PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut value = 0;
    while value < 100 {
        pairs[value] = [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
        value += 1;
    }
    pairs
};

/// A row that is being filled. What does not fit is left out; [`MAX_ROW`] is chosen so that everything does.
struct Row<'b> {
    bytes: &'b mut [u8],
    length: usize,
}

impl Row<'_> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    #[inline]
    fn number(&mut self, value: u64) {
        let digits = digit_count(value);
        let Some(places) = self.bytes.get_mut(self.length..self.length + digits) else {
            return;
        };
        self.length += digits;
        write_digits(places, value);
    }
}

/// The number of digits of `value` in base 10.
#[inline]
fn digit_count(value: u64) -> usize {
    match value {
        0..10 => 1,
        10..100 => 2,
        100..1_000 => 3,
        1_000..10_000 => 4,
        10_000..100_000 => 5,
        100_000..1_000_000 => 6,
        1_000_000..10_000_000 => 7,
        10_000_000..100_000_000 => 8,
        _ => 1 + value.ilog10() as usize,
    }
}

/// Fills `places` from behind with the digits of `value`.
#[inline]
fn write_digits(places: &mut [u8], mut value: u64) {
    let mut pairs = places.rchunks_exact_mut(2);
    for pair in &mut pairs {
        pair.copy_from_slice(&DIGIT_PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    if let [first] = pairs.into_remainder() {
        *first = b'0' + (value % 10) as u8;
    }
}

/// Appends `value` in base 10.
pub fn push_number(buffer: &mut Vec<u8>, value: u64) {
    let start = buffer.len();
    buffer.resize(start + digit_count(value), 0);
    write_digits(&mut buffer[start..], value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: u64) -> String {
        let mut buffer = Vec::new();
        push_number(&mut buffer, value);
        String::from_utf8(buffer).unwrap()
    }

    fn strings_of(texts: &[&str]) -> String {
        let mut file = Vec::new();
        let mut writer = SnapshotWriter::new(&mut file, Format::WITHOUT_TRACE_NODE_ID);
        writer.begin_strings();
        for text in texts {
            writer.string(text.encode_utf16()).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(file).unwrap()
    }

    #[test]
    fn numbers_of_every_length_are_written_in_base_ten() {
        for value in (0..=19)
            .map(|power| 10u64.pow(power))
            .chain([0, 9, 99, 101, 4096, u64::MAX])
        {
            assert_eq!(number(value), value.to_string());
            assert_eq!(
                number(value - u64::from(value > 0)),
                (value - u64::from(value > 0)).to_string()
            );
        }
    }

    #[test]
    fn text_beyond_ascii_is_escaped_in_utf16() {
        assert!(
            strings_of(&["Grün €😀\"\\\n\u{1}"])
                .contains(r#""Gr\u00FCn \u20AC\uD83D\uDE00\"\\\n\u0001""#)
        );
    }

    #[test]
    fn a_long_string_is_cut_at_1024_characters_but_not_within_a_surrogate_pair() {
        let text = "x".repeat(1023) + "😀";
        assert!(strings_of(&[&text]).contains(&format!("\"{}\"", "x".repeat(1023))));
        assert!(!strings_of(&[&text]).contains("uD83D"));
    }

    #[test]
    fn a_file_without_objects_is_json_with_all_sections() {
        let mut file = Vec::new();
        let mut writer = SnapshotWriter::new(&mut file, Format::WITH_TRACE_NODE_ID);
        writer.begin(0, 0).unwrap();
        writer.begin_edges();
        writer.begin_locations();
        writer.begin_strings();
        let written = writer.finish().unwrap();
        assert_eq!(written, file.len() as u64);
        let text = String::from_utf8(file).unwrap();
        assert_eq!(text.matches('[').count(), text.matches(']').count());
        for section in [
            "nodes",
            "edges",
            "trace_function_infos",
            "trace_tree",
            "samples",
            "locations",
            "strings",
        ] {
            assert!(text.contains(&format!("\"{section}\":[")), "{section}");
        }
    }
}
