//! Leak suspects, as Eclipse MAT defines them: single objects, or all instances of a class, that hold a tenth of the heap or
//! more; for each the path from the root, what is accumulated, and one plain sentence.

use super::accumulation::{self, Accumulation};
use super::classes::{Class, ClassIndex, Classes};
use super::growth::{self, Growth};
use super::heap::Heap;
use super::naming::{Expression, expression, node_text};
use super::places::Place;
use super::sets::retained_by_sets;
use crate::snapshot::NodeType;
use crate::snapshot::reader::{EdgeIndex, Graph, NodeIndex};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;

/// The share of the heap that makes a suspect.
pub const SUSPICIOUS_SHARE: f64 = 0.1;
/// How many nodes below a suspect are asked for the code that they belong to, about.
const ASKED_FOR_CODE: usize = 200_000;
const MOST_CLASSES: usize = 5;
const MOST_FUNCTIONS: usize = 3;
const MOST_HOLDERS: usize = 3;

/// What may have leaked.
pub struct Suspect {
    /// The object, or one instance of the class.
    pub node: NodeIndex,
    /// The class, if all its instances together are the suspect.
    pub group: Option<Group>,
    /// Where the bytes come together: the node itself, or one of V8's that it owns.
    pub accumulation_point: NodeIndex,
    /// The bytes that would be free without it.
    pub retained: u64,
    /// The bytes that are its own, and not another suspect's.
    pub accumulated_bytes: u64,
    /// What the program calls it.
    pub expression: Option<Expression>,
    /// How it grows.
    pub growth: Growth,
    /// The shortest path from the root.
    pub path: Vec<EdgeIndex>,
    /// What is accumulated, the largest class first.
    pub accumulated: Vec<Accumulated>,
    /// The functions and constructors of the program that what is accumulated belongs to.
    pub code: Vec<Code>,
}

/// All instances of a class.
pub struct Group {
    /// The class.
    pub class: ClassIndex,
    /// How many there are.
    pub instances: u64,
    /// Who refers to them most, as expressions or classes, and to how many.
    pub holders: Vec<(String, u64)>,
}

/// What a suspect has accumulated of one class.
pub struct Accumulated {
    /// The class.
    pub class: ClassIndex,
    /// How many instances.
    pub count: u64,
    /// The sum of their shallow sizes.
    pub shallow: u64,
    /// The sum of what they retain.
    pub retained: u64,
}

/// A function or a class of the program.
pub struct Code {
    /// Its class.
    pub class: ClassIndex,
    /// Where it stands.
    pub place: Place,
    /// How many there are of it below the suspect.
    pub count: u64,
}

/// All suspects, the largest first.
pub fn find(heap: &Heap, classes: &Classes) -> Vec<Suspect> {
    let least = ((heap.total() as f64 * SUSPICIOUS_SHARE) as u64).max(1);
    let mut suspects = Vec::new();
    let mut by_owner: FxHashMap<NodeIndex, usize> = FxHashMap::default();
    for accumulation in accumulation::find(heap, classes, least) {
        let owner = owner_of(heap, accumulation.node);
        if is_carrier(heap, owner) {
            suspects.extend(groups(heap, classes, &accumulation, least));
            continue;
        }
        match by_owner.get(&owner) {
            Some(&index) => {
                let suspect: &mut Suspect = &mut suspects[index];
                suspect.accumulated_bytes += accumulation.bytes;
            }
            None => {
                by_owner.insert(owner, suspects.len());
                suspects.push(single(heap, classes, owner, &accumulation));
            }
        }
    }
    suspects.sort_by_key(|suspect| Reverse(suspect.accumulated_bytes));
    suspects
}

/// The nearest node at or above this one that people know.
fn owner_of(heap: &Heap, node: NodeIndex) -> NodeIndex {
    let mut ancestors = std::iter::once(node).chain(heap.dominators.ancestors(node));
    ancestors
        .find(|&node| heap.is_visible(node) || is_carrier(heap, node))
        .unwrap_or(Graph::ROOT)
}

/// Whether a node is no thing of its own, but where the things of a program, a module or a function hang.
fn is_carrier(heap: &Heap, node: NodeIndex) -> bool {
    let graph = &heap.graph;
    match graph.node_type(node) {
        Some(NodeType::Synthetic) | None => true,
        Some(NodeType::Hidden) => heap.is_native_context(node),
        Some(NodeType::Object) => heap.is_context(node) || heap.is_global(node),
        _ => false,
    }
}

fn single(
    heap: &Heap,
    classes: &Classes,
    owner: NodeIndex,
    accumulation: &Accumulation,
) -> Suspect {
    let path = heap.paths.to(&heap.graph, owner);
    let accumulated = accumulated(heap, classes, small_children(heap, accumulation));
    let growth = growth::of_object(heap, classes, owner, accumulation, &path, &accumulated);
    Suspect {
        node: owner,
        group: None,
        accumulation_point: accumulation.node,
        retained: heap.retained(owner),
        accumulated_bytes: accumulation.bytes,
        expression: expression(heap, &path),
        growth,
        code: code(
            heap,
            classes,
            std::iter::once(owner).chain(accumulation.nodes()),
            small_children(heap, accumulation),
        ),
        accumulated,
        path,
    }
}

