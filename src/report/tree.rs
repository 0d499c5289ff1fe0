//! The dominator tree from above: what each node dominates immediately.

use super::dominators::Dominators;
use crate::snapshot::reader::{Graph, NodeIndex};

/// The children of each node.
pub struct Tree {
    /// Where the children of a node begin; one more than there are nodes.
    first_children: Vec<u32>,
    children: Vec<NodeIndex>,
}

impl Tree {
    /// Turns the tree around.
    pub fn of(graph: &Graph, dominators: &Dominators) -> Tree {
        let mut first_children = vec![0u32; graph.node_count() + 1];
        let others = 1..graph.node_count() as u32;
        for node in others.clone() {
            first_children[dominators.dominator(node) as usize + 1] += 1;
        }
        for node in 0..graph.node_count() {
            first_children[node + 1] += first_children[node];
        }
        let mut children = vec![0; graph.node_count().saturating_sub(1)];
        for node in others {
            let place = &mut first_children[dominators.dominator(node) as usize];
            children[*place as usize] = node;
            *place += 1;
        }
        // Each beginning has moved to the next one's place.
        first_children.rotate_right(1);
        first_children[0] = 0;
        Tree {
            first_children,
            children,
        }
    }

    /// What a node dominates immediately.
    pub fn children(&self, node: NodeIndex) -> &[NodeIndex] {
        let node = node as usize;
        &self.children[self.first_children[node] as usize..self.first_children[node + 1] as usize]
    }

    /// A node and all that it dominates.
    pub fn below(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> + '_ {
        self.below_with_depth(node).map(|(node, _)| node)
    }

    /// A node and all that it dominates, with how far below the node each is.
    pub fn below_with_depth(&self, node: NodeIndex) -> impl Iterator<Item = (NodeIndex, u64)> + '_ {
        let mut to_visit = vec![(node, 0)];
        std::iter::from_fn(move || {
            let (node, depth) = to_visit.pop()?;
            to_visit.extend(self.children(node).iter().map(|&child| (child, depth + 1)));
            Some((node, depth))
        })
    }
}
