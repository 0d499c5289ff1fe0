//! Reads a `.heapsnapshot` with the crate `v8-heap-parser` and prints what it found as one line of JSON.
//!
//! The tests hold this against what DevTools' engine reads in the same file. It must not know how a snapshot is made:
//! nothing of this package is used here.
//!
//! Usage: `read_snapshot <file> <class> <ledger class>`. `ledger` is the string that the only instance of the ledger
//! class holds, in which the leaking program notes how many instances of `class` it has made.

use std::error::Error;

use serde_json::{Value, json};
use v8_heap_parser::{Graph, NodeType, decode_slice};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, class, ledger_class] = &arguments[..] else {
        return Err("usage: read_snapshot <file> <class> <ledger class>".into());
    };

    let bytes = std::fs::read(file).map_err(|error| format!("cannot read {file}: {error}"))?;
    let graph = decode_slice(&bytes)
        .map_err(|error| format!("{file} is not a complete heap snapshot: {error}"))?;

    println!("{}", summary(&graph, class, ledger_class));
    Ok(())
}

fn summary(graph: &Graph, class: &str, ledger_class: &str) -> Value {
    let nodes = graph.nodes();
    json!({
        "nodes": nodes.len(),
        "edges": nodes.iter().map(|node| node.weight.edge_count).sum::<usize>(),
        "selfSize": nodes.iter().map(|node| node.weight.self_size).sum::<u64>(),
        "instances": instances(graph, class).count(),
        "ledger": ledger(graph, ledger_class),
    })
}

/// The indexes of the objects whose constructor has this name.
fn instances<'a>(graph: &'a Graph, class: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_instance = move |index: &usize| {
        let node = &graph.nodes()[*index].weight;
        node.typ == NodeType::Object && node.name() == class
    };
    (0..graph.nodes().len()).filter(is_instance)
}

/// The one string that the ledger refers to, if there is exactly one ledger.
fn ledger<'a>(graph: &'a Graph, class: &str) -> Option<&'a str> {
    let mut ledgers = instances(graph, class);
    let ledger = ledgers.next()?;
    if ledgers.next().is_some() {
        return None;
    }
    let children = graph.children(ledger);
    let mut nodes = children.iter().filter_map(|&index| graph.get_node(index));
    nodes
        .find(|node| node.typ == NodeType::String)
        .map(|node| node.name())
}
