//! The shortest path from the root to each node, where steps that people know count less than those within V8: a variable
//! or a property is nearer than a hidden class, and a global object is nearer than the roots of the garbage collector.

use super::bits::Bits;
use super::retaining::RetainingEdges;
use crate::snapshot::reader::{EdgeIndex, Graph, NodeIndex};
use crate::snapshot::{EdgeType, NodeType};

const UNREACHED: u32 = u32::MAX;
/// More than any step costs, and a power of two.
const BUCKETS: usize = 64;

/// By which edge the shortest path reaches each node.
pub struct Paths {
    edges: Vec<EdgeIndex>,
}

impl Paths {
    /// Finds all shortest paths along retaining edges (Dial's form of Dijkstra's algorithm).
    pub fn of(graph: &Graph, retaining: &RetainingEdges) -> Paths {
        let costs = Costs::of(graph);
        let mut distances = vec![UNREACHED; graph.node_count()];
        let mut edges = vec![0; graph.node_count()];
        let mut buckets: Vec<Vec<NodeIndex>> = vec![Vec::new(); BUCKETS];
        distances[Graph::ROOT as usize] = 0;
        buckets[0].push(Graph::ROOT);
        let mut waiting = 1usize;
        let mut distance = 0u32;
        while waiting > 0 {
            let bucket = distance as usize % BUCKETS;
            while let Some(node) = buckets[bucket].pop() {
                waiting -= 1;
                if distances[node as usize] != distance {
                    continue;
                }
                for edge in graph.edges(node) {
                    if !retaining.contains(edge) {
                        continue;
                    }
                    let target = graph.target(edge);
                    let farther = distance.saturating_add(costs.of_step(graph, edge));
                    if farther < distances[target as usize] {
                        distances[target as usize] = farther;
                        edges[target as usize] = edge;
                        buckets[farther as usize % BUCKETS].push(target);
                        waiting += 1;
                    }
                }
            }
            distance += 1;
        }
        for (edge, &distance) in edges.iter_mut().zip(&distances) {
            if distance == UNREACHED || distance == 0 {
                *edge = UNREACHED;
            }
        }
        Paths { edges }
    }

    /// The last edge of the path to a node; none to the root, and to what only weak edges lead to.
    pub fn last_edge(&self, node: NodeIndex) -> Option<EdgeIndex> {
        let edge = self.edges[node as usize];
        (edge != UNREACHED).then_some(edge)
    }

    /// The edges of the path from the root to a node.
    pub fn to(&self, graph: &Graph, node: NodeIndex) -> Vec<EdgeIndex> {
        let last = self.last_edge(node);
        let before = |edge: &EdgeIndex| self.last_edge(graph.source(*edge));
        let mut edges: Vec<EdgeIndex> = std::iter::successors(last, before).collect();
        edges.reverse();
        edges
    }
}

/// What a step of a path costs, at most 40.
struct Costs {
    /// Names of properties that lead away from what people think of.
    is_detour: Bits,
}

impl Costs {
    fn of(graph: &Graph) -> Costs {
        let strings = graph.strings();
        let mut is_detour = Bits::new(strings.len());
        for index in 0..strings.len() as u32 {
            if let b"__proto__" | b"constructor" | b"prototype" = strings.escaped(index) {
                is_detour.insert(index);
            }
        }
        Costs { is_detour }
    }

    #[inline]
    fn of_step(&self, graph: &Graph, edge: EdgeIndex) -> u32 {
        let name = graph.edge_name_or_index(edge);
        let step = match graph.edge_type(edge) {
            EdgeType::Shortcut => 1,
            EdgeType::Property if self.is_detour.contains(name) => 8,
            EdgeType::Property | EdgeType::Context | EdgeType::Element => 1,
            EdgeType::Internal => 2,
            EdgeType::Hidden | EdgeType::Weak => 8,
        };
        let target = match graph.node_type(graph.target(edge)) {
            Some(NodeType::Synthetic) => 16,
            Some(NodeType::Code | NodeType::ObjectShape) => 12,
            Some(NodeType::Hidden) | None => 6,
            _ => 0,
        };
        step + target
    }
}
