//! What extraction gives: edges with V8's types and names. It knows nothing of files.

use crate::heap::memory::Address;
use crate::heap::names::NameId;
use crate::snapshot::EdgeType;

/// The name or index of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeName {
    /// An index, for element and hidden edges.
    Index(u32),
    /// A number as text.
    Decimal(u32),
    /// A text that V8 makes up.
    Name(NameId),
    /// The text of the string, or what the symbol is called, at this address.
    Key(Address),
    /// "get " or "set " before the text of the string at this address.
    Accessor(AccessorPart, Address),
    /// "bound_argument_" and a number.
    BoundArgument(u32),
}

/// Half of an accessor pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessorPart {
    /// The getter.
    Getter,
    /// The setter.
    Setter,
}

/// Takes edges. An edge to something that is no node is for the sink to leave out.
///
/// What the edges of all objects of a map have in common is made ready once, in whatever form serves the sink.
pub trait EdgeSink {
    /// The type and the name of edges.
    type Label;
    /// A whole edge.
    type Edge;

    /// Makes type and name ready.
    fn label(&mut self, edge_type: EdgeType, name: EdgeName) -> Self::Label;

    /// Makes an edge ready, which may lead to nothing that is a node.
    fn prepare(&mut self, edge_type: EdgeType, name: EdgeName, target: Address) -> Self::Edge;

    /// An edge from the current node to the object at `target`.
    fn edge(&mut self, edge_type: EdgeType, name: EdgeName, target: Address);

    /// The same with a label made before.
    fn labelled(&mut self, label: &Self::Label, target: Address);

    /// An edge made before.
    fn prepared(&mut self, edge: &Self::Edge);

    /// An edge to memory outside of the heap.
    fn native_edge(&mut self, name: EdgeName, memory: Address);
}
