//! The dominator tree and retained sizes: a node dominates another if every way from the root to it leads through the node.
//!
//! The algorithm is semi-NCA (Georgiadis, Linear-Time Algorithms for Dominators and Related Problems, 2005), with vertices
//! numbered in the order of a depth-first search: six numbers of 32 bits a node, one for each retaining edge that is not of
//! the search's tree, and three for each node of its longest path. The tree of dominators is unique, so it is the one that
//! DevTools finds by Lengauer-Tarjan; nodes that no retaining path leads to are treated as there: those with no retaining edge
//! at all hang below the root with what they retain, rings of garbage hang there one by one.

use super::bits::Bits;
use super::retaining::RetainingEdges;
use crate::snapshot::reader::{EdgeIndex, Graph, NodeIndex, Sizes};
use std::ops::Range;

/// No vertex: the node is not reached.
const NONE: u32 = u32::MAX;

/// Who dominates whom, and what that retains.
pub struct Dominators {
    /// For each node its immediate dominator; the root's is itself.
    dominators: Vec<NodeIndex>,
    /// For each node the bytes that would be free without it.
    retained: Sizes,
}

impl Dominators {
    /// Finds all dominators.
    pub fn of(graph: &Graph, retaining: &RetainingEdges) -> Dominators {
        let mut search = Search::run(graph, retaining);
        let retainers = Retainers::of(graph, retaining, &mut search);
        let Search {
            numbers,
            vertices,
            parents,
            ..
        } = search;
        drop(numbers);
        let immediate = immediate_dominators(parents, &retainers);
        drop(retainers);

        let mut dominators = vec![Graph::ROOT; graph.node_count()];
        for (&node, &dominator) in vertices.iter().zip(&immediate) {
            dominators[node as usize] = vertices[dominator as usize];
        }
        let retained = retained_sizes(graph, &vertices, &dominators);
        Dominators {
            dominators,
            retained,
        }
    }

    /// The immediate dominator of a node; the root's is itself.
    #[inline]
    pub fn dominator(&self, node: NodeIndex) -> NodeIndex {
        self.dominators[node as usize]
    }

    /// The bytes that would be free without a node.
    #[inline]
    pub fn retained(&self, node: NodeIndex) -> u64 {
        self.retained.get(node)
    }

    /// The dominators of a node, from its immediate one to the root.
    pub fn ancestors(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> + '_ {
        let parent = |node: NodeIndex| (node != Graph::ROOT).then(|| self.dominator(node));
        std::iter::successors(parent(node), move |&node| parent(node))
    }
}

/// For each vertex those that retain it, but for its parent in the tree of the search: most have no other. All are numbered
/// in the order of the search, so that what is read together lies together.
struct Retainers {
    /// Where the retainers of a vertex begin; one more than there are vertices.
    first: Vec<u32>,
    retainers: Vec<u32>,
}

impl Retainers {
    fn of(graph: &Graph, retaining: &RetainingEdges, search: &mut Search) -> Retainers {
        let mut first = std::mem::take(&mut search.other_retainers);
        let mut count = 0;
        for first in &mut first {
            count += std::mem::replace(first, count);
        }
        let mut retainers = vec![0; count as usize];
        for (retainer, &node) in (0..).zip(&search.vertices) {
            for edge in graph.edges(node).filter(|&edge| retaining.contains(edge)) {
                let retained = search.numbers[graph.target(edge) as usize] as usize;
                if search.parents[retained] != retainer {
                    retainers[first[retained] as usize] = retainer;
                    first[retained] += 1;
                }
            }
        }
        // Each beginning has moved to the next one's place.
        first.rotate_right(1);
        first[0] = 0;
        Retainers { first, retainers }
    }

    fn of_vertex(&self, vertex: u32) -> &[u32] {
        let vertex = vertex as usize;
        &self.retainers[self.first[vertex] as usize..self.first[vertex + 1] as usize]
    }
}

