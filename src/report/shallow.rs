//! Shallow sizes as DevTools shows them: what V8 keeps beside an object for it alone, such as the elements of an array,
//! counts as the object's own (`JSHeapSnapshot.calculateShallowSizes` in HeapSnapshot.ts).

use super::retaining::is_document_root;
use crate::snapshot::reader::{Graph, NodeIndex};
use crate::snapshot::{EdgeType, NodeType};

const UNVISITED: NodeIndex = u32::MAX;
const SEVERAL_OWNERS: NodeIndex = u32::MAX - 1;

/// For each node the one that owns it. Empty if V8 wrote its internals too: then self sizes are shallow sizes already.
pub struct Owners(Vec<NodeIndex>);

impl Owners {
    /// Finds them.
    pub fn of(graph: &Graph) -> Owners {
        Owners(if has_user_roots(graph) {
            owners(graph)
        } else {
            Vec::new()
        })
    }

    /// Makes the self sizes of all nodes their shallow sizes.
    pub fn count_owned_as_own(self, graph: &mut Graph) {
        for (node, owner) in graph.nodes().zip(self.0) {
            let is_owned = owner != node && owner != UNVISITED && owner != SEVERAL_OWNERS;
            if is_owned && !graph.is(owner, NodeType::Synthetic) && owner != Graph::ROOT {
                let sizes = graph.self_sizes_mut();
                sizes.set(owner, sizes.get(owner) + sizes.get(node));
                sizes.set(node, 0);
            }
        }
    }
}

fn has_user_roots(graph: &Graph) -> bool {
    graph.edges(Graph::ROOT).any(|edge| {
        let target = graph.target(edge);
        !graph.is(target, NodeType::Synthetic) || is_document_root(graph, target)
    })
}

/// For each node the one that owns it: itself, unless it is one of V8's internals that only one node leads to.
fn owners(graph: &Graph) -> Vec<NodeIndex> {
    let mut to_visit = Vec::new();
    let mut owners: Vec<NodeIndex> = graph
        .nodes()
        .map(|node| {
            if is_internal(graph, node) {
                return UNVISITED;
            }
            to_visit.push(node);
            node
        })
        .collect();
    while let Some(node) = to_visit.pop() {
        let owner = owners[node as usize];
        for edge in graph.edges(node) {
            let target = graph.target(edge);
            if graph.edge_type(edge) == EdgeType::Weak {
                continue;
            }
            let known = owners[target as usize];
            if known == UNVISITED {
                owners[target as usize] = owner;
                to_visit.push(target);
            } else if known != target && known != owner && known != SEVERAL_OWNERS {
                owners[target as usize] = SEVERAL_OWNERS;
                to_visit.push(target);
            }
        }
    }
    owners
}

fn is_internal(graph: &Graph, node: NodeIndex) -> bool {
    match graph.node_type(node) {
        Some(NodeType::Hidden | NodeType::Array) => true,
        Some(NodeType::Native) => graph.node_name(node) == "system / ExternalStringData",
        _ => false,
    }
}
