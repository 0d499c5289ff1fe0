//! Writes a .heapsnapshot as a stream, in the order of the file: header, nodes, edges, locations, strings. Nothing is kept;
//! the counts of the header must be known before. An error of the output is kept until somebody asks for it, so that rows,
//! of which there are millions, need not return one.

use super::chunk::{Chunk, ChunkOutput};
use super::row::{MAX_ROW, Row, Text};
use super::{EdgeType, Format, NodeType};
use std::io;

/// What a row or a string may need in a chunk that is not full: each character may become six.
const ROOM: usize = 8 * MAX_STRING_CHARACTERS;

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
    chunk: Chunk,
    written: u64,
    format: Format,
    first_of_section: bool,
    error: Option<io::Error>,
}

impl<W: ChunkOutput> SnapshotWriter<W> {
    /// Starts a file of these columns.
    pub fn new(output: W, format: Format) -> SnapshotWriter<W> {
        SnapshotWriter {
            output,
            chunk: Chunk::new(ROOM),
            written: 0,
            format,
            first_of_section: true,
            error: None,
        }
    }

    /// Writes the header and begins the nodes.
    pub fn begin(&mut self, node_count: u64, edge_count: u64) {
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
        self.begin_section("},\n\"nodes\":[");
    }

    /// What all nodes of that type and name begin with.
    pub fn node_text(&self, node_type: NodeType, name: u64) -> Text {
        Text::of(|row| {
            row.byte(b',');
            row.number(node_type as u64);
            row.byte(b',');
            row.number(name);
            row.byte(b',');
        })
    }

    /// Writes one row of the nodes.
    pub fn node(&mut self, node: Node) {
        let text = self.node_text(node.node_type, node.name);
        self.node_of(&text, node.id, node.self_size, node.edge_count);
    }

    /// Writes one row of the nodes that begins with `text`.
    #[inline]
    pub fn node_of(&mut self, text: &Text, id: u64, self_size: u64, edge_count: u64) {
        let trace_node_id = self.format.trace_node_id;
        self.row(|row| {
            row.text(text);
            for value in [id, self_size, edge_count] {
                row.number(value);
                row.byte(b',');
            }
            if trace_node_id {
                row.byte(b'0');
                row.byte(b',');
            }
            row.byte(b'0');
        });
    }

    /// Ends the nodes and begins the edges.
    pub fn begin_edges(&mut self) {
        self.begin_section("],\n\"edges\":[");
    }

    /// What all edges of that type and name begin with.
    pub fn edge_text(&self, edge_type: EdgeType, name_or_index: u64) -> Text {
        Text::of(|row| {
            row.byte(b',');
            row.byte(b'0' + edge_type as u8);
            row.byte(b',');
            row.number(name_or_index);
            row.byte(b',');
        })
    }

    /// A whole row of the edges.
    pub fn whole_edge_text(&self, edge_type: EdgeType, name_or_index: u64, target: u64) -> Text {
        let text = self.edge_text(edge_type, name_or_index);
        Text::of(|row| {
            row.text(&text);
            row.number(target * self.format.node_fields());
        })
    }

    /// Writes one row of the edges. `target` is the node's index, counted in nodes.
    #[inline]
    pub fn edge(&mut self, edge_type: EdgeType, name_or_index: u64, target: u64) {
        let target = target * self.format.node_fields();
        self.row(|row| {
            row.byte(b',');
            row.byte(b'0' + edge_type as u8);
            row.byte(b',');
            row.number(name_or_index);
            row.byte(b',');
            row.number(target);
        });
    }

    /// Writes one row of the edges that begins with `text`.
    #[inline]
    pub fn edge_of(&mut self, text: &Text, target: u64) {
        let target = target * self.format.node_fields();
        self.row(|row| {
            row.text(text);
            row.number(target);
        });
    }

    /// Writes a row as it is.
    #[inline]
    pub fn row_of(&mut self, text: &Text) {
        self.row(|row| row.text(text));
    }

    /// Ends the edges and begins the locations.
    pub fn begin_locations(&mut self) {
        self.begin_section(
            "],\n\"trace_function_infos\":[],\n\"trace_tree\":[],\n\"samples\":[],\n\"locations\":[",
        );
    }

    /// What all locations at that place end with; line and column count from 0.
    pub fn place_text(&self, script: u64, line: u64, column: u64) -> Text {
        Text::of(|row| {
            for value in [script, line, column] {
                row.byte(b',');
                row.number(value);
            }
        })
    }

