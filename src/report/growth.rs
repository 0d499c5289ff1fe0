//! How a suspect grows: as an array, a Map, a list and so on, and by how many entries.

use super::accumulation::{Accumulation, count_links};
use super::classes::Classes;
use super::heap::Heap;
use super::places::follow;
use super::suspects::Accumulated;
use crate::snapshot::reader::{EdgeIndex, EdgeName, NodeIndex};
use crate::snapshot::{EdgeType, NodeType};
use serde::Serialize;

/// The shape that something grows in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "shape")]
pub enum Growth {
    /// An array; of its elements those that are no small integers are in a snapshot.
    Array {
        /// Elements.
        entries: u64,
    },
    /// A Map or a WeakMap.
    Map {
        /// Entries.
        entries: u64,
    },
    /// A Set or a WeakSet.
    Set {
        /// Entries.
        entries: u64,
    },
    /// An object with properties.
    Object {
        /// Properties and elements.
        entries: u64,
    },
    /// Objects that each hold the next one.
    LinkedList {
        /// Links.
        entries: u64,
    },
    /// Functions that each hold the next one by their scope.
    ClosureChain {
        /// Links.
        entries: u64,
    },
    /// A text that grows by concatenation.
    Text {
        /// Parts.
        entries: u64,
    },
    /// Listeners of an emitter.
    Listeners {
        /// Listeners.
        entries: u64,
    },
    /// Timers that wait.
    Timers {
        /// Timers.
        entries: u64,
    },
    /// Promises that wait.
    Promises {
        /// Promises.
        entries: u64,
    },
    /// Memory outside of V8's heap.
    Buffers {
        /// Entries of what holds them.
        entries: u64,
    },
    /// The variables of a function.
    Scope,
    /// Instances of a class, wherever they are.
    Instances,
    /// One large thing.
    Single,
}

/// How an object grows.
pub fn of_object(
    heap: &Heap,
    classes: &Classes,
    owner: NodeIndex,
    accumulation: &Accumulation,
    path: &[EdgeIndex],
    accumulated: &[Accumulated],
) -> Growth {
    let graph = &heap.graph;
    if !accumulation.chain.is_empty() {
        let class = classes.of_node(accumulation.node);
        let entries = count_links(heap, classes, accumulation.node, class);
        let holds_closures = accumulation
            .chain
            .iter()
            .any(|&node| graph.is(node, NodeType::Closure));
        return match graph.node_type(accumulation.node) {
            Some(NodeType::ConcatenatedString) => Growth::Text { entries },
            _ if holds_closures => Growth::ClosureChain { entries },
            _ => Growth::LinkedList { entries },
        };
    }
    let name = graph.node_name(owner);
    let entries = count_entries(heap, owner);
    let largest = accumulated.first();
    let largest_class = largest.map(|largest| classes.get(largest.class).name.as_str());
    let largest_count = largest.map_or(0, |largest| largest.count);
    if matches!(name.as_ref(), "TimersList" | "Timeout" | "ImmediateList")
        || matches!(largest_class, Some("Timeout" | "Immediate"))
    {
        return Growth::Timers {
            entries: largest_count,
        };
    }
    if ends_in_listeners(heap, path) {
        return Growth::Listeners { entries };
    }
    if largest_class == Some("Promise") {
        return Growth::Promises {
            entries: largest_count,
        };
    }
    if is_mostly_outside(heap, owner) {
        return Growth::Buffers { entries };
    }
    match name.as_ref() {
        "Array" => Growth::Array { entries },
        "Map" | "WeakMap" => Growth::Map { entries },
        "Set" | "WeakSet" => Growth::Set { entries },
        _ if graph.is(owner, NodeType::Closure) => Growth::Scope,
        _ if graph.is(owner, NodeType::Object) => Growth::Object { entries },
        _ => Growth::Single,
    }
}

