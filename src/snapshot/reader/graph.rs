//! A snapshot in columns: one number of 32 bits a cell, nodes and edges counted from 0. Node 0 is the root.

use super::sizes::Sizes;
use super::strings::Strings;
use crate::snapshot::{EdgeType, NodeType};
use std::borrow::Cow;
use std::ops::Range;

/// The index of a node.
pub type NodeIndex = u32;
/// The index of an edge.
pub type EdgeIndex = u32;

/// The graph of a heap. 17 bytes a node, 9 an edge, 8 a location and as much for a string, unless its text is inflated.
#[derive(Default)]
pub struct Graph {
    pub(super) nodes: Nodes,
    pub(super) edges: Edges,
    pub(super) locations: Locations,
    pub(super) strings: Strings,
    pub(super) extra_native_bytes: u64,
}

/// The columns of the nodes.
#[derive(Default)]
pub(super) struct Nodes {
    pub types: Vec<Option<NodeType>>,
    pub names: Vec<u32>,
    pub ids: Vec<u32>,
    pub self_sizes: Sizes,
    /// Where the edges of a node begin; one more than there are nodes.
    pub first_edges: Vec<EdgeIndex>,
}

/// The columns of the edges.
#[derive(Default)]
pub(super) struct Edges {
    pub types: Vec<EdgeType>,
    pub names: Vec<u32>,
    pub targets: Vec<NodeIndex>,
}

/// Where in a script something stands. Lines and columns count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the file's own")]
pub struct Location {
    pub script_id: u32,
    pub line: u32,
    pub column: u32,
}

/// The locations of nodes: many nodes share one, such as that of their constructor.
#[derive(Default)]
pub(super) struct Locations {
    /// In the order of the nodes, once they are sorted.
    pub rows: Vec<(NodeIndex, u32)>,
    pub places: Vec<Location>,
}

/// The name of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeName<'g> {
    /// A property, a variable or V8's own word.
    Text(Cow<'g, str>),
    /// An element or a numbered slot.
    Index(u32),
}

impl std::fmt::Display for EdgeName<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            EdgeName::Text(text) => formatter.write_str(text),
            EdgeName::Index(index) => write!(formatter, "{index}"),
        }
    }
}

impl Graph {
    /// The root of everything.
    pub const ROOT: NodeIndex = 0;

    /// The number of nodes.
    pub fn node_count(&self) -> usize {
        self.nodes.types.len()
    }

    /// The number of edges.
    pub fn edge_count(&self) -> usize {
        self.edges.types.len()
    }

    /// All nodes.
    pub fn nodes(&self) -> Range<NodeIndex> {
        0..self.node_count() as u32
    }

    /// What a node is; `None` if this package does not know the type.
    #[inline]
    pub fn node_type(&self, node: NodeIndex) -> Option<NodeType> {
        self.nodes.types[node as usize]
    }

    /// Whether a node is of this type.
    #[inline]
    pub fn is(&self, node: NodeIndex, node_type: NodeType) -> bool {
        self.node_type(node) == Some(node_type)
    }

    /// The index of a node's name in the strings.
    #[inline]
    pub fn node_name_index(&self, node: NodeIndex) -> u32 {
        self.nodes.names[node as usize]
    }

    /// A node's name.
    pub fn node_name(&self, node: NodeIndex) -> Cow<'_, str> {
        self.strings.get(self.node_name_index(node))
    }

    /// The id that people know a node by.
    #[inline]
    pub fn id(&self, node: NodeIndex) -> u32 {
        self.nodes.ids[node as usize]
    }

    /// The node of an id.
    pub fn node_of_id(&self, id: u32) -> Option<NodeIndex> {
        let index = self.nodes.ids.iter().position(|&other| other == id)?;
        Some(index as u32)
    }

    /// Bytes of the node alone, as the file has them.
    #[inline]
    pub fn self_size(&self, node: NodeIndex) -> u64 {
        self.nodes.self_sizes.get(node)
    }

    /// Bytes of every node alone.
    pub fn self_sizes(&self) -> &Sizes {
        &self.nodes.self_sizes
    }

    /// Bytes of every node alone, for those who count them otherwise than the file.
    pub fn self_sizes_mut(&mut self) -> &mut Sizes {
        &mut self.nodes.self_sizes
    }

    /// The edges that lead from a node.
    #[inline]
    pub fn edges(&self, node: NodeIndex) -> Range<EdgeIndex> {
        let node = node as usize;
        self.nodes.first_edges[node]..self.nodes.first_edges[node + 1]
    }

    /// What an edge is.
    #[inline]
    pub fn edge_type(&self, edge: EdgeIndex) -> EdgeType {
        self.edges.types[edge as usize]
    }

    /// Where an edge leads.
    #[inline]
    pub fn target(&self, edge: EdgeIndex) -> NodeIndex {
        self.edges.targets[edge as usize]
    }

    /// The index of an edge's name in the strings, or the number of its element.
    #[inline]
    pub fn edge_name_or_index(&self, edge: EdgeIndex) -> u32 {
        self.edges.names[edge as usize]
    }

    /// Whether an edge has a number instead of a name.
    #[inline]
    pub fn is_numbered(&self, edge: EdgeIndex) -> bool {
        is_numbered(self.edge_type(edge))
    }

    /// An edge's name.
    pub fn edge_name(&self, edge: EdgeIndex) -> EdgeName<'_> {
        let name = self.edge_name_or_index(edge);
        if self.is_numbered(edge) {
            EdgeName::Index(name)
        } else {
            EdgeName::Text(self.strings.get(name))
        }
    }

    /// The node that an edge leads from.
    pub fn source(&self, edge: EdgeIndex) -> NodeIndex {
        // Nodes without edges share their neighbour's beginning: the last node that begins at or before the edge has it.
        self.nodes
            .first_edges
            .partition_point(|&first| first <= edge) as u32
            - 1
    }

    /// Where the function, or the constructor of the object, stands.
    pub fn location(&self, node: NodeIndex) -> Option<Location> {
        let rows = &self.locations.rows;
        let row = rows.binary_search_by_key(&node, |&(node, _)| node).ok()?;
        Some(self.locations.places[rows[row].1 as usize])
    }

    /// All nodes that have a location, in their order.
    pub fn located_nodes(&self) -> impl Iterator<Item = (NodeIndex, Location)> + '_ {
        self.locations
            .rows
            .iter()
            .map(|&(node, place)| (node, self.locations.places[place as usize]))
    }

    /// Makes what was read of a damaged file consistent: nodes whose edges are missing have fewer.
    pub(super) fn close_gaps(&mut self) {
        let edge_count = self.edge_count() as u32;
        for first_edge in &mut self.nodes.first_edges {
            *first_edge = edge_count.min(*first_edge);
        }
        if let Some(end) = self.nodes.first_edges.last_mut() {
            *end = edge_count;
        }
    }

    /// The table of strings.
    pub fn strings(&self) -> &Strings {
        &self.strings
    }

    /// Bytes outside of V8's heap that belong to no node.
    pub fn extra_native_bytes(&self) -> u64 {
        self.extra_native_bytes
    }
}

/// Whether the edges of a type have a number instead of a name.
#[inline]
pub(super) fn is_numbered(edge_type: EdgeType) -> bool {
    matches!(edge_type, EdgeType::Element | EdgeType::Hidden)
}