/// The small nodes that an accumulation holds directly.
fn small_children(heap: &Heap, accumulation: &Accumulation) -> impl Iterator<Item = NodeIndex> {
    let links: Vec<NodeIndex> = accumulation.nodes().collect();
    let least = ((heap.total() as f64 * SUSPICIOUS_SHARE) as u64).max(1);
    links.into_iter().flat_map(move |node| {
        let children = heap.tree.children(node).iter().copied();
        children.filter(move |&child| heap.retained(child) < least)
    })
}

/// What some nodes are, by class.
fn accumulated(
    heap: &Heap,
    classes: &Classes,
    nodes: impl Iterator<Item = NodeIndex>,
) -> Vec<Accumulated> {
    let mut by_class: FxHashMap<ClassIndex, Accumulated> = FxHashMap::default();
    for node in nodes {
        let class = classes.of_node(node);
        let entry = by_class.entry(class).or_insert(Accumulated {
            class,
            count: 0,
            shallow: 0,
            retained: 0,
        });
        entry.count += 1;
        entry.shallow += heap.shallow(node);
        entry.retained += heap.retained(node);
    }
    let mut accumulated: Vec<Accumulated> = by_class.into_values().collect();
    accumulated.retain(|entry| entry.retained > 0);
    accumulated.sort_by_key(|entry| (Reverse(entry.retained), entry.class));
    accumulated.truncate(MOST_CLASSES);
    accumulated
}

/// The classes of which many instances hang directly below a carrier, and together hold much.
fn groups(heap: &Heap, classes: &Classes, accumulation: &Accumulation, least: u64) -> Vec<Suspect> {
    let found = accumulated(heap, classes, small_children(heap, accumulation));
    let large = found.iter().filter(|entry| {
        let class = classes.get(entry.class);
        entry.retained >= least && !is_of_v8(class)
    });
    large
        .map(|entry| group(heap, classes, accumulation, entry.class))
        .collect()
}

/// What V8 has of its own: it grows with the program's code, not with its data.
fn is_of_v8(class: &Class) -> bool {
    use NodeType::*;
    class.name.starts_with("system / ")
        || matches!(
            class.node_type,
            None | Some(Hidden | Code | Array | Synthetic | ObjectShape | Symbol)
        )
}

fn group(
    heap: &Heap,
    classes: &Classes,
    accumulation: &Accumulation,
    class: ClassIndex,
) -> Suspect {
    let instances: Vec<NodeIndex> = small_children(heap, accumulation)
        .filter(|&node| classes.of_node(node) == class)
        .collect();
    let largest = instances
        .iter()
        .copied()
        .max_by_key(|&node| heap.retained(node));
    let node = largest.unwrap_or(accumulation.node);
    let retained = retained_by_sets(heap, classes, &[class])
        .first()
        .copied()
        .unwrap_or(0);
    let path = heap.paths.to(&heap.graph, node);
    let (holders, expression) = holders(heap, &instances);
    let below = instances
        .iter()
        .flat_map(|&node| heap.tree.children(node))
        .copied();
    Suspect {
        node,
        group: Some(Group {
            class,
            instances: instances.len() as u64,
            holders,
        }),
        accumulation_point: accumulation.node,
        retained,
        accumulated_bytes: instances.iter().map(|&node| heap.retained(node)).sum(),
        expression,
        growth: Growth::Instances,
        path,
        accumulated: accumulated(heap, classes, below),
        code: code(heap, classes, std::iter::empty(), instances.into_iter()),
    }
}

/// Who refers to the nodes: the visible owners of the edges that lead to them, by expression, and the expression of the first.
fn holders(heap: &Heap, nodes: &[NodeIndex]) -> (Vec<(String, u64)>, Option<Expression>) {
    let graph = &heap.graph;
    let mut is_instance = super::bits::Bits::new(graph.node_count());
    for &node in nodes {
        is_instance.insert(node);
    }
    let mut counts: FxHashMap<NodeIndex, u64> = FxHashMap::default();
    for source in graph.nodes() {
        for edge in graph.edges(source) {
            if heap.retaining.contains(edge) && is_instance.contains(graph.target(edge)) {
                *counts.entry(owner_of(heap, source)).or_default() += 1;
            }
        }
    }
    let mut counts: Vec<(NodeIndex, u64)> = counts
        .into_iter()
        .filter(|&(node, _)| !is_instance.contains(node))
        .collect();
    counts.sort_by_key(|&(node, count)| (Reverse(count), node));
    counts.truncate(MOST_HOLDERS);
    let expressions: Vec<Option<Expression>> = counts
        .iter()
        .map(|&(node, _)| expression(heap, &heap.paths.to(graph, node)))
        .collect();
    let named = counts
        .iter()
        .zip(&expressions)
        .map(|(&(node, count), expression)| {
            let text = expression
                .as_ref()
                .map(|expression| expression.text.clone());
            (text.unwrap_or_else(|| node_text(graph, node)), count)
        });
    (named.collect(), expressions.into_iter().flatten().next())
}

