//! The .heapsnapshot format: its vocabulary and a streaming [`writer`]. It knows nothing of V8's memory.

pub mod chunk;
#[cfg(feature = "helper")]
pub mod reader;
pub mod row;
pub mod writer;

/// What a node is. The numbers are those of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the file's own")]
pub enum NodeType {
    Hidden,
    Array,
    String,
    Object,
    Code,
    Closure,
    RegExp,
    Number,
    Native,
    Synthetic,
    ConcatenatedString,
    SlicedString,
    Symbol,
    BigInt,
    ObjectShape,
}

/// What an edge is. The numbers are those of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the file's own")]
pub enum EdgeType {
    Context,
    Element,
    Property,
    Internal,
    Hidden,
    Shortcut,
    Weak,
}

/// The columns and type lists of the file, which differ by V8 version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Whether nodes have the column `trace_node_id`, which is always 0 here.
    pub trace_node_id: bool,
    /// The node types behind `bigint`.
    pub later_node_types: &'static [&'static str],
    /// Whether the header has `extra_native_bytes`.
    pub extra_native_bytes: bool,
    /// The number of types in `node_types`, which names one more column than there is in V8 13.6.
    pub node_type_columns: usize,
}

impl Format {
    /// V8 10.2.
    pub const WITH_TRACE_NODE_ID: Format = Format {
        trace_node_id: true,
        later_node_types: &[],
        extra_native_bytes: false,
        node_type_columns: 7,
    };
    /// V8 11.3.
    pub const WITH_WASM_OBJECT: Format = Format {
        later_node_types: &["object shape", "wasm object"],
        ..Self::WITH_TRACE_NODE_ID
    };
    /// V8 12.4.
    pub const WITH_OBJECT_SHAPE: Format = Format {
        later_node_types: &["object shape"],
        ..Self::WITH_TRACE_NODE_ID
    };
    /// V8 13.6 and 14.6.
    pub const WITHOUT_TRACE_NODE_ID: Format = Format {
        trace_node_id: false,
        extra_native_bytes: true,
        node_type_columns: 6,
        ..Self::WITH_OBJECT_SHAPE
    };

    /// The number of columns of a node; an edge refers to its target by node index times this.
    pub fn node_fields(&self) -> u64 {
        if self.trace_node_id { 7 } else { 6 }
    }
}
