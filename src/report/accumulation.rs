//! Accumulation points: where in the dominator tree the bytes of a heap come together.
//!
//! Eclipse MAT follows the largest child down from a suspect until its retained size drops. Here every node that retains
//! much is asked how much of that none of its large children explains; that finds each point once, also where one object
//! holds two leaks. In a list each element retains nearly as much as the one before it, so chains of one class count as one.

use super::classes::{ClassIndex, Classes};
use super::heap::Heap;
use crate::snapshot::NodeType;
use crate::snapshot::reader::{Graph, NodeIndex};
use rustc_hash::FxHashMap;

/// A chain of fewer links is a coincidence.
const SHORTEST_CHAIN: u32 = 8;
/// How many nodes may lie between two links, such as a closure and its scope.
const LONGEST_LINK: usize = 5;

/// Where bytes come together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accumulation {
    /// The node that holds them; of a chain the first link.
    pub node: NodeIndex,
    /// The other nodes of the chain that retain much; empty if it is no chain.
    pub chain: Vec<NodeIndex>,
    /// The bytes that no other accumulation explains.
    pub bytes: u64,
}

impl Accumulation {
    /// The node, and the rest of its chain.
    pub fn nodes(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        std::iter::once(self.node).chain(self.chain.iter().copied())
    }
}

/// All nodes that hold at least `least` bytes that no node below them holds, the largest first.
pub fn find(heap: &Heap, classes: &Classes, least: u64) -> Vec<Accumulation> {
    let large = large_nodes(heap, least);
    let units = Units::of(heap, classes, &large);
    let mut found: FxHashMap<NodeIndex, Accumulation> = FxHashMap::default();
    for &node in &large {
        let of_children: u64 = heap
            .tree
            .children(node)
            .iter()
            .map(|&child| heap.retained(child))
            .filter(|&retained| retained >= least)
            .sum();
        let first = units.first(node);
        let unit = found.entry(first).or_insert_with(|| Accumulation {
            node: first,
            chain: Vec::new(),
            bytes: 0,
        });
        unit.bytes += heap.retained(node) - of_children;
        if node != first {
            unit.chain.push(node);
        }
    }
    let mut found: Vec<Accumulation> = found.into_values().collect();
    found.retain(|accumulation| accumulation.bytes >= least);
    found.sort_by_key(|accumulation| (std::cmp::Reverse(accumulation.bytes), accumulation.node));
    found
}

/// The nodes that retain at least `least` bytes, each behind its dominator.
fn large_nodes(heap: &Heap, least: u64) -> Vec<NodeIndex> {
    let mut large = Vec::new();
    let mut to_visit = vec![Graph::ROOT];
    while let Some(node) = to_visit.pop() {
        large.push(node);
        let children = heap.tree.children(node).iter().copied();
        to_visit.extend(children.filter(|&child| heap.retained(child) >= least));
    }
    large
}

struct Link {
    /// The nearest dominator of the same class.
    above: NodeIndex,
    /// The first of the chain.
    first: NodeIndex,
}

/// Which large nodes belong to one chain.
struct Units {
    /// For a link of a chain, or what lies between two, a link above it.
    above: FxHashMap<NodeIndex, NodeIndex>,
}

impl Units {
    fn of(heap: &Heap, classes: &Classes, large: &[NodeIndex]) -> Units {
        let mut links: FxHashMap<NodeIndex, Link> = FxHashMap::default();
        let mut lengths: FxHashMap<NodeIndex, u32> = FxHashMap::default();
        for &node in large
            .iter()
            .filter(|&&node| can_be_link(heap, classes, node))
        {
            let class = classes.of_node(node);
            let is_same = |&other: &NodeIndex| {
                classes.of_node(other) == class && can_be_link(heap, classes, other)
            };
            let above = heap
                .dominators
                .ancestors(node)
                .take(LONGEST_LINK)
                .find(is_same);
            if let Some(above) = above {
                let first = links.get(&above).map_or(above, |link| link.first);
                links.insert(node, Link { above, first });
                *lengths.entry(first).or_default() += 1;
            }
        }
        links.retain(|_, link| lengths[&link.first] >= SHORTEST_CHAIN);
        // What lies between two links of one chain may be a link of another: the one that begins higher has both.
        let depths: FxHashMap<NodeIndex, usize> = large.iter().copied().zip(0..).collect();
        let mut above: FxHashMap<NodeIndex, NodeIndex> = FxHashMap::default();
        for (&node, link) in &links {
            let between = heap
                .dominators
                .ancestors(node)
                .take_while(|&node| node != link.above);
            for node in std::iter::once(node).chain(between) {
                let known = above.entry(node).or_insert(link.first);
                if depths[&link.first] < depths[known] {
                    *known = link.first;
                }
            }
        }
        Units { above }
    }

