//! From the text to the columns, section by section in the order of the file.

use super::error::{Fault, Found, ReadError, Section};
use super::graph::{Graph, Location, is_numbered};
use super::header::{Header, MAX_COLUMNS};
use super::input::Input;
use super::numbers::{AfterRow, RowFault, read_row};
use super::strings::{MAX_STRING_BYTES, Strings, length_of_escaped};
use rustc_hash::FxHashMap;

/// A header is a few kilobytes; more than this is something else.
const MAX_HEADER_BYTES: usize = 1 << 20;

/// Reads one snapshot; what is done so far stays in `graph` when a later part is wrong.
pub(super) struct Parser {
    input: Input,
    pub graph: Graph,
    pub header: Option<Header>,
}

impl Parser {
    pub fn new(input: Input) -> Parser {
        Parser {
            input,
            graph: Graph::default(),
            header: None,
        }
    }

    /// Reads all of the text.
    pub fn parse(&mut self) -> Result<(), ReadError> {
        self.parse_header()?;
        let mut done = Vec::new();
        loop {
            match self.byte(Section::Other)? {
                b',' => self.input.advance(1),
                b'}' => break,
                byte => return self.unexpected("a comma or the end", byte, Section::Other),
            }
            let section = self.parse_key()?;
            let is_repeated = section != Section::Other && done.contains(&section);
            let is_early = section != Section::Nodes && !done.contains(&Section::Nodes);
            if is_repeated || (is_early && section != Section::Other) {
                return self.fault(Fault::Misplaced { section });
            }
            match section {
                Section::Nodes => self.parse_nodes()?,
                Section::Edges => self.parse_edges()?,
                Section::Locations => self.parse_locations()?,
                Section::Strings => self.parse_strings()?,
                Section::Header | Section::Other => self.skip_value()?,
            }
            done.push(section);
        }
        self.input.advance(1);
        for section in [Section::Nodes, Section::Edges, Section::Strings] {
            if !done.contains(&section) {
                return self.fault(Fault::Misplaced { section });
            }
        }
        self.expect_the_end()?;
        self.check_names()
    }

    fn parse_header(&mut self) -> Result<(), ReadError> {
        for text in ["{", "\"snapshot\"", ":"] {
            self.expect_of_header(text)?;
        }
        self.byte(Section::Header)?;
        let start = self.input.offset();
        let length = self.length_of_header()?;
        let header = Header::parse(&self.input.rest()[..length])
            .map_err(|fault| self.content(start, fault))?;
        self.input.advance(length);
        self.graph.extra_native_bytes = header.extra_native_bytes;
        self.header = Some(header);
        Ok(())
    }

    fn expect_of_header(&mut self, text: &str) -> Result<(), ReadError> {
        let not_a_snapshot = |this: &Self| this.fault(Fault::NotASnapshot);
        if self.skip_blanks()?.is_none() {
            return not_a_snapshot(self);
        }
        while self.input.rest().len() < text.len() {
            if !self.input.see_more()? {
                return not_a_snapshot(self);
            }
        }
        if !self.input.rest().starts_with(text.as_bytes()) {
            return not_a_snapshot(self);
        }
        self.input.advance(text.len());
        Ok(())
    }

