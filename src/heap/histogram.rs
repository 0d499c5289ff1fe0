//! The class histogram: how many objects each constructor has made and how large they are. These are the rows of DevTools'
//! class list, known before the first node is written.
//!
//! A row for each name would take as much memory as a program has names, so there is a bound on the rows; objects of further
//! names are counted in one row. What tags make of internal arrays is not known yet, so these count as arrays.

use super::describe::{Describer, NodeName};
use super::graph::Graph;
use super::layout::kind::Kind;
use super::map_cache::MapCache;
use super::memory::Address;
use super::names::Names;
use super::object::Object;
use super::pages::Page;
use super::self_size::self_size;
use super::tally::Instances;
use crate::snapshot::NodeType;
use crate::summary::{CONSTRUCTORS, ConstructorUse};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;

/// The rows of constructors, besides one for each type of node.
const MOST_ROWS: usize = 1 << 14;

const NODE_TYPES: usize = NodeType::ObjectShape as usize + 1;
/// The row of constructors beyond [`MOST_ROWS`]. No node of the heap's objects is synthetic.
const OTHERS: usize = NodeType::Synthetic as usize;

/// Objects of one constructor.
#[derive(Debug, Clone, Copy, Default)]
struct Use {
    count: u64,
    bytes: u64,
}

/// Counts objects by constructor.
pub struct Histogram {
    /// One row for each [`NodeType`], then those of `names`.
    rows: Vec<Use>,
    names: Vec<NodeName>,
    row_of_name: FxHashMap<NodeName, usize>,
    row_of_map: MapCache<usize>,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            rows: vec![Use::default(); NODE_TYPES],
            names: Vec::new(),
            row_of_name: FxHashMap::default(),
            row_of_map: MapCache::new(),
        }
    }
}

impl Histogram {
    /// Counts `object`, which lies in `page`.
    #[inline]
    pub fn count<'m>(
        &mut self,
        graph: &Graph<'m>,
        describer: &mut Describer,
        names: &mut Names,
        page: &Page,
        object: &Object<'m>,
    ) {
        let map = object.shape.map;
        let row = match self.row_of_map.get(map) {
            Some(row) => *row,
            None => {
                let (row, holds_for_map) = self.row_of(graph, describer, names, object);
                if holds_for_map {
                    self.row_of_map.insert(map, row);
                }
                row
            }
        };
        self.add(row, 1, self_size(graph.layout(), page, object));
    }

    /// Counts all instances of a map, if one of them tells what all are called; whether it does.
    pub fn count_instances<'m>(
        &mut self,
        graph: &Graph<'m>,
        describer: &mut Describer,
        names: &mut Names,
        instances: &Instances,
    ) -> bool {
        let Some(example) = graph.object(instances.example) else {
            return false;
        };
        let (row, holds_for_map) = self.row_of(graph, describer, names, &example);
        let tells = holds_for_map || instances.count == 1;
        if tells {
            self.add(row, instances.count, instances.bytes);
        }
        tells
    }

    #[inline]
    fn add(&mut self, row: usize, count: u64, bytes: u64) {
        self.rows[row].count += count;
        self.rows[row].bytes += bytes;
    }

    /// The row of an object, and whether all objects of its map have the same.
    fn row_of<'m>(
        &mut self,
        graph: &Graph<'m>,
        describer: &mut Describer,
        names: &mut Names,
        object: &Object<'m>,
    ) -> (usize, bool) {
        let kind = object.kind();
        let is_function = matches!(kind, Kind::JsFunction | Kind::JsBoundFunction);
        if kind.is_js_object() && !is_function && kind != Kind::JsRegExp {
            let (name, holds_for_map) = describer.constructor_name(graph, names, object);
            return (self.row_of_name(name), holds_for_map);
        }
        match describer.describe(graph, names, object) {
            (NodeType::Object, name) => (self.row_of_name(name), true),
            // Symbols of one map may be hidden or not.
            (node_type, _) => (node_type as usize, kind != Kind::Symbol),
        }
    }

    fn row_of_name(&mut self, name: NodeName) -> usize {
        if let Some(&row) = self.row_of_name.get(&name) {
            return row;
        }
        if self.names.len() == MOST_ROWS {
            return OTHERS;
        }
        let row = self.rows.len();
        self.rows.push(Use::default());
        self.names.push(name);
        self.row_of_name.insert(name, row);
        row
    }

    /// The strings that constructors are called by.
    pub fn constructors(&self) -> impl Iterator<Item = Address> + '_ {
        self.names.iter().filter_map(|name| match name {
            NodeName::Text(text) => Some(*text),
            NodeName::Name(_) => None,
        })
    }

    /// The bytes of all objects.
    pub fn bytes(&self) -> u64 {
        self.rows.iter().map(|row| row.bytes).sum()
    }

    /// The [`CONSTRUCTORS`] with the most bytes, largest first. `text` reads a name, `others` are rows that are not of objects.
    pub fn largest(
        &self,
        text: impl Fn(NodeName) -> String,
        others: impl IntoIterator<Item = ConstructorUse>,
    ) -> Vec<ConstructorUse> {
        let (of_types, of_names) = self.rows.split_at(NODE_TYPES);
        let mut largest: Vec<(NodeName, Use)> = self
            .names
            .iter()
            .copied()
            .zip(of_names.iter().copied())
            .collect();
        largest.sort_unstable_by_key(|(_, row)| Reverse(row.bytes));
        largest.truncate(CONSTRUCTORS);
        let row = |name: String, Use { count, bytes }: Use| ConstructorUse { name, count, bytes };
        let mut rows: Vec<ConstructorUse> = largest
            .into_iter()
            .map(|(name, used)| row(text(name), used))
            .chain(
                TYPE_ROWS
                    .map(|(node_type, name)| row(name.to_owned(), of_types[node_type as usize])),
            )
            .chain(others)
            .filter(|row| row.count > 0)
            .collect();
        unite_namesakes(&mut rows);
        rows.sort_by_key(|row| Reverse(row.bytes));
        rows.truncate(CONSTRUCTORS);
        rows
    }
}