    /// Writes where the function of a node stands.
    #[inline]
    pub fn location(&mut self, node: u64, place: &Text) {
        let node = node * self.format.node_fields();
        self.row(|row| {
            row.byte(b',');
            row.number(node);
            row.text(place);
        });
    }

    /// Ends the locations and begins the strings.
    pub fn begin_strings(&mut self) {
        self.begin_section("],\n\"strings\":[");
    }

    /// Writes one string of the table: ASCII as it is, everything else as `\uXXXX` in UTF-16, cut at
    /// [`MAX_STRING_CHARACTERS`] but never within a surrogate pair.
    pub fn string(&mut self, units: impl Iterator<Item = u16>) {
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
        self.end_string();
    }

    /// Writes one string of one-byte characters of the table.
    pub fn one_byte_string(&mut self, bytes: &[u8]) {
        self.begin_string();
        let bytes = &bytes[..bytes.len().min(MAX_STRING_CHARACTERS)];
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        for run in bytes.chunk_by(|left, right| is_plain(left) && is_plain(right)) {
            match run {
                [byte] if !is_plain(byte) => self.unit(u16::from(*byte)),
                plain => self.append(plain),
            }
        }
        self.end_string();
    }

    /// Writes a number as a string of the table.
    pub fn number_string(&mut self, number: u64) {
        self.row(|row| {
            row.byte(b',');
            row.byte(b'"');
            row.number(number);
            row.byte(b'"');
        });
    }

    /// The first error of the output, if there was one. What is written after it goes nowhere.
    pub fn check(&mut self) -> io::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// Ends the file and gives the number of bytes written.
    pub fn finish(mut self) -> io::Result<u64> {
        self.text("]}");
        self.check()?;
        self.output.finish(self.chunk.bytes())?;
        Ok(self.written + self.chunk.bytes().len() as u64)
    }

    fn begin_section(&mut self, head: &str) {
        self.text(head);
        self.first_of_section = true;
    }

    fn begin_string(&mut self) {
        if !std::mem::take(&mut self.first_of_section) {
            self.append(b",");
        }
        self.append(b"\"");
    }

    fn end_string(&mut self) {
        self.append(b"\"");
        self.pass_on_if_full();
    }

    /// Lets `write` fill a row, which begins with a comma; before the first of a section there is none.
    #[inline]
    fn row(&mut self, write: impl FnOnce(&mut Row)) {
        // There is always room for a row.
        if let Some(bytes) = self.chunk.room().first_chunk_mut::<MAX_ROW>() {
            let mut row = Row::new(bytes);
            write(&mut row);
            let length = row.length();
            if self.first_of_section {
                bytes[0] = b' ';
                self.first_of_section = false;
            }
            self.chunk.extend(length);
        }
        self.pass_on_if_full();
    }

    #[inline]
    fn unit(&mut self, unit: u16) {
        match u8::try_from(unit) {
            Ok(byte @ (b'"' | b'\\')) => self.append(&[b'\\', byte]),
            Ok(b'\n') => self.text("\\n"),
            Ok(b'\r') => self.text("\\r"),
            Ok(b'\t') => self.text("\\t"),
            Ok(8) => self.text("\\b"),
            Ok(12) => self.text("\\f"),
            Ok(byte @ 32..127) => self.append(&[byte]),
            _ => self.escape(unit),
        }
    }

    fn escape(&mut self, unit: u16) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let digit = |shift: u32| DIGITS[(unit >> shift) as usize & 15];
        self.append(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
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
        self.append(text.as_bytes());
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        // There is room for the longest string.
        if let Some(place) = self.chunk.room().get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
            self.chunk.extend(bytes.len());
        }
    }

    fn number(&mut self, value: u64) {
        let text = Text::of(|row| row.number(value));
        self.append(text.bytes());
    }

    #[inline]
    fn pass_on_if_full(&mut self) {
        if self.chunk.is_full() {
            self.pass_on();
        }
    }

    #[cold]
    fn pass_on(&mut self) {
        self.written += self.chunk.bytes().len() as u64;
        if self.error.is_none() {
            self.error = self.output.pass_on(&mut self.chunk).err();
        }
        if self.error.is_some() {
            self.chunk.clear();
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn strings_of(texts: &[&str]) -> String {
        let mut file = Vec::new();
        let mut writer = SnapshotWriter::new(&mut file, Format::WITHOUT_TRACE_NODE_ID);
        writer.begin_strings();
        for text in texts {
            writer.string(text.encode_utf16());
        }
        writer.finish().unwrap();
        String::from_utf8(file).unwrap()
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
        writer.begin(0, 0);
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