/// Whether a path ends in the listeners of an emitter, and not in what one of them sees.
fn ends_in_listeners(heap: &Heap, path: &[EdgeIndex]) -> bool {
    let graph = &heap.graph;
    let is_scope = |edge: EdgeIndex| {
        graph.edge_type(edge) == EdgeType::Internal
            && graph.edge_name(edge) == EdgeName::Text("context".into())
    };
    path.iter()
        .rev()
        .take(6)
        .take_while(|&&edge| !is_scope(edge))
        .any(|&edge| graph.edge_name(edge) == EdgeName::Text("_events".into()))
}

/// Whether most of what a node retains is outside of V8's heap.
fn is_mostly_outside(heap: &Heap, owner: NodeIndex) -> bool {
    let data = heap.tree.below(owner).filter(|&node| {
        heap.graph.is(node, NodeType::Native)
            && heap.graph.node_name(node) == "system / JSArrayBufferData"
    });
    let outside: u64 = data.map(|node| heap.shallow(node)).sum();
    2 * outside > heap.retained(owner)
}

/// The entries of a collection, or the properties and elements of another object.
pub fn count_entries(heap: &Heap, node: NodeIndex) -> u64 {
    let graph = &heap.graph;
    let slots_of_entry = match graph.node_name(node).as_ref() {
        "Map" => 3,
        "Set" => 2,
        "WeakMap" | "WeakSet" => {
            let values = graph.edges(node).chain(
                follow(graph, node, |name| name == "table")
                    .map(|table| graph.edges(table))
                    .unwrap_or_default(),
            );
            let is_value = |edge: &EdgeIndex| matches!(graph.edge_name(*edge), EdgeName::Text(name) if name.contains(" / part of key "));
            return values.filter(is_value).count() as u64;
        }
        _ => {
            let is_entry = |edge: &EdgeIndex| match graph.edge_type(*edge) {
                EdgeType::Element => true,
                EdgeType::Property => graph.edge_name(*edge) != EdgeName::Text("__proto__".into()),
                _ => false,
            };
            return graph.edges(node).filter(is_entry).count() as u64;
        }
    };
    let Some(table) = follow(graph, node, |name| name == "table") else {
        return 0;
    };
    entries_of_table(
        graph
            .edges(table)
            .filter_map(|edge| match graph.edge_name(edge) {
                EdgeName::Text(name) if graph.edge_type(edge) == EdgeType::Internal => {
                    name.parse().ok()
                }
                _ => None,
            }),
        slots_of_entry,
    )
}

/// The number of entries in an ordered hash table (src/objects/ordered-hash-table.h): three numbers, as many buckets as a
/// power of two says, then the entries. Keys and values that are small integers are not in a snapshot.
fn entries_of_table(slots: impl Iterator<Item = u64>, slots_of_entry: u64) -> u64 {
    let mut slots: Vec<u64> = slots.collect();
    slots.sort_unstable();
    let Some(&lowest) = slots.first() else {
        return 0;
    };
    let buckets = lowest.saturating_sub(3).max(1);
    let first = 3 + (1 << buckets.ilog2());
    let mut entries: Vec<u64> = slots
        .iter()
        .map(|slot| slot.saturating_sub(first) / slots_of_entry)
        .collect();
    entries.dedup();
    entries.len() as u64
}

#[cfg(test)]
mod tests {
    use super::entries_of_table;

    #[test]
    fn entries_are_counted_whether_keys_or_values_are_in_the_snapshot() {
        let first = 3 + 64;
        let keys = (0..100).map(|entry| first + 3 * entry);
        let values = keys.clone().map(|key| key + 1);
        assert_eq!(entries_of_table(keys.clone(), 3), 100);
        assert_eq!(entries_of_table(values.clone(), 3), 100);
        assert_eq!(entries_of_table(keys.chain(values), 3), 100);
        assert_eq!(entries_of_table(std::iter::empty(), 3), 0);
    }
}
