//! What all instances of a class retain together. It is not the sum of what each retains: some hold each other, and some of
//! what they hold has no single owner among them.

use super::bits::Bits;
use super::classes::{ClassIndex, Classes};
use super::heap::Heap;
use crate::snapshot::reader::{Graph, NodeIndex};

/// One bit of 32 says whether a node is reached at all.
const CLASSES_AT_ONCE: usize = 31;
const REACHED: u32 = 1 << CLASSES_AT_ONCE;

/// For each class the sum of what its instances retain, without those that another instance retains: the most that DevTools
/// shows, and less than the class retains as a set.
pub fn sums_of_retained(heap: &Heap, classes: &Classes) -> Vec<u64> {
    let mut sums = vec![0u64; classes.len()];
    sum_outermost(
        heap,
        classes.len(),
        |node| Some(classes.of_node(node)),
        |class, retained| {
            sums[class as usize] += retained;
        },
    );
    sums
}

/// Gives to `add` what each node with a key retains, unless a dominator of it has the same key. Keys are less than `keys`.
pub fn sum_outermost(
    heap: &Heap,
    keys: usize,
    key_of: impl Fn(NodeIndex) -> Option<u32>,
    mut add: impl FnMut(u32, u64),
) {
    enum Visit {
        Enter(NodeIndex),
        Leave(u32),
    }
    let mut open = Bits::new(keys);
    let mut to_visit = vec![Visit::Enter(Graph::ROOT)];
    while let Some(visit) = to_visit.pop() {
        let node = match visit {
            Visit::Leave(key) => {
                open.remove(key);
                continue;
            }
            Visit::Enter(node) => node,
        };
        let children = heap.tree.children(node);
        if let Some(key) = key_of(node)
            && !open.contains(key)
        {
            add(key, heap.retained(node));
            if !children.is_empty() {
                open.insert(key);
                to_visit.push(Visit::Leave(key));
            }
        }
        to_visit.extend(children.iter().map(|&child| Visit::Enter(child)));
    }
}

/// What the instances of each of these classes retain as a set: the bytes that nothing else reaches.
pub fn retained_by_sets(heap: &Heap, classes: &Classes, chosen: &[ClassIndex]) -> Vec<u64> {
    chosen
        .chunks(CLASSES_AT_ONCE)
        .flat_map(|chosen| retained_by_some_sets(heap, classes, chosen))
        .collect()
}

/// Walks the heap once for all these classes: a bit for each says that a node is reached without an instance of it.
fn retained_by_some_sets(heap: &Heap, classes: &Classes, chosen: &[ClassIndex]) -> Vec<u64> {
    let graph = &heap.graph;
    let mut bits = vec![0u32; classes.len()];
    for (bit, &class) in chosen.iter().enumerate() {
        bits[class as usize] = 1 << bit;
    }
    let mut reached = vec![0u32; graph.node_count()];
    let mut to_visit = Vec::new();
    for node in std::iter::once(Graph::ROOT).chain(heap.tree.children(Graph::ROOT).iter().copied())
    {
        // What hangs below the root without a path to it counts as reached by the root, as in the dominator tree.
        if node == Graph::ROOT || heap.paths.last_edge(node).is_none() {
            reached[node as usize] = !bits[classes.of_node(node) as usize];
            to_visit.push(node);
        }
    }
    while let Some(node) = to_visit.pop() {
        let here = reached[node as usize];
        for edge in graph.edges(node) {
            if !heap.retaining.contains(edge) {
                continue;
            }
            let target = graph.target(edge);
            let through = here & !bits[classes.of_node(target) as usize];
            let known = &mut reached[target as usize];
            if through & !*known != 0 {
                *known |= through;
                to_visit.push(target);
            }
        }
    }
    let mut retained = vec![0u64; chosen.len()];
    for node in graph.nodes() {
        let mut missing = !reached[node as usize];
        if missing == 0 || missing & REACHED != 0 {
            continue;
        }
        let size = heap.shallow(node);
        while missing != 0 {
            let bit = missing.trailing_zeros() as usize;
            if let Some(retained) = retained.get_mut(bit) {
                *retained += size;
            }
            missing &= missing - 1;
        }
    }
    retained
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::snapshot::reader::sample::Sample;
    use crate::snapshot::{EdgeType, NodeType};

    fn classes_of(heap: &Heap) -> Classes {
        Classes::of(heap)
    }

    #[test]
    fn a_class_retains_what_cannot_be_reached_without_any_of_its_instances() {
        let mut numbers = Random::new(7);
        let mut random = |end: u32| numbers.below(end as usize) as u32;
        for _ in 0..200 {
            let count = 2 + random(14);
            let mut sample = Sample::with_root();
            for _ in 1..count {
                let class = ["Apple", "Pear", "Plum"][random(3) as usize];
                sample.node(NodeType::Object, class, 10);
            }
            for node in 1..count {
                sample.edge(random(node), EdgeType::Property, "tree", node);
            }
            for _ in 0..random(20) {
                sample.edge(random(count), EdgeType::Property, "other", random(count));
            }
            let heap = Heap::of(sample.build());
            let classes = classes_of(&heap);
            let all: Vec<ClassIndex> = (0..classes.len() as ClassIndex).collect();
            let found = retained_by_sets(&heap, &classes, &all);
            for (&class, &retained) in all.iter().zip(&found) {
                assert_eq!(retained, bytes_lost_without(&heap, &classes, class));
            }
            for (sum, retained) in sums_of_retained(&heap, &classes).iter().zip(&found) {
                assert!(sum <= retained);
            }
        }
    }

    fn bytes_lost_without(heap: &Heap, classes: &Classes, class: ClassIndex) -> u64 {
        let graph = &heap.graph;
        let mut reached = vec![Graph::ROOT];
        reached.retain(|&root| classes.of_node(root) != class);
        let mut next = 0;
        while let Some(&node) = reached.get(next) {
            next += 1;
            for edge in graph.edges(node) {
                let target = graph.target(edge);
                if classes.of_node(target) != class && !reached.contains(&target) {
                    reached.push(target);
                }
            }
        }
        heap.total() - reached.iter().map(|&node| heap.shallow(node)).sum::<u64>()
    }

    #[test]
    fn two_that_hold_one_thing_together_retain_it_as_a_set() {
        let mut sample = Sample::with_root();
        let [one, other, held] =
            ["Owner", "Owner", "Thing"].map(|class| sample.node(NodeType::Object, class, 100));
        sample.edge(0, EdgeType::Property, "one", one);
        sample.edge(0, EdgeType::Property, "other", other);
        sample.edge(one, EdgeType::Property, "held", held);
        sample.edge(other, EdgeType::Property, "held", held);
        let heap = Heap::of(sample.build());
        let classes = classes_of(&heap);
        let class = classes.of_node(one);
        assert_eq!(sums_of_retained(&heap, &classes)[class as usize], 200);
        assert_eq!(retained_by_sets(&heap, &classes, &[class]), [300]);
    }
}