/// A depth-first search from the root.
struct Search {
    /// For each node its number, or [`NONE`].
    numbers: Vec<u32>,
    /// For each number its node.
    vertices: Vec<NodeIndex>,
    /// For each number that of its parent in the tree of the search.
    parents: Vec<u32>,
    /// For each number how many retain it, but for its parent; one more than there are nodes.
    other_retainers: Vec<u32>,
}

impl Search {
    /// Searches from the root, then from the nodes that nothing retains, as if the root did.
    fn run(graph: &Graph, retaining: &RetainingEdges) -> Search {
        let mut search = Search {
            numbers: vec![NONE; graph.node_count()],
            vertices: Vec::with_capacity(graph.node_count()),
            parents: Vec::with_capacity(graph.node_count()),
            other_retainers: vec![0; graph.node_count() + 1],
        };
        search.visit_from(graph, retaining, Graph::ROOT);
        let retained = search.retained_unreached(graph, retaining);
        for node in graph.nodes() {
            if !search.has_reached(node) && !retained.contains(node) {
                search.visit_from(graph, retaining, node);
            }
        }
        search
    }

    /// What is retained by the nodes that were not reached. Those that were reached retain nothing that was not.
    fn retained_unreached(&self, graph: &Graph, retaining: &RetainingEdges) -> Bits {
        let mut retained = Bits::new(graph.node_count());
        for node in graph.nodes().filter(|&node| !self.has_reached(node)) {
            for edge in graph.edges(node).filter(|&edge| retaining.contains(edge)) {
                retained.insert(graph.target(edge));
            }
        }
        retained
    }

    fn has_reached(&self, node: NodeIndex) -> bool {
        self.numbers[node as usize] != NONE
    }

    fn visit_from(&mut self, graph: &Graph, retaining: &RetainingEdges, start: NodeIndex) {
        let mut open = self.begin(graph, start, 0);
        let mut above = Vec::new();
        loop {
            let Some(edge) = open.edges.next() else {
                let Some(parent) = above.pop() else {
                    return;
                };
                open = parent;
                continue;
            };
            if !retaining.contains(edge) {
                continue;
            }
            let target = graph.target(edge);
            let number = self.numbers[target as usize];
            if number == NONE {
                let child = self.begin(graph, target, open.vertex);
                above.push(std::mem::replace(&mut open, child));
            } else if self.parents[number as usize] != open.vertex {
                self.other_retainers[number as usize] += 1;
            }
        }
    }

    fn begin(&mut self, graph: &Graph, node: NodeIndex, parent: u32) -> Open {
        let vertex = self.vertices.len() as u32;
        self.numbers[node as usize] = vertex;
        self.vertices.push(node);
        self.parents.push(parent);
        Open {
            vertex,
            edges: graph.edges(node),
        }
    }
}

/// A vertex whose edges are being visited.
struct Open {
    vertex: u32,
    /// Those that were not visited yet.
    edges: Range<EdgeIndex>,
}

/// For each vertex its immediate dominator. Vertex 0 is the root.
fn immediate_dominators(parents: Vec<u32>, retainers: &Retainers) -> Vec<u32> {
    let mut forest = Forest::of(&parents);
    let mut semidominators = vec![0u32; parents.len()];
    for vertex in (1..parents.len() as u32).rev() {
        let mut semidominator = parents[vertex as usize];
        for &retainer in retainers.of_vertex(vertex) {
            semidominator = semidominator.min(forest.least_above(retainer, vertex));
        }
        forest.vertices[vertex as usize].least = semidominator;
        semidominators[vertex as usize] = semidominator;
    }
    drop(forest);

    let mut immediate = parents;
    for (vertex, semidominator) in semidominators.into_iter().enumerate().skip(1) {
        let mut dominator = immediate[vertex];
        while dominator > semidominator {
            dominator = immediate[dominator as usize];
        }
        immediate[vertex] = dominator;
    }
    immediate
}

/// The part of the search's tree that is done, with its paths compressed.
struct Forest {
    vertices: Vec<Done>,
    path: Vec<u32>,
}

/// What is known of a vertex.
#[derive(Clone, Copy)]
struct Done {
    /// The vertex above it on its compressed path.
    ancestor: u32,
    /// The least semidominator on that path, once it is done.
    least: u32,
}