/// The functions and constructors of the program that entries are made of. First come those that at least every second entry
/// has, the nearest to it: a timer's callback rather than the class of what that works on. `holders` are asked alone, without
/// what is below them. The order does not depend on where in memory anything lies.
fn code(
    heap: &Heap,
    classes: &Classes,
    holders: impl Iterator<Item = NodeIndex>,
    entries: impl Iterator<Item = NodeIndex>,
) -> Vec<Code> {
    let mut found: FxHashMap<ClassIndex, Occurrence> = FxHashMap::default();
    let mut note = |node: NodeIndex, depth: u64| {
        let location = heap.graph.location(node);
        if location.is_some_and(|location| heap.places.is_of_program(location)) {
            let occurrence = found.entry(classes.of_node(node)).or_default();
            occurrence.count += 1;
            occurrence.sum_of_depths += depth;
        }
    };
    for holder in holders.take(ASKED_FOR_CODE) {
        note(holder, 0);
    }
    let (mut asked, mut asked_entries) = (0, 0);
    for entry in entries {
        if asked > ASKED_FOR_CODE {
            break;
        }
        asked_entries += 1;
        for (node, depth) in heap.tree.below_with_depth(entry).take(ASKED_FOR_CODE) {
            asked += 1;
            note(node, depth + 1);
        }
    }
    let mut code: Vec<(Code, Occurrence)> = found
        .into_iter()
        .filter_map(|(class, occurrence)| {
            let code = Code {
                class,
                place: classes.get(class).place.clone()?,
                count: occurrence.count,
            };
            Some((code, occurrence))
        })
        .collect();
    code.sort_by(|(one, at), (other, other_at)| {
        let key = |code: &Code, at: &Occurrence| {
            let is_of_package = code.place.script.contains("/node_modules/");
            let is_rare = 2 * at.count < asked_entries;
            let depth = if is_rare { 0 } else { at.mean_depth() };
            (is_of_package, is_rare, depth, Reverse(at.count))
        };
        let text = |code: &Code| (code.place.clone(), classes.get(code.class).name.clone());
        key(one, at)
            .cmp(&key(other, other_at))
            .then_with(|| text(one).cmp(&text(other)))
    });
    code.truncate(MOST_FUNCTIONS);
    code.into_iter().map(|(code, _)| code).collect()
}

/// How often something was found, and how deep.
#[derive(Default)]
struct Occurrence {
    count: u64,
    sum_of_depths: u64,
}

impl Occurrence {
    /// The mean depth, to the nearest number: what only a few entries have elsewhere does not change it.
    fn mean_depth(&self) -> u64 {
        (self.sum_of_depths + self.count / 2) / self.count.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::EdgeType;
    use crate::snapshot::reader::sample::Sample;

    /// An array of timers, each with a callback at line 13 that works on a connection of the class at line 5. Nodes of later
    /// kinds lie before those of earlier ones if `is_reversed`.
    fn timers(is_reversed: bool) -> Heap {
        const COUNT: u32 = 20;
        let mut kinds = [
            (NodeType::Object, "Timeout"),
            (NodeType::Closure, "poll"),
            (NodeType::Object, "Connection"),
        ];
        if is_reversed {
            kinds.reverse();
        }
        let mut sample = Sample::with_root();
        let list = sample.node(NodeType::Object, "Array", 16);
        sample.edge(0, EdgeType::Property, "list", list);
        let mut firsts = kinds.map(|(node_type, name)| {
            let nodes = (0..COUNT).map(|_| sample.node(node_type, name, 100));
            nodes.min().unwrap_or(0)
        });
        if is_reversed {
            firsts.reverse();
        }
        let [timers, callbacks, connections] = firsts;
        let shared = sample.node(NodeType::Code, "poll", 0);
        let script = sample.node(NodeType::Code, "/app/timers.js", 0);
        sample.edge(shared, EdgeType::Internal, "script", script);
        for number in 0..COUNT {
            let (timer, callback) = (timers + number, callbacks + number);
            sample.edge(list, EdgeType::Element, &number.to_string(), timer);
            sample.edge(timer, EdgeType::Property, "_onTimeout", callback);
            sample.edge(callback, EdgeType::Internal, "shared", shared);
            let connection = connections + number;
            sample.edge(callback, EdgeType::Internal, "context", connection);
            sample.place(callback, 1, 12, 0);
            sample.place(connection, 1, 4, 0);
        }
        Heap::of(sample.build())
    }

    #[test]
    fn the_function_nearest_to_the_entries_is_named_wherever_it_lies_in_memory() {
        for is_reversed in [false, true] {
            let heap = timers(is_reversed);
            let classes = Classes::of(&heap);
            let suspects = find(&heap, &classes);
            let code = suspects[0].code.iter();
            let lines: Vec<u32> = code.map(|code| code.place.line).collect();
            assert_eq!(lines, [13, 5]);
        }
    }
}
