//! Why a file cannot be read as a snapshot, and where in it. Offsets count bytes from 0, in the inflated text of a
//! compressed file.

use std::path::PathBuf;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened or mapped.
    #[error("{} cannot be opened: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is a folder, a socket or the like.
    #[error("{} is not a file; give the path of a .heapsnapshot or .heapsnapshot.gz", path.display())]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// Reading or inflating failed.
    #[error("{} cannot be read behind byte {offset}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// How far it was read.
        offset: u64,
        /// What the system or the decompressor said.
        source: std::io::Error,
    },
    /// The content is not what it must be.
    #[error("{}: byte {offset}: {fault}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What.
        fault: Fault,
    },
}

/// What is wrong at a place of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file is something else.
    #[error("this is not a V8 heap snapshot: it does not begin with {{\"snapshot\":{{")]
    NotASnapshot,
    /// The text ends too early.
    #[error("the file ends within its {section}: it is cut off; --salvage reads what is there")]
    CutOff {
        /// The section that is not complete.
        section: Section,
    },
    /// The text is not JSON.
    #[error("{expected} expected in the {section}, found {found}")]
    Unexpected {
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: Found,
        /// In which section.
        section: Section,
    },
    /// The header is no JSON, or lacks what a reader needs.
    #[error("the header is wrong: {reason}")]
    Header {
        /// What is wrong.
        reason: String,
    },
    /// A section is there twice, missing, or before the one it refers to.
    #[error("the {section} are missing, or not in the order of V8's files")]
    Misplaced {
        /// The section.
        section: Section,
    },
    /// The header tells another number than there is.
    #[error("the header tells of {claimed} {section}, but there are {found}")]
    Count {
        /// What is counted.
        section: Section,
        /// What the header says.
        claimed: u64,
        /// What is there.
        found: u64,
    },
    /// A value does not fit its column.
    #[error("{value} is too large for the column {column} of the {section}")]
    TooLarge {
        /// The section.
        section: Section,
        /// The column.
        column: &'static str,
        /// The value.
        value: u64,
    },
    /// There are more rows than 32 bits can number.
    #[error("there are more {section} than this reader can number: {}", u32::MAX)]
    TooMany {
        /// The section.
        section: Section,
    },
    /// The edges of the nodes add up to another number than there are edges.
    #[error("the nodes claim {claimed} edges in sum, but there are {found}")]
    EdgeSum {
        /// The sum of the nodes' edge counts.
        claimed: u64,
        /// The number of edges.
        found: u64,
    },
    /// An edge leads to no node.
    #[error("an edge leads to {target}, which is no node")]
    Target {
        /// As the file has it.
        target: u64,
    },
    /// A location is that of no node.
    #[error("a location belongs to {target}, which is no node")]
    LocationTarget {
        /// As the file has it.
        target: u64,
    },
    /// A type that the header does not list.
    #[error("type {value} is not listed in the header")]
    Type {
        /// The number of the type.
        value: u64,
    },
    /// A name that is not in the table of strings.
    #[error("a name is string {index}, but there are only {count} strings")]
    Name {
        /// The index of the string.
        index: u32,
        /// The number of strings.
        count: u64,
    },
    /// A string is longer than any that V8 can have.
    #[error("a string is longer than {limit} bytes, and so longer than any of V8's")]
    LongString {
        /// The most that is accepted, in bytes of the file.
        limit: usize,
    },
    /// Something follows the snapshot.
    #[error("the snapshot is complete here, but more text follows")]
    Trailing,
}

/// A part of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the file's own")]
pub enum Section {
    Header,
    Nodes,
    Edges,
    Locations,
    Strings,
    Other,
}

impl std::fmt::Display for Section {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Section::Header => "header",
            Section::Nodes => "nodes",
            Section::Edges => "edges",
            Section::Locations => "locations",
            Section::Strings => "strings",
            Section::Other => "sections beside nodes, edges and strings",
        })
    }
}

/// What stands in the text where something else was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found(pub u8);

impl std::fmt::Display for Found {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            byte @ b' '..=b'~' => write!(formatter, "'{}'", byte as char),
            byte => write!(formatter, "byte 0x{byte:02x}"),
        }
    }
}