impl Forest {
    /// Nothing is done yet.
    fn of(parents: &[u32]) -> Forest {
        let not_done = |&ancestor: &u32| Done {
            ancestor,
            least: NONE,
        };
        Forest {
            vertices: parents.iter().map(not_done).collect(),
            path: Vec::new(),
        }
    }

    /// The least semidominator of `vertex` and those above it that are done, which are the vertices behind `current`; its own
    /// number if it is not.
    #[inline]
    fn least_above(&mut self, vertex: u32, current: u32) -> u32 {
        let is_done = |vertex: u32| vertex > current;
        if !is_done(vertex) {
            return vertex;
        }
        let known = self.vertices[vertex as usize];
        // Most paths are that short.
        if !is_done(known.ancestor) {
            return known.least;
        }
        self.compress(vertex, current)
    }

    fn compress(&mut self, vertex: u32, current: u32) -> u32 {
        let mut top = vertex;
        while self.vertices[top as usize].ancestor > current {
            self.path.push(top);
            top = self.vertices[top as usize].ancestor;
        }
        let Done {
            ancestor,
            mut least,
        } = self.vertices[top as usize];
        while let Some(below) = self.path.pop() {
            let below = &mut self.vertices[below as usize];
            least = least.min(below.least);
            *below = Done { ancestor, least };
        }
        least
    }
}

