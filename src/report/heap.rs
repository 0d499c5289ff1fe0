//! A snapshot with all that is derived from it once: shallow sizes, the dominator tree and paths from the root.

use super::dominators::Dominators;
use super::naming::is_global;
use super::paths::Paths;
use super::places::Places;
use super::retaining::RetainingEdges;
use super::shallow::Owners;
use super::texts::Texts;
use super::threads::both;
use super::tree::Tree;
use crate::snapshot::NodeType;
use crate::snapshot::reader::{Graph, NodeIndex};

/// A heap that can be asked.
pub struct Heap {
    /// Nodes and edges; the self sizes are shallow sizes as DevTools counts them.
    pub graph: Graph,
    /// Which strings are the same.
    pub texts: Texts,
    /// Which edges retain.
    pub retaining: RetainingEdges,
    /// Who dominates whom.
    pub dominators: Dominators,
    /// The dominator tree from above.
    pub tree: Tree,
    /// The shortest way from the root to each node.
    pub paths: Paths,
    /// Where functions stand.
    pub places: Places,
}

impl Heap {
    /// Derives everything, by two threads where there are two.
    pub fn of(mut graph: Graph) -> Heap {
        let (owners, retaining) = both(|| Owners::of(&graph), || RetainingEdges::of(&graph));
        owners.count_owned_as_own(&mut graph);
        let of_strings = || (Texts::of(graph.strings()), Places::of(&graph));
        let of_edges = || {
            let dominators = Dominators::of(&graph, &retaining);
            let tree = Tree::of(&graph, &dominators);
            (dominators, tree)
        };
        let ((texts, places), (dominators, tree)) = both(of_strings, of_edges);
        let paths = Paths::of(&graph, &retaining);
        Heap {
            graph,
            texts,
            retaining,
            dominators,
            tree,
            paths,
            places,
        }
    }

    /// The bytes of all nodes: what the root retains.
    pub fn total(&self) -> u64 {
        self.dominators.retained(Graph::ROOT)
    }

    /// Bytes of a node alone.
    pub fn shallow(&self, node: NodeIndex) -> u64 {
        self.graph.self_size(node)
    }

    /// The bytes that would be free without a node.
    pub fn retained(&self, node: NodeIndex) -> u64 {
        self.dominators.retained(node)
    }

    /// Whether people know a node as a thing of their program, and not of V8.
    pub fn is_visible(&self, node: NodeIndex) -> bool {
        use NodeType::*;
        match self.graph.node_type(node) {
            Some(Object | Native) => !self.graph.node_name(node).starts_with("system / "),
            Some(
                Closure | RegExp | String | ConcatenatedString | SlicedString | Symbol | BigInt
                | Number,
            ) => true,
            _ => false,
        }
    }

    /// Whether a node is a global object, which holds nearly everything.
    pub fn is_global(&self, node: NodeIndex) -> bool {
        self.graph.is(node, NodeType::Object) && is_global(&self.graph, node)
    }

    /// Whether a node is a context, with all built-in objects.
    pub fn is_native_context(&self, node: NodeIndex) -> bool {
        self.graph.is(node, NodeType::Hidden)
            && self.graph.node_name(node) == "system / NativeContext"
    }

    /// Whether a node is the variables of a function.
    pub fn is_context(&self, node: NodeIndex) -> bool {
        self.graph.is(node, NodeType::Object) && self.graph.node_name(node) == "system / Context"
    }
}
