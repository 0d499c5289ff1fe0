//! Which edges retain what they lead to: the rules of DevTools, so that its retained sizes and ours are the same
//! (`HeapSnapshot.computeIsEssentialEdge` and `JSHeapSnapshot.markPageOwnedNodes` in HeapSnapshot.ts).

use super::bits::Bits;
use super::threads::both;
use crate::snapshot::reader::{EdgeIndex, Graph, NodeIndex};
use crate::snapshot::{EdgeType, NodeType};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// The edges that retain their target: a bit for each.
pub struct RetainingEdges(Bits);

impl RetainingEdges {
    /// Judges each edge of the graph.
    pub fn of(graph: &Graph) -> RetainingEdges {
        let owned_by_page = nodes_owned_by_page(graph);
        let ephemerons = Ephemerons::of(graph);
        let retains = |node: NodeIndex, edge: EdgeIndex| {
            let target = graph.target(edge);
            let edge_type = graph.edge_type(edge);
            if edge_type == EdgeType::Weak || target == node {
                return false;
            }
            // A WeakMap's value is held by table and key together. Without either it is let go, so one of the two edges
            // is enough, and the key's tells more.
            if edge_type == EdgeType::Internal
                && ephemerons.table_of(graph.edge_name_or_index(edge)) == Some(graph.id(node))
            {
                return false;
            }
            // From the root, shortcuts lead to the global objects. What only V8 or a debugger refers to as well is retained
            // by the page alone.
            node == Graph::ROOT
                || (edge_type != EdgeType::Shortcut
                    && (owned_by_page.contains(node) || !owned_by_page.contains(target)))
        };
        let judge = |edges: Range<EdgeIndex>| {
            let mut node = graph.source(edges.start);
            Bits::of(edges, |edge| {
                while edge >= graph.edges(node).end {
                    node += 1;
                }
                retains(node, edge)
            })
        };
        let count = graph.edge_count() as EdgeIndex;
        let middle = count / 128 * 64;
        let (mut edges, of_second_half) = both(|| judge(0..middle), || judge(middle..count));
        edges.append(of_second_half);
        RetainingEdges(edges)
    }

    /// Whether an edge retains its target.
    #[inline]
    pub fn contains(&self, edge: EdgeIndex) -> bool {
        self.0.contains(edge)
    }
}

/// What can be reached from the global objects.
fn nodes_owned_by_page(graph: &Graph) -> Bits {
    let mut owned = Bits::new(graph.node_count());
    let mut to_visit = Vec::new();
    for edge in graph.edges(Graph::ROOT) {
        let target = graph.target(edge);
        let is_entry = match graph.edge_type(edge) {
            EdgeType::Shortcut => true,
            EdgeType::Element => is_document_root(graph, target),
            _ => false,
        };
        if is_entry && owned.insert(target) {
            to_visit.push(target);
        }
    }
    while let Some(node) = to_visit.pop() {
        for edge in graph.edges(node) {
            let target = graph.target(edge);
            if graph.edge_type(edge) != EdgeType::Weak && owned.insert(target) {
                to_visit.push(target);
            }
        }
    }
    owned
}

/// Whether a node is the root of all DOM trees, which browsers have.
pub fn is_document_root(graph: &Graph, node: NodeIndex) -> bool {
    graph.is(node, NodeType::Synthetic) && graph.node_name(node) == "(Document DOM trees)"
}

/// The names of the two edges that lead to a WeakMap's value.
struct Ephemerons {
    is_name: Bits,
    /// The id of the table, by the index of the name.
    tables: FxHashMap<u32, u32>,
}

impl Ephemerons {
    fn of(graph: &Graph) -> Ephemerons {
        let strings = graph.strings();
        let mut ephemerons = Ephemerons {
            is_name: Bits::new(strings.len()),
            tables: FxHashMap::default(),
        };
        for index in 0..strings.len() as u32 {
            let escaped = strings.escaped(index);
            if escaped.ends_with(b")")
                && escaped[0].is_ascii_digit()
                && let Some(table) = table_of_ephemeron_name(&strings.get(index))
            {
                ephemerons.is_name.insert(index);
                ephemerons.tables.insert(index, table);
            }
        }
        ephemerons
    }

    #[inline]
    fn table_of(&self, name: u32) -> Option<u32> {
        if !self.is_name.contains(name) {
            return None;
        }
        self.tables.get(&name).copied()
    }
}

/// The id of the table, if a name is V8's for an edge to a WeakMap's value: `7 / part of key (Key @3) -> value (Value @5)
/// pair in WeakMap (table @9)`.
fn table_of_ephemeron_name(name: &str) -> Option<u32> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let ends_in_id = |text: &str| text.rsplit_once(" @").is_some_and(|(_, id)| is_number(id));

    let (number, rest) = name.split_once(" / part of key (")?;
    let (pair, table) = rest
        .strip_suffix(')')?
        .rsplit_once(") pair in WeakMap (table @")?;
    let has_two_parts = pair
        .match_indices(") -> value (")
        .any(|(place, _)| ends_in_id(&pair[..place]));
    let is_one_line = !pair.contains(['\n', '\r', '\u{2028}', '\u{2029}']);
    if is_number(number) && is_number(table) && has_two_parts && ends_in_id(pair) && is_one_line {
        table.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::table_of_ephemeron_name;

    #[test]
    fn the_table_of_a_weak_maps_value_is_found_in_the_edges_name() {
        for (name, table) in [
            (
                "7 / part of key (Key @3) -> value (Value @5) pair in WeakMap (table @9)",
                Some(9),
            ),
            (
                "7 / part of key (a) -> value (b @3) -> value (Value @5) pair in WeakMap (table @9)",
                Some(9),
            ),
            (
                "7 / part of key ( @3) -> value ( @5) pair in WeakMap (table @90)",
                Some(90),
            ),
            (
                "7 / part of key (Key) -> value (Value @5) pair in WeakMap (table @9)",
                None,
            ),
            (
                "x / part of key (Key @3) -> value (Value @5) pair in WeakMap (table @9)",
                None,
            ),
            (
                "7 / part of key (Key @3) -> value (Value @5) pair in WeakMap (table @x)",
                None,
            ),
            (
                "7 / part of key (K\ney @3) -> value (Value @5) pair in WeakMap (table @9)",
                None,
            ),
            (
                "7 / part of key (Key @3) -> value (Value @5) pair in WeakMap",
                None,
            ),
        ] {
            assert_eq!(table_of_ephemeron_name(name), table, "{name}");
        }
    }
}
