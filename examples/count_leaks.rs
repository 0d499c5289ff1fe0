//! Counts the leaked objects in a `.heapsnapshot` of any size, which it reads as the JSON that it is.
//!
//! The crate `v8-heap-parser`, by which the tests go otherwise, takes too much memory for an edge where a heap of 1 GB is one
//! array. It must not know how a snapshot is made: nothing of this package is used here.
//!
//! Usage: `count_leaks <file> <class> <ledger class>`. Prints `{ instances, ledger }` as `read_snapshot` does.

use std::error::Error;
use std::ops::Range;

use serde::Deserialize;
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, class, ledger_class] = &arguments[..] else {
        return Err("usage: count_leaks <file> <class> <ledger class>".into());
    };
    let bytes = std::fs::read(file).map_err(|error| format!("cannot read {file}: {error}"))?;
    let snapshot: Snapshot = serde_json::from_slice(&bytes)
        .map_err(|error| format!("{file} is not a complete heap snapshot: {error}"))?;
    drop(bytes);
    let graph = Graph::new(&snapshot)
        .ok_or_else(|| format!("{file} contradicts itself: a count or a number in it is wrong"))?;
    println!(
        "{}",
        json!({ "instances": graph.instances(class).count(), "ledger": graph.ledger(ledger_class) })
    );
    Ok(())
}

#[derive(Deserialize)]
struct Snapshot {
    #[serde(rename = "snapshot")]
    head: Head,
    nodes: Vec<u64>,
    edges: Vec<u32>,
    strings: Vec<String>,
}

#[derive(Deserialize)]
struct Head {
    meta: Meta,
    node_count: usize,
    edge_count: usize,
}

#[derive(Deserialize)]
struct Meta {
    node_fields: Vec<String>,
    /// For each field its type; for the first the list of the types that nodes have.
    node_types: Vec<Value>,
    edge_fields: Vec<String>,
}

/// The numbers of a snapshot, by what they mean.
struct Graph<'s> {
    snapshot: &'s Snapshot,
    type_field: usize,
    name_field: usize,
    edge_count_field: usize,
    target_field: usize,
    object_type: u64,
    string_type: u64,
}

impl<'s> Graph<'s> {
    /// `None` where a count is not that of its list, or a number leads out of one.
    fn new(snapshot: &'s Snapshot) -> Option<Graph<'s>> {
        let Head {
            meta,
            node_count,
            edge_count,
        } = &snapshot.head;
        let position = |fields: &[String], name| fields.iter().position(|field| field == name);
        let types = meta.node_types.first()?.as_array()?;
        let node_type = |name| types.iter().position(|one| one == name);
        let graph = Graph {
            snapshot,
            type_field: position(&meta.node_fields, "type")?,
            name_field: position(&meta.node_fields, "name")?,
            edge_count_field: position(&meta.node_fields, "edge_count")?,
            target_field: position(&meta.edge_fields, "to_node")?,
            object_type: node_type("object")? as u64,
            string_type: node_type("string")? as u64,
        };
        let width = meta.node_fields.len();
        let is_whole = snapshot.nodes.len() == node_count * width
            && snapshot.edges.len() == edge_count * meta.edge_fields.len()
            && graph.nodes().all(|node| graph.name(node).is_some())
            && (0..*edge_count).all(|edge| graph.target(edge).is_some())
            && graph.edges_of_nodes().last()?.1.end == *edge_count;
        is_whole.then_some(graph)
    }

    fn nodes(&self) -> impl Iterator<Item = &'s [u64]> {
        let width = self.snapshot.head.meta.node_fields.len();
        self.snapshot.nodes.chunks_exact(width)
    }

    /// Each node with the numbers of its edges.
    fn edges_of_nodes(&self) -> impl Iterator<Item = (&'s [u64], Range<usize>)> {
        let field = self.edge_count_field;
        self.nodes().scan(0, move |end, node| {
            let start = *end;
            *end += node[field] as usize;
            Some((node, start..*end))
        })
    }

    fn name(&self, node: &[u64]) -> Option<&'s str> {
        let strings = &self.snapshot.strings;
        strings
            .get(node[self.name_field] as usize)
            .map(String::as_str)
    }

    /// The node that an edge leads to.
    fn target(&self, edge: usize) -> Option<&'s [u64]> {
        let Meta {
            node_fields,
            edge_fields,
            ..
        } = &self.snapshot.head.meta;
        let field = self
            .snapshot
            .edges
            .get(edge * edge_fields.len() + self.target_field)?;
        let start = *field as usize;
        let nodes = start
            .is_multiple_of(node_fields.len())
            .then_some(&self.snapshot.nodes)?;
        nodes.get(start..start + node_fields.len())
    }

    /// The edges of each object whose constructor has this name.
    fn instances(&self, class: &str) -> impl Iterator<Item = Range<usize>> {
        let is_instance = |node: &[u64]| {
            node[self.type_field] == self.object_type && self.name(node) == Some(class)
        };
        self.edges_of_nodes()
            .filter(move |(node, _)| is_instance(node))
            .map(|(_, edges)| edges)
    }

    /// The one string that the ledger refers to, if there is exactly one ledger.
    fn ledger(&self, class: &str) -> Option<&'s str> {
        let mut ledgers = self.instances(class);
        let (Some(mut edges), None) = (ledgers.next(), ledgers.next()) else {
            return None;
        };
        let string = edges.find_map(|edge| {
            self.target(edge)
                .filter(|node| node[self.type_field] == self.string_type)
        })?;
        self.name(string)
    }
}
