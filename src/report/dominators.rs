//! The dominator tree and retained sizes: a node dominates another if every way from the root to it leads through the node.
//!
//! The algorithm is semi-NCA (Georgiadis, Linear-Time Algorithms for Dominators and Related Problems, 2005), with vertices
//! numbered in the order of a depth-first search: six numbers of 32 bits a node, and one for each retaining edge. The tree
//! is unique, so it is the one that DevTools finds by Lengauer-Tarjan; nodes that no retaining path leads to are treated as
//! there: those with no retaining edge at all hang below the root with what they retain, rings of garbage hang there one by
//! one.

use super::bits::Bits;
use super::retaining::RetainingEdges;
use crate::snapshot::reader::{Graph, NodeIndex, Sizes};

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
        let mut first_retainers = count_retainers(graph, retaining);
        let Search {
            numbers,
            vertices,
            parents,
        } = Search::run(graph, retaining, |node| {
            first_retainers[node as usize] == first_retainers[node as usize + 1]
        });
        let retainers = fill_retainers(graph, retaining, &numbers, &mut first_retainers);
        drop(numbers);
        let vertex_retainers = |vertex: usize| {
            let node = vertices[vertex] as usize;
            &retainers[first_retainers[node] as usize..first_retainers[node + 1] as usize]
        };
        let immediate = immediate_dominators(parents, vertex_retainers);
        drop(retainers);

        let mut dominators = vec![Graph::ROOT; graph.node_count()];
        for (&node, &dominator) in vertices.iter().zip(&immediate) {
            dominators[node as usize] = vertices[dominator as usize];
        }
        drop(immediate);
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

/// Where the retainers of each node begin in a list of all; one more than there are nodes.
fn count_retainers(graph: &Graph, retaining: &RetainingEdges) -> Vec<u32> {
    let mut first = vec![0u32; graph.node_count() + 1];
    for edge in 0..graph.edge_count() as u32 {
        if retaining.contains(edge) {
            first[graph.target(edge) as usize + 1] += 1;
        }
    }
    for node in 0..graph.node_count() {
        first[node + 1] += first[node];
    }
    first
}

/// The vertices of each node's retainers, in the places that `first` tells.
fn fill_retainers(
    graph: &Graph,
    retaining: &RetainingEdges,
    numbers: &[u32],
    first: &mut [u32],
) -> Vec<u32> {
    let mut retainers = vec![NONE; first.last().map_or(0, |&count| count as usize)];
    for node in graph.nodes() {
        let number = numbers[node as usize];
        for edge in graph.edges(node) {
            if retaining.contains(edge) {
                let place = &mut first[graph.target(edge) as usize];
                retainers[*place as usize] = number;
                *place += 1;
            }
        }
    }
    // Each beginning has moved to the next one's place.
    first.rotate_right(1);
    first[0] = 0;
    retainers
}

/// A depth-first search from the root.
struct Search {
    /// For each node its number, or [`NONE`].
    numbers: Vec<u32>,
    /// For each number its node.
    vertices: Vec<NodeIndex>,
    /// For each number that of its parent in the tree of the search.
    parents: Vec<u32>,
}

impl Search {
    /// Searches from the root, then from the nodes that nothing retains, as if the root did.
    fn run(
        graph: &Graph,
        retaining: &RetainingEdges,
        has_no_retainer: impl Fn(NodeIndex) -> bool,
    ) -> Search {
        let mut search = Search {
            numbers: vec![NONE; graph.node_count()],
            vertices: Vec::with_capacity(graph.node_count()),
            parents: Vec::with_capacity(graph.node_count()),
        };
        let mut next_edges = vec![0; graph.node_count()];
        search.visit_from(graph, retaining, &mut next_edges, Graph::ROOT);
        for node in graph.nodes() {
            if search.numbers[node as usize] == NONE && has_no_retainer(node) {
                search.visit_from(graph, retaining, &mut next_edges, node);
            }
        }
        search
    }