    /// The length of the balanced object that comes next.
    fn length_of_header(&mut self) -> Result<usize, ReadError> {
        let mut depth = 0;
        let mut position = 0;
        loop {
            let text = self.input.rest();
            let Some(&byte) = text.get(position) else {
                if self.input.see_more()? {
                    continue;
                }
                return self.cut_off(Section::Header);
            };
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                b'"' => match length_of_escaped(&text[position + 1..]) {
                    Some(length) => position += length + 1,
                    None if position < MAX_HEADER_BYTES && self.input.see_more()? => continue,
                    None => return self.cut_off(Section::Header),
                },
                _ => {}
            }
            position += 1;
            if depth <= 0 {
                return Ok(position);
            }
            if position > MAX_HEADER_BYTES {
                return self.fault(Fault::Header {
                    reason: "it does not end within a megabyte".to_owned(),
                });
            }
        }
    }

    /// The section whose name and colon come next.
    fn parse_key(&mut self) -> Result<Section, ReadError> {
        match self.byte(Section::Other)? {
            b'"' => self.input.advance(1),
            byte => return self.unexpected("the name of a section", byte, Section::Other),
        }
        let length = self.length_of_string(Section::Other)?;
        let section = match &self.input.rest()[..length] {
            b"nodes" => Section::Nodes,
            b"edges" => Section::Edges,
            b"locations" => Section::Locations,
            b"strings" => Section::Strings,
            _ => Section::Other,
        };
        self.input.advance(length + 1);
        match self.byte(section)? {
            b':' => self.input.advance(1),
            byte => return self.unexpected("a colon", byte, section),
        }
        Ok(section)
    }

    fn parse_nodes(&mut self) -> Result<(), ReadError> {
        let Some(header) = self.header.clone() else {
            return self.fault(Fault::NotASnapshot);
        };
        let columns = header.nodes;
        let mut graph = std::mem::take(&mut self.graph);
        let capacity = self.capacity(header.node_count, columns.width);
        graph.node_types.reserve_exact(capacity);
        graph.node_names.reserve_exact(capacity);
        graph.ids.reserve_exact(capacity);
        graph.self_sizes.reserve_exact(capacity);
        graph.first_edges.reserve_exact(capacity + 1);
        let mut first_edge = 0u32;
        let outcome = self.parse_rows(Section::Nodes, columns.width, |row| {
            let fits = |column: &'static str, value: u64| {
                u32::try_from(value).map_err(|_| Fault::TooLarge {
                    section: Section::Nodes,
                    column,
                    value,
                })
            };
            let node_type =
                *columns
                    .types
                    .get(row[columns.node_type] as usize)
                    .ok_or(Fault::Type {
                        value: row[columns.node_type],
                    })?;
            let name = fits("name", row[columns.name])?;
            let id = fits("id", row[columns.id])?;
            let next_edge = first_edge
                .checked_add(fits("edge_count", row[columns.edge_count])?)
                .ok_or(Fault::TooMany {
                    section: Section::Edges,
                })?;
            if graph.node_types.len() == u32::MAX as usize {
                return Err(Fault::TooMany {
                    section: Section::Nodes,
                });
            }
            graph.node_types.push(node_type);
            graph.node_names.push(name);
            graph.ids.push(id);
            graph.self_sizes.push(row[columns.self_size]);
            graph.first_edges.push(first_edge);
            first_edge = next_edge;
            Ok(())
        });
        graph.first_edges.push(first_edge);
        let found = graph.node_count() as u64;
        self.graph = graph;
        outcome?;
        if found == 0 {
            return self.fault(Fault::Misplaced {
                section: Section::Nodes,
            });
        }
        self.check_count(Section::Nodes, header.node_count, found)
    }

    fn parse_edges(&mut self) -> Result<(), ReadError> {
        let Some(header) = self.header.clone() else {
            return self.fault(Fault::NotASnapshot);
        };
        let columns = header.edges;
        let mut graph = std::mem::take(&mut self.graph);
        let capacity = self.capacity(header.edge_count, columns.width);
        graph.edge_types.reserve_exact(capacity);
        graph.edge_names.reserve_exact(capacity);
        graph.edge_targets.reserve_exact(capacity);
        let targets = Targets {
            node_count: graph.node_count() as u64,
            width: header.nodes.width as u64,
        };
        let outcome = self.parse_rows(Section::Edges, columns.width, |row| {
            let edge_type = columns
                .types
                .get(row[columns.edge_type] as usize)
                .copied()
                .flatten()
                .ok_or(Fault::Type {
                    value: row[columns.edge_type],
                })?;
            let target = row[columns.to_node];
            let node = targets.node(target).ok_or(Fault::Target { target })?;
            let name = row[columns.name_or_index];
            let name = u32::try_from(name).map_err(|_| Fault::TooLarge {
                section: Section::Edges,
                column: "name_or_index",
                value: name,
            })?;
            graph.edge_types.push(edge_type);
            graph.edge_names.push(name);
            graph.edge_targets.push(node);
            if graph.edge_types.len() == u32::MAX as usize {
                return Err(Fault::TooMany {
                    section: Section::Edges,
                });
            }
            Ok(())
        });
        let found = graph.edge_count() as u64;
        let claimed_by_nodes = graph.first_edges.last().copied().map_or(0, u64::from);
        self.graph = graph;
        outcome?;
        self.check_count(Section::Edges, header.edge_count, found)?;
        if claimed_by_nodes != found {
            return self.fault(Fault::EdgeSum {
                claimed: claimed_by_nodes,
                found,
            });
        }
        Ok(())
    }

    fn parse_locations(&mut self) -> Result<(), ReadError> {
        let header = self.header.clone();
        let Some((columns, nodes)) =
            header.and_then(|header| Some((header.locations?, header.nodes)))
        else {
            return self.skip_value();
        };
        let targets = Targets {
            node_count: self.graph.node_count() as u64,
            width: nodes.width as u64,
        };
        let mut locations = std::mem::take(&mut self.graph.locations);
        let mut known: FxHashMap<Location, u32> = FxHashMap::default();
        let outcome = self.parse_rows(Section::Locations, columns.width, |row| {
            let fits = |column: &'static str, value: u64| {
                u32::try_from(value).map_err(|_| Fault::TooLarge {
                    section: Section::Locations,
                    column,
                    value,
                })
            };
            let target = row[columns.object_index];
            let node = targets
                .node(target)
                .ok_or(Fault::LocationTarget { target })?;
            let location = Location {
                script_id: fits("script_id", row[columns.script_id])?,
                line: fits("line", row[columns.line])?,
                column: fits("column", row[columns.column])?,
            };
            let place = *known.entry(location).or_insert_with(|| {
                locations.places.push(location);
                locations.places.len() as u32 - 1
            });
            locations.rows.push((node, place));
            Ok(())
        });
        if !locations.rows.is_sorted_by_key(|&(node, _)| node) {
            locations.rows.sort_by_key(|&(node, _)| node);
        }
        self.graph.locations = locations;
        outcome
    }

    fn parse_strings(&mut self) -> Result<(), ReadError> {
        self.open_array(Section::Strings)?;
        let mut strings = Strings::new(self.input.mapping());
        let outcome = self.parse_strings_into(&mut strings);
        self.graph.strings = strings;
        outcome
    }

    fn parse_strings_into(&mut self, strings: &mut Strings) -> Result<(), ReadError> {
        if self.byte(Section::Strings)? == b']' {
            self.input.advance(1);
            return Ok(());
        }
        loop {
            match self.byte(Section::Strings)? {
                b'"' => self.input.advance(1),
                byte => return self.unexpected("a string", byte, Section::Strings),
            }
            let length = self.length_of_string(Section::Strings)?;
            strings.push(&self.input.rest()[..length], self.input.offset());
            self.input.advance(length + 1);
            match self.byte(Section::Strings)? {
                b',' => self.input.advance(1),
                b']' => {
                    self.input.advance(1);
                    return Ok(());
                }
                byte => {
                    return self.unexpected(
                        "a comma or the end of the array",
                        byte,
                        Section::Strings,
                    );
                }
            }
        }
    }

    /// Gives each row of an array of numbers to `take`.
    fn parse_rows(
        &mut self,
        section: Section,
        width: usize,
        mut take: impl FnMut(&[u64]) -> Result<(), Fault>,
    ) -> Result<(), ReadError> {
        self.open_array(section)?;
        if self.byte(section)? == b']' {
            self.input.advance(1);
            return Ok(());
        }
        let mut cells = [0u64; MAX_COLUMNS];
        let row = &mut cells[..width];
        loop {
            let text = self.input.rest();
            let mut position = 0;
            let stop = loop {
                match read_row(&text[position..], section, row) {
                    Ok((after, length)) => {
                        if let Err(fault) = take(row) {
                            break Stop::Fault(0, fault);
                        }
                        position += length;
                        if after == AfterRow::Bracket {
                            break Stop::End;
                        }
                    }
                    Err(RowFault::Incomplete) => break Stop::Incomplete,
                    Err(RowFault::Wrong(within, fault)) => break Stop::Fault(within, fault),
                }
            };
            self.input.advance(position);
            match stop {
                Stop::End => return Ok(()),
                Stop::Fault(within, fault) => {
                    return Err(self.content(self.input.offset() + within as u64, fault));
                }
                Stop::Incomplete => {
                    // A row without an end is a number without one: nothing that a file can make worth keeping.
                    if !self.input.see_more()? || self.input.rest().len() > MAX_STRING_BYTES {
                        return self.cut_off(section);
                    }
                }
            }
        }
    }

    /// Passes over a value of JSON, of any kind.
    fn skip_value(&mut self) -> Result<(), ReadError> {
        let mut depth = 0u64;
        loop {
            match self.byte(Section::Other)? {
                b'[' | b'{' => {
                    depth += 1;
                    self.input.advance(1);
                }
                b']' | b'}' if depth > 0 => {
                    depth -= 1;
                    self.input.advance(1);
                }
                b'"' => {
                    self.input.advance(1);
                    let length = self.length_of_string(Section::Other)?;
                    self.input.advance(length + 1);
                }
                byte @ (b']' | b'}' | b',' | b':') if depth == 0 => {
                    return self.unexpected("a value", byte, Section::Other);
                }
                b',' | b':' => {
                    self.input.advance(1);
                    continue;
                }
                _ => {
                    let is_part = |byte: &&u8| !matches!(byte, b',' | b']' | b'}' | b':' | b'"');
                    let length = self.input.rest().iter().take_while(is_part).count();
                    self.input.advance(length);
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn expect_the_end(&mut self) -> Result<(), ReadError> {
        match self.skip_blanks()? {
            None => Ok(()),
            Some(_) => self.fault(Fault::Trailing),
        }
    }

    /// Every name must be in the table of strings.
    fn check_names(&self) -> Result<(), ReadError> {
        let count = self.graph.strings.len() as u64;
        let of_nodes = self.graph.node_names.iter();
        let of_edges = self.graph.edge_types.iter().zip(&self.graph.edge_names);
        let of_edges = of_edges
            .filter(|&(&edge_type, _)| !is_numbered(edge_type))
            .map(|(_, name)| name);
        match of_nodes.chain(of_edges).max() {
            Some(&index) if u64::from(index) >= count => self.fault(Fault::Name { index, count }),
            _ => Ok(()),
        }
    }

    fn check_count(&self, section: Section, claimed: u64, found: u64) -> Result<(), ReadError> {
        if claimed == found {
            Ok(())
        } else {
            self.fault(Fault::Count {
                section,
                claimed,
                found,
            })
        }
    }

    /// How many rows to make room for: not more than the text that can be seen has room for.
    fn capacity(&self, claimed: u64, width: usize) -> usize {
        let most = self.input.rest().len() / (2 * width.max(1));
        usize::try_from(claimed).map_or(most, |claimed| claimed.min(most))
    }

    fn open_array(&mut self, section: Section) -> Result<(), ReadError> {
        match self.byte(section)? {
            b'[' => {
                self.input.advance(1);
                Ok(())
            }
            byte => self.unexpected("an array", byte, section),
        }
    }

    /// The length of the string whose opening quote has been passed.
    fn length_of_string(&mut self, section: Section) -> Result<usize, ReadError> {
        loop {
            let text = self.input.rest();
            // The quote that ends the longest string lies just behind the limit.
            let text = &text[..text.len().min(MAX_STRING_BYTES + 1)];
            if let Some(length) = length_of_escaped(text) {
                return Ok(length);
            }
            if text.len() > MAX_STRING_BYTES {
                return self.fault(Fault::LongString {
                    limit: MAX_STRING_BYTES,
                });
            }
            if !self.input.see_more()? {
                return self.cut_off(section);
            }
        }
    }

    /// The next byte that is no blank, without passing it.
    fn byte(&mut self, section: Section) -> Result<u8, ReadError> {
        match self.skip_blanks()? {
            Some(byte) => Ok(byte),
            None => self.cut_off(section),
        }
    }

    fn skip_blanks(&mut self) -> Result<Option<u8>, ReadError> {
        loop {
            let text = self.input.rest();
            let is_blank = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
            let found = text.iter().position(|byte| !is_blank(byte));
            match found {
                Some(position) => {
                    let byte = text[position];
                    self.input.advance(position);
                    return Ok(Some(byte));
                }
                None => {
                    let length = text.len();
                    self.input.advance(length);
                    if !self.input.see_more()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn unexpected<T>(
        &self,
        expected: &'static str,
        byte: u8,
        section: Section,
    ) -> Result<T, ReadError> {
        self.fault(Fault::Unexpected {
            expected,
            found: Found(byte),
            section,
        })
    }

    /// The text ends within `section`. What can be seen is all that is left.
    fn cut_off<T>(&self, section: Section) -> Result<T, ReadError> {
        let end = self.input.offset() + self.input.rest().len() as u64;
        Err(self.content(end, Fault::CutOff { section }))
    }

    fn fault<T>(&self, fault: Fault) -> Result<T, ReadError> {
        Err(self.content(self.input.offset(), fault))
    }

    fn content(&self, offset: u64, fault: Fault) -> ReadError {
        ReadError::Content {
            path: self.input.path().to_owned(),
            offset,
            fault,
        }
    }
}

enum Stop {
    End,
    Incomplete,
    Fault(usize, Fault),
}

/// Turns the file's references to nodes into their indexes.
struct Targets {
    node_count: u64,
    width: u64,
}

impl Targets {
    #[inline]
    fn node(&self, reference: u64) -> Option<u32> {
        // Divisions by a constant are several times faster, and V8's files have 6 or 7 columns.
        let (node, rest) = match self.width {
            6 => (reference / 6, reference % 6),
            7 => (reference / 7, reference % 7),
            width => (reference / width, reference % width),
        };
        (rest == 0 && node < self.node_count).then_some(node as u32)
    }
}
