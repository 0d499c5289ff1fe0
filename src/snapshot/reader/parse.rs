//! From the text to the columns, section by section in the order of the file. It does not know what rows mean.
//!
//! The edges are more than half of a file, and they refer to nodes by numbers alone. So a thread of its own begins with them
//! while the nodes are read here, where all of the text is at hand, and then what is behind the edges.

use super::block::{Block, ROWS};
use super::error::{Fault, Found, ReadError, Section};
use super::graph::{Edges, Graph, is_numbered};
use super::header::{Header, MAX_COLUMNS};
use super::input::Input;
use super::numbers::{AfterRow, RowFault, read_row};
use super::strings::{MAX_STRING_BYTES, Strings, length_of_escaped};
use super::tables::{EdgeTable, LocationTable, NodeTable, Table};
use std::thread::JoinHandle;

/// A header is a few kilobytes; more than this is something else.
const MAX_HEADER_BYTES: usize = 1 << 20;
/// Less text than this is read before a thread has begun.
const WORTH_A_THREAD: u64 = 4 << 20;

/// Reads one snapshot; what is done so far stays in `graph` when a later part is wrong.
pub(super) struct Parser {
    input: Input,
    pub graph: Graph,
    edges_ahead: Option<EdgesAhead>,
}

/// The edges, while a thread of their own reads them.
struct EdgesAhead {
    /// Where their array begins.
    start: u64,
    thread: JoinHandle<ReadEdges>,
}

/// What could be read of the edges, and how it ended.
struct ReadEdges {
    edges: Edges,
    /// Where their array ends, or why that was not reached.
    end: Result<u64, ReadError>,
}

impl Parser {
    pub fn new(input: Input) -> Parser {
        Parser {
            input,
            graph: Graph::default(),
            edges_ahead: None,
        }
    }

    /// Reads all of the text.
    pub fn parse(&mut self) -> Result<(), ReadError> {
        let header = self.parse_header()?;
        let mut done = Vec::new();
        self.parse_sections(&header, &mut done)?;
        for section in [Section::Nodes, Section::Edges, Section::Strings] {
            if !done.contains(&section) {
                return self.fault(Fault::Misplaced { section });
            }
        }
        self.expect_the_end()?;
        self.check_names()
    }

    /// Reads all sections that are not done yet.
    fn parse_sections(
        &mut self,
        header: &Header,
        done: &mut Vec<Section>,
    ) -> Result<(), ReadError> {
        loop {
            match self.byte(Section::Other)? {
                b',' => self.input.advance(1),
                b'}' => {
                    self.input.advance(1);
                    return Ok(());
                }
                byte => return self.unexpected("a comma or the end", byte, Section::Other),
            }
            let section = self.parse_key()?;
            let is_repeated = section != Section::Other && done.contains(&section);
            let is_early = section != Section::Nodes && !done.contains(&Section::Nodes);
            if is_repeated || (is_early && section != Section::Other) {
                return self.fault(Fault::Misplaced { section });
            }
            done.push(section);
            match section {
                Section::Nodes => self.parse_nodes(header)?,
                Section::Edges => match self.take_edges_ahead() {
                    Some(edges) => return self.parse_beside(edges, header, done),
                    None => self.parse_edges(header)?,
                },
                Section::Locations => self.parse_locations(header)?,
                Section::Strings => self.parse_strings()?,
                Section::Header | Section::Other => self.skip_value()?,
            }
        }
    }