    fn visit_from(
        &mut self,
        graph: &Graph,
        retaining: &RetainingEdges,
        next_edges: &mut [u32],
        start: NodeIndex,
    ) {
        let first = self.vertices.len() as u32;
        self.number(graph, next_edges, start, 0);
        let mut vertex = first;
        loop {
            let node = self.vertices[vertex as usize];
            let end = graph.edges(node).end;
            let mut edge = next_edges[node as usize];
            let child = loop {
                if edge == end {
                    break None;
                }
                let target = graph.target(edge);
                let is_new = self.numbers[target as usize] == NONE && retaining.contains(edge);
                edge += 1;
                if is_new {
                    break Some(target);
                }
            };
            next_edges[node as usize] = edge;
            if let Some(child) = child {
                self.number(graph, next_edges, child, vertex);
                vertex = self.vertices.len() as u32 - 1;
            } else if vertex == first {
                return;
            } else {
                vertex = self.parents[vertex as usize];
            }
        }
    }

    fn number(&mut self, graph: &Graph, next_edges: &mut [u32], node: NodeIndex, parent: u32) {
        self.numbers[node as usize] = self.vertices.len() as u32;
        self.vertices.push(node);
        self.parents.push(parent);
        next_edges[node as usize] = graph.edges(node).start;
    }
}

/// For each vertex its immediate dominator. Vertex 0 is the root.
fn immediate_dominators<'r>(parents: Vec<u32>, retainers: impl Fn(usize) -> &'r [u32]) -> Vec<u32> {
    let count = parents.len();
    let mut forest = Forest {
        ancestors: parents.clone(),
        least: (0..count as u32).collect(),
        path: Vec::new(),
    };
    let mut semidominators = vec![0u32; count];
    for vertex in (1..count as u32).rev() {
        let of_retainers = retainers(vertex as usize)
            .iter()
            .filter(|&&retainer| retainer != NONE)
            .map(|&retainer| forest.least_above(retainer, vertex))
            .min();
        let semidominator = of_retainers.unwrap_or(0).min(vertex);
        semidominators[vertex as usize] = semidominator;
        forest.least[vertex as usize] = semidominator;
    }
    drop(forest);

    let mut immediate = parents;
    for vertex in 1..count {
        let mut dominator = immediate[vertex];
        while dominator > semidominators[vertex] {
            dominator = immediate[dominator as usize];
        }
        immediate[vertex] = dominator;
    }
    immediate
}

/// The part of the search's tree that is done, with its paths compressed.
struct Forest {
    ancestors: Vec<u32>,
    /// For each vertex the least semidominator on its compressed path; its own number as long as it is not done.
    least: Vec<u32>,
    path: Vec<u32>,
}

impl Forest {
    /// The least semidominator of `vertex` and those above it that are done: the vertices behind `current`.
    fn least_above(&mut self, vertex: u32, current: u32) -> u32 {
        let is_done = |vertex: u32| vertex > current;
        if !is_done(vertex) {
            return vertex;
        }
        let mut top = vertex;
        while is_done(self.ancestors[top as usize]) {
            self.path.push(top);
            top = self.ancestors[top as usize];
        }
        let ancestor = self.ancestors[top as usize];
        let mut least = self.least[top as usize];
        while let Some(below) = self.path.pop() {
            least = least.min(self.least[below as usize]);
            self.least[below as usize] = least;
            self.ancestors[below as usize] = ancestor;
        }
        least
    }
}

/// Adds up what each node dominates; vertices come behind their dominators.
fn retained_sizes(graph: &Graph, vertices: &[NodeIndex], dominators: &[NodeIndex]) -> Sizes {
    let mut retained = Sizes::zero(graph.node_count());
    for node in graph.nodes() {
        retained.set(node, graph.self_size(node));
    }
    // Nodes that the search did not reach hang below the root, one by one.
    let mut is_reached = Bits::new(graph.node_count());
    for &node in vertices {
        is_reached.insert(node);
    }
    for &node in vertices.iter().skip(1).rev() {
        let dominator = dominators[node as usize];
        retained.set(dominator, retained.get(dominator) + retained.get(node));
    }
    for node in graph.nodes().filter(|&node| !is_reached.contains(node)) {
        retained.set(Graph::ROOT, retained.get(Graph::ROOT) + retained.get(node));
    }
    retained
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::shallow::count_owned_as_own;
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
        let mut state = 1u64;
        let mut random = |below: u32| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) as u32 % below
        };
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
        count_owned_as_own(&mut graph);
        let sizes = [array, elements, shared, other].map(|node| graph.self_size(node));
        assert_eq!(sizes, [96, 0, 40, 16]);
    }
}
