//! The nodes that no object stands for, from which everything is reached: the root, the groups of roots, and their edges.

use super::Export;
use crate::heap::graph::Graph;
use crate::heap::layout::kind::Kind;
use crate::heap::roots::Root;
use crate::snapshot::chunk::ChunkOutput;
use crate::snapshot::writer::Node;
use crate::snapshot::{EdgeType, NodeType};

/// The root and the node of all groups of roots come before the groups.
const ROOT_NODE: u64 = 0;
const GC_ROOTS_NODE: u64 = 1;
pub(super) const FIRST_GROUP_NODE: u64 = 2;
/// The slot of a native context that holds its global object.
const NATIVE_CONTEXT_GLOBAL: u64 = 16 + 8 * 2;

/// The references of each group, in the order of the groups.
pub(super) fn group_roots(graph: &Graph) -> Vec<Vec<Root>> {
    let mut groups = vec![Vec::new(); graph.layout().root_groups.len()];
    for root in graph
        .roots
        .iter()
        .filter(|root| graph.pages.is_marked(root.target))
    {
        if let Some(group) = groups.get_mut(root.group) {
            group.push(*root);
        }
    }
    groups
}

/// The number of edges of the root, of the node of all groups and of the groups.
pub(super) fn root_edge_count(graph: &Graph, roots: &[Vec<Root>]) -> u64 {
    let groups = roots.len() as u64;
    let references: u64 = roots.iter().map(|group| group.len() as u64).sum();
    1 + global_shortcuts(graph).len() as u64 + groups + references
}

/// What the root leads to besides the groups of roots: the global objects, or from 14.6 on the native contexts.
fn global_shortcuts(graph: &Graph) -> Vec<u32> {
    // Not those of `vm` contexts, which only other objects hold.
    let is_held = |context| {
        let mut roots = graph.roots.iter();
        roots.any(|root| root.target == context && !root.is_weak)
    };
    let mut targets: Vec<u32> = graph
        .native_contexts
        .iter()
        .filter(|&&context| is_held(context))
        .filter_map(|&context| {
            if graph.layout().snapshot.names_globals {
                return graph.pages.rank_of(context);
            }
            let global = graph.object(
                graph
                    .object(context)?
                    .tagged(NATIVE_CONTEXT_GLOBAL)
                    .strong()?,
            )?;
            (global.kind() == Kind::JsGlobalObject).then(|| graph.pages.rank_of(global.address))?
        })
        .collect();
    targets.sort_unstable();
    targets.dedup();
    targets
}

impl<W: ChunkOutput> Export<'_, '_, W> {
    pub(super) fn synthetic_nodes(&mut self) {
        let empty = self.name_number("");
        let gc_roots = self.name_number("(GC roots)");
        let groups = self.graph.layout().root_groups;
        let shortcuts = global_shortcuts(self.graph).len() as u64;
        let synthetic = |name, node: u64, edge_count| Node {
            node_type: NodeType::Synthetic,
            name,
            id: 2 * node + 1,
            self_size: 0,
            edge_count,
        };
        self.writer.node(synthetic(empty, ROOT_NODE, 1 + shortcuts));
        self.writer
            .node(synthetic(gc_roots, GC_ROOTS_NODE, groups.len() as u64));
        for (index, group) in groups.iter().enumerate() {
            let name = self.name_number(group);
            let edges = self.roots[index].len() as u64;
            self.writer
                .node(synthetic(name, FIRST_GROUP_NODE + index as u64, edges));
        }
    }

    pub(super) fn root_edges(&mut self) {
        self.writer.edge(EdgeType::Element, 1, GC_ROOTS_NODE);
        for (index, rank) in global_shortcuts(self.graph).into_iter().enumerate() {
            let name = self.name_number(&(index + 2).to_string());
            self.writer
                .edge(EdgeType::Shortcut, name, self.first_node + u64::from(rank));
        }
        for group in 0..self.roots.len() as u64 {
            self.writer
                .edge(EdgeType::Element, group + 1, FIRST_GROUP_NODE + group);
        }
        for group in std::mem::take(&mut self.roots) {
            for (index, root) in group.iter().enumerate() {
                let name = match self.graph.root_table.name_of(root.target) {
                    Some(name) => self.name_number(name),
                    None => self.name_number(&(index + 1).to_string()),
                };
                let edge_type = if root.is_weak {
                    EdgeType::Weak
                } else {
                    EdgeType::Internal
                };
                if let Some(rank) = self.graph.pages.rank_of(root.target) {
                    self.writer
                        .edge(edge_type, name, self.first_node + u64::from(rank));
                }
            }
        }
    }
}