    fn parse_header(&mut self) -> Result<Header, ReadError> {
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
        Ok(header)
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

    fn parse_nodes(&mut self, header: &Header) -> Result<(), ReadError> {
        self.byte(Section::Nodes)?;
        self.edges_ahead = self.begin_edges(header);
        let capacity = self.capacity(header.node_count, header.nodes.width);
        let mut table = NodeTable::new(header, capacity);
        let outcome = self.parse_rows(&mut table);
        self.graph.nodes = table.nodes;
        self.graph.nodes.first_edges.push(table.next_edge);
        outcome?;
        let found = self.graph.node_count() as u64;
        if found == 0 {
            return self.fault(Fault::Misplaced {
                section: Section::Nodes,
            });
        }
        let offset = self.input.offset();
        self.check_count(offset, Section::Nodes, header.node_count, found)
    }

    /// Lets a thread read the edges, if the nodes that come next are followed by them.
    fn begin_edges(&self, header: &Header) -> Option<EdgesAhead> {
        let is_alone = std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
        if is_alone || self.input.known_length() < WORTH_A_THREAD {
            return None;
        }
        let least = least_length(header.node_count, header.nodes.width);
        let mut parser = Parser::new(self.input.behind_next(b']', least)?);
        if parser.byte(Section::Other).ok()? != b',' {
            return None;
        }
        parser.input.advance(1);
        if parser.parse_key().ok()? != Section::Edges {
            return None;
        }
        let start = parser.input.offset();
        let header = header.clone();
        let read = move || parser.read_edges(&header, header.node_count);
        // Without a thread they are read in their turn.
        let thread = std::thread::Builder::new().spawn(read).ok()?;
        Some(EdgesAhead { start, thread })
    }

    /// The edges, if a thread reads those that come next.
    fn take_edges_ahead(&mut self) -> Option<EdgesAhead> {
        let offset = self.input.offset();
        self.edges_ahead.take_if(|edges| edges.start == offset)
    }

    /// Reads the sections behind the edges, while a thread reads these.
    fn parse_beside(
        &mut self,
        edges: EdgesAhead,
        header: &Header,
        done: &mut Vec<Section>,
    ) -> Result<(), ReadError> {
        let least = least_length(header.edge_count, header.edges.width);
        let sections = match self.input.behind_next(b']', least) {
            Some(input) => {
                self.input = input;
                self.parse_sections(header, done)
            }
            None => Ok(()),
        };
        let read = edges.thread.join();
        let read = read.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // What is wrong with the edges stands before what is wrong behind them.
        self.take_edges(read, header)?;
        sections
    }

    fn parse_edges(&mut self, header: &Header) -> Result<(), ReadError> {
        let read = self.read_edges(header, self.graph.node_count() as u64);
        self.take_edges(read, header)
    }

    fn read_edges(&mut self, header: &Header, node_count: u64) -> ReadEdges {
        let capacity = self.capacity(header.edge_count, header.edges.width);
        let mut table = EdgeTable::new(header, node_count, capacity);
        let outcome = self.parse_rows(&mut table);
        ReadEdges {
            edges: table.edges,
            end: outcome.map(|()| self.input.offset()),
        }
    }

    fn take_edges(&mut self, read: ReadEdges, header: &Header) -> Result<(), ReadError> {
        self.graph.edges = read.edges;
        let end = read.end?;
        let found = self.graph.edge_count() as u64;
        self.check_count(end, Section::Edges, header.edge_count, found)?;
        let of_nodes = self.graph.nodes.first_edges.last();
        let claimed = of_nodes.copied().map_or(0, u64::from);
        if claimed != found {
            return Err(self.content(end, Fault::EdgeSum { claimed, found }));
        }
        Ok(())
    }

    fn parse_locations(&mut self, header: &Header) -> Result<(), ReadError> {
        let Some(mut table) = LocationTable::new(header, self.graph.node_count() as u64) else {
            return self.skip_value();
        };
        let outcome = self.parse_rows(&mut table);
        self.graph.locations = table.locations;
        let rows = &mut self.graph.locations.rows;
        if !rows.is_sorted_by_key(|&(node, _)| node) {
            rows.sort_by_key(|&(node, _)| node);
        }
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
            let read = strings.push_plain(self.input.rest(), self.input.offset());
            self.input.advance(read);
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

    /// Reads an array of numbers into a table.
    fn parse_rows<T: Table>(&mut self, table: &mut T) -> Result<(), ReadError> {
        self.open_array(T::SECTION)?;
        if self.byte(T::SECTION)? == b']' {
            self.input.advance(1);
            return Ok(());
        }
        let mut block = Block::new(table.width());
        loop {
            let text = self.input.rest();
            let mut position = 0;
            let stop = loop {
                let read = block.read(&text[position..]);
                if block.rows() > 0 && table.take_block(&block) {
                    position += read;
                } else if let Some(stop) = take_rows(text, &mut position, table) {
                    break stop;
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
                        return self.cut_off(T::SECTION);
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
        let edges = &self.graph.edges;
        let of_nodes = self.graph.nodes.names.iter().copied();
        let of_edges = edges.types.iter().zip(&edges.names);
        // Nothing is left out, for that would be a branch that nobody can guess; each graph has a node with a name of 0 or more.
        let of_edges =
            of_edges.map(|(&edge_type, &name)| if is_numbered(edge_type) { 0 } else { name });
        match of_nodes.max().max(of_edges.max()) {
            Some(index) if u64::from(index) >= count => self.fault(Fault::Name { index, count }),
            _ => Ok(()),
        }
    }

    fn check_count(
        &self,
        offset: u64,
        section: Section,
        claimed: u64,
        found: u64,
    ) -> Result<(), ReadError> {
        if claimed == found {
            return Ok(());
        }
        let fault = Fault::Count {
            section,
            claimed,
            found,
        };
        Err(self.content(offset, fault))
    }

    /// How many rows to make room for: not more than the text that is known of has room for.
    fn capacity(&self, claimed: u64, width: usize) -> usize {
        let most = self.input.known_length() / least_length(1, width.max(1));
        usize::try_from(claimed.min(most)).unwrap_or_default()
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

/// How far behind its beginning an array of so many rows ends at least: each number has a digit, and a comma or the bracket
/// before it.
fn least_length(rows: u64, width: usize) -> u64 {
    2 * rows * width as u64
}

enum Stop {
    End,
    Incomplete,
    Fault(usize, Fault),
}

/// Takes as many rows as a block has, one by one, unless something ends them.
fn take_rows(text: &[u8], position: &mut usize, table: &mut impl Table) -> Option<Stop> {
    fn take<T: Table>(text: &[u8], position: &mut usize, table: &mut T) -> Option<Stop> {
        let mut cells = [0; MAX_COLUMNS];
        let row = &mut cells[..table.width()];
        match read_row(&text[*position..], T::SECTION, row) {
            Ok((after, length)) => {
                if let Err(fault) = table.take_row(row) {
                    return Some(Stop::Fault(0, fault));
                }
                *position += length;
                (after == AfterRow::Bracket).then_some(Stop::End)
            }
            Err(RowFault::Incomplete) => Some(Stop::Incomplete),
            Err(RowFault::Wrong(within, fault)) => Some(Stop::Fault(within, fault)),
        }
    }
    (0..ROWS).find_map(|_| take(text, position, table))
}