/// One row for each name: a name of V8's own and a string of the heap may be the same.
fn unite_namesakes(rows: &mut Vec<ConstructorUse>) {
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    rows.dedup_by(|later, first| {
        let is_namesake = later.name == first.name;
        if is_namesake {
            first.count += later.count;
            first.bytes += later.bytes;
        }
        is_namesake
    });
}

/// What DevTools calls the nodes of a type that it does not list by name: `JSHeapSnapshotNode.rawName` and `className`.
const TYPE_ROWS: [(NodeType, &str); 14] = [
    (NodeType::Hidden, "(system)"),
    (NodeType::Array, "(array)"),
    (NodeType::String, "(string)"),
    (NodeType::Code, "(compiled code)"),
    (NodeType::Closure, "Function"),
    (NodeType::RegExp, "RegExp"),
    (NodeType::Number, "(number)"),
    (NodeType::Native, "(native)"),
    (NodeType::Synthetic, "(further constructors)"),
    (NodeType::ConcatenatedString, "(concatenated string)"),
    (NodeType::SlicedString, "(sliced string)"),
    (NodeType::Symbol, "(symbol)"),
    (NodeType::BigInt, "(bigint)"),
    (NodeType::ObjectShape, "(object shape)"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::names::NameId;

    #[test]
    fn two_names_with_the_same_text_are_one_row() {
        let mut histogram = Histogram::default();
        for (name, count) in [
            (NodeName::Name(NameId(0)), 1),
            (NodeName::Name(NameId(1)), 7),
            (NodeName::Name(NameId(2)), 2),
        ] {
            let row = histogram.row_of_name(name);
            histogram.add(row, count, 10 * count);
        }
        let text = |name| match name {
            NodeName::Name(NameId(1)) => "Map".to_owned(),
            _ => "Array".to_owned(),
        };
        let rows = histogram.largest(text, []);
        let row = |name: &str, count| ConstructorUse {
            name: name.to_owned(),
            count,
            bytes: 10 * count,
        };
        assert_eq!(rows, [row("Map", 7), row("Array", 3)]);
    }
}