    /// The first link of the chain that a node belongs to.
    fn first(&self, node: NodeIndex) -> NodeIndex {
        let mut first = node;
        while let Some(&above) = self.above.get(&first) {
            first = above;
        }
        first
    }
}

/// Whether a list can be made of nodes like this one: of plain containers and scopes, trees are made.
fn can_be_link(heap: &Heap, classes: &Classes, node: NodeIndex) -> bool {
    let class = classes.get(classes.of_node(node));
    match class.node_type {
        Some(NodeType::Object) => {
            heap.is_visible(node)
                && !matches!(
                    class.name.as_str(),
                    "Object" | "Array" | "Map" | "Set" | "WeakMap"
                )
        }
        Some(NodeType::Closure | NodeType::ConcatenatedString) => true,
        _ => false,
    }
}

/// How many instances of its class a chain has, with those that retain little.
pub fn count_links(heap: &Heap, classes: &Classes, first: NodeIndex, class: ClassIndex) -> u64 {
    heap.tree
        .below(first)
        .filter(|&node| classes.of_node(node) == class)
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::EdgeType;
    use crate::snapshot::reader::sample::Sample;

    /// The nodes and bytes of all accumulations of at least a tenth.
    fn found(sample: &Sample) -> Vec<Accumulation> {
        let heap = Heap::of(sample.build());
        let classes = Classes::of(&heap);
        find(&heap, &classes, heap.total() / 10)
    }

    fn add(sample: &mut Sample, from: NodeIndex, class: &str, size: u64) -> NodeIndex {
        let node = sample.node(NodeType::Object, class, size);
        sample.edge(from, EdgeType::Property, "property", node);
        node
    }

    #[test]
    fn two_leaks_in_one_object_are_two_accumulations_and_the_object_is_none() {
        let mut sample = Sample::with_root();
        let service = add(&mut sample, 0, "Service", 10);
        let caches = [0, 1].map(|_| add(&mut sample, service, "Cache", 10));
        for (cache, entries) in caches.into_iter().zip([50, 70]) {
            for _ in 0..entries {
                add(&mut sample, cache, "Entry", 100);
            }
        }
        let found = found(&sample);
        let nodes: Vec<NodeIndex> = found.iter().map(|found| found.node).collect();
        assert_eq!(nodes, [caches[1], caches[0]]);
        assert_eq!(found[0].bytes, 7010);
        assert!(found.iter().all(|found| found.chain.is_empty()));
    }

    #[test]
    fn a_list_is_one_accumulation_at_its_first_link() {
        let mut sample = Sample::with_root();
        let holder = add(&mut sample, 0, "Holder", 10);
        let first = add(&mut sample, holder, "Link", 100);
        let mut last = first;
        for _ in 1..200 {
            let between = add(&mut sample, last, "Box", 10);
            last = add(&mut sample, between, "Link", 100);
        }
        let [found] = &found(&sample)[..] else {
            panic!("one accumulation");
        };
        assert_eq!(found.node, first);
        assert_eq!(found.bytes, 200 * 100 + 199 * 10);
        assert!(found.chain.len() > 300);
    }

    #[test]
    fn a_short_nesting_of_one_class_is_no_list() {
        let mut sample = Sample::with_root();
        let outer = add(&mut sample, 0, "Region", 10);
        let inner = add(&mut sample, outer, "Region", 10);
        for _ in 0..100 {
            add(&mut sample, inner, "Entry", 100);
        }
        let found = found(&sample);
        assert_eq!((found.len(), found[0].node), (1, inner));
    }
}