/// Adds up what each node dominates; vertices come behind their dominators.
fn retained_sizes(graph: &Graph, vertices: &[NodeIndex], dominators: &[NodeIndex]) -> Sizes {
    let mut retained = graph.self_sizes().clone();
    for &node in vertices.iter().skip(1).rev() {
        let dominator = dominators[node as usize];
        retained.set(dominator, retained.get(dominator) + retained.get(node));
    }
    // Nodes that the search did not reach hang below the root, one by one.
    retained.set(
        Graph::ROOT,
        graph.nodes().map(|node| graph.self_size(node)).sum(),
    );
    retained
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::report::shallow::Owners;
    use crate::snapshot::reader::sample::Sample;
    use crate::snapshot::{EdgeType, NodeType};

    fn dominators(graph: &Graph) -> Dominators {
        Dominators::of(graph, &RetainingEdges::of(graph))
    }

    /// Objects of ten bytes each, and edges between them; the root is 0.
    fn graph_of(count: u32, edges: &[(u32, u32)]) -> Graph {
        let mut sample = Sample::with_root();
        for _ in 1..count {
            sample.node(NodeType::Object, "Object", 10);
        }
        for &(from, to) in edges {
            sample.edge(from, EdgeType::Property, "property", to);
        }
        sample.build()
    }

    /// What cannot be reached from the root without `removed`.
    fn unreachable_without(graph: &Graph, removed: NodeIndex) -> Vec<NodeIndex> {
        let mut reached = vec![Graph::ROOT];
        let mut next = 0;
        while let Some(&node) = reached.get(next) {
            next += 1;
            for edge in graph.edges(node) {
                let target = graph.target(edge);
                if target != removed && !reached.contains(&target) {
                    reached.push(target);
                }
            }
        }
        graph
            .nodes()
            .filter(|node| !reached.contains(node))
            .collect()
    }

    #[test]
    fn a_node_retains_what_cannot_be_reached_without_it() {
        let mut numbers = Random::new(7);
        let mut random = |end: u32| numbers.below(end as usize) as u32;
        for _ in 0..300 {
            let count = 2 + random(12);
            let mut edges: Vec<(u32, u32)> = (0..random(30))
                .map(|_| (random(count), random(count)))
                .collect();
            // All of it is reached; the rest of the edges make it a graph.
            edges.extend((1..count).map(|node| (random(node), node)));
            let graph = graph_of(count, &edges);
            let found = dominators(&graph);
            for node in 1..count {
                let unreachable = unreachable_without(&graph, node);
                let retained = 10 * unreachable.len() as u64;
                assert_eq!(found.retained(node), retained, "node {node} of {edges:?}");
                for &dominated in unreachable.iter().filter(|&&other| other != node) {
                    assert!(found.ancestors(dominated).any(|ancestor| ancestor == node));
                }
            }
        }
    }

    #[test]
    fn a_list_of_a_million_needs_no_stack_and_no_quadratic_time() {
        let count = 1_000_000;
        let forth = (1..count).map(|node| (node - 1, node));
        let back = (1..count).map(|node| (node, node - 1));
        let edges: Vec<(u32, u32)> = forth.chain(back).collect();
        let graph = graph_of(count, &edges);
        let found = dominators(&graph);
        assert_eq!(found.dominator(count - 1), count - 2);
        assert_eq!(found.retained(1), 10 * u64::from(count - 1));
    }

    #[test]
    fn weak_edges_and_shortcuts_below_the_root_retain_nothing() {
        for edge_type in [EdgeType::Weak, EdgeType::Shortcut] {
            let mut sample = Sample::with_root();
            let [owner, other, held] =
                [10, 10, 100].map(|size| sample.node(NodeType::Object, "Object", size));
            sample.edge(0, EdgeType::Property, "owner", owner);
            sample.edge(0, EdgeType::Property, "other", other);
            sample.edge(owner, EdgeType::Property, "held", held);
            sample.edge(other, edge_type, "held", held);
            assert_eq!(dominators(&sample.build()).dominator(held), owner);
        }
    }

    #[test]
    fn what_the_page_owns_is_not_retained_by_others() {
        let mut sample = Sample::with_root();
        let global = sample.node(NodeType::Object, "global", 10);
        let roots = sample.node(NodeType::Synthetic, "(GC roots)", 0);
        let held = sample.node(NodeType::Object, "Object", 100);
        sample.edge(0, EdgeType::Shortcut, "global", global);
        sample.edge(0, EdgeType::Element, "1", roots);
        sample.edge(global, EdgeType::Property, "held", held);
        sample.edge(roots, EdgeType::Element, "1", held);
        assert_eq!(dominators(&sample.build()).dominator(held), global);
    }

    #[test]
    fn a_weak_maps_value_is_retained_by_its_key() {
        let mut sample = Sample::with_root();
        let table = sample.node(NodeType::Object, "Table", 10);
        let key = sample.node(NodeType::Object, "Key", 10);
        let value = sample.node(NodeType::Object, "Value", 100);
        let name = "1 / part of key (Key @5) -> value (Value @7) pair in WeakMap (table @3)";
        sample.edge(0, EdgeType::Property, "table", table);
        sample.edge(0, EdgeType::Property, "key", key);
        sample.edge(table, EdgeType::Internal, name, value);
        sample.edge(key, EdgeType::Internal, name, value);
        assert_eq!(dominators(&sample.build()).dominator(value), key);
    }

    #[test]
    fn what_nothing_retains_hangs_below_the_root() {
        let graph = graph_of(6, &[(0, 1), (2, 3), (4, 5), (5, 4), (5, 3)]);
        let found = dominators(&graph);
        let expected = [0, 0, 0, 2, 0, 0];
        for (node, dominator) in graph.nodes().zip(expected) {
            assert_eq!(found.dominator(node), dominator, "node {node}");
        }
        assert_eq!(found.retained(0), 50);
    }

    #[test]
    fn elements_that_one_array_owns_count_as_its_own() {
        let mut sample = Sample::with_root();
        let array = sample.node(NodeType::Object, "Array", 16);
        let elements = sample.node(NodeType::Array, "", 80);
        let shared = sample.node(NodeType::Array, "", 40);
        let other = sample.node(NodeType::Object, "Array", 16);
        sample.edge(0, EdgeType::Property, "array", array);
        sample.edge(0, EdgeType::Property, "other", other);
        sample.edge(array, EdgeType::Internal, "elements", elements);
        sample.edge(array, EdgeType::Internal, "shared", shared);
        sample.edge(other, EdgeType::Internal, "shared", shared);
        let mut graph = sample.build();
        Owners::of(&graph).count_owned_as_own(&mut graph);
        let sizes = [array, elements, shared, other].map(|node| graph.self_size(node));
        assert_eq!(sizes, [96, 0, 40, 16]);
    }
}
