//! One object: what it refers to, what refers to it, and the path that keeps it.

use super::analysis::{ObjectReport, Step, object_report, path_report};
use super::heap::Heap;
use super::naming::{edge_text, expression};
use super::sentence::{bytes, count};
use super::text::{with_place, write_path, written};
use crate::snapshot::EdgeType;
use crate::snapshot::reader::{EdgeIndex, NodeIndex};
use serde::Serialize;
use std::cmp::Reverse;
use std::fmt::Write;

/// An object and what surrounds it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// The object.
    pub object: ObjectReport,
    /// What the program calls it.
    pub name: Option<String>,
    /// The id of its immediate dominator.
    pub dominator: u32,
    /// The shortest path from the root; empty if only weak references lead to it.
    pub path: Vec<Step>,
    /// What it refers to, the most retaining first.
    pub contents: Vec<Reference>,
    /// The number of all that it refers to.
    pub content_count: u64,
    /// What refers to it.
    pub retainers: Vec<Reference>,
    /// The number of all that refer to it.
    pub retainer_count: u64,
}

/// A reference from or to an object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// The name of the edge, as people read it.
    pub edge: String,
    /// The other end.
    pub node: ObjectReport,
    /// Whether it keeps what it leads to alive, as DevTools counts.
    pub is_retaining: bool,
}

/// Inspects an object; lists have at most `top` entries.
pub fn inspect(heap: &Heap, node: NodeIndex, top: usize) -> Inspection {
    let graph = &heap.graph;
    let path = heap.paths.to(graph, node);
    let mut contents: Vec<EdgeIndex> = graph.edges(node).collect();
    contents.sort_by_key(|&edge| {
        (
            graph.edge_type(edge) == EdgeType::Weak,
            Reverse(heap.retained(graph.target(edge))),
        )
    });
    let all_edges = 0..graph.edge_count() as EdgeIndex;
    let mut retainers: Vec<EdgeIndex> = all_edges
        .filter(|&edge| graph.target(edge) == node)
        .collect();
    retainers.sort_by_key(|&edge| !heap.retaining.contains(edge));
    let reference = |edge: EdgeIndex, other: NodeIndex| Reference {
        edge: edge_text(graph, edge),
        node: object_report(heap, other),
        is_retaining: heap.retaining.contains(edge),
    };
    Inspection {
        object: object_report(heap, node),
        name: expression(heap, &path).map(|expression| expression.text),
        dominator: graph.id(heap.dominators.dominator(node)),
        content_count: contents.len() as u64,
        contents: contents
            .iter()
            .take(top)
            .map(|&edge| reference(edge, graph.target(edge)))
            .collect(),
        retainer_count: retainers.len() as u64,
        retainers: retainers
            .iter()
            .take(top)
            .map(|&edge| reference(edge, graph.source(edge)))
            .collect(),
        path: path_report(heap, &path),
    }
}

/// The path alone, as lines.
pub fn path_text(inspection: &Inspection) -> String {
    written(|text| {
        write_head(text, inspection)?;
        write_path(text, &inspection.path)?;
        match inspection.path.is_empty() {
            true => writeln!(text, "Nothing but weak references leads to it."),
            false => Ok(()),
        }
    })
}

/// All of it, as lines.
pub fn text(inspection: &Inspection) -> String {
    written(|text| write_inspection(text, inspection))
}

fn write_head(text: &mut String, inspection: &Inspection) -> std::fmt::Result {
    let object = &inspection.object;
    writeln!(
        text,
        "{} @{}: {} of its own, retains {}",
        with_place(&object.name, object.place.as_ref()),
        object.id,
        bytes(object.shallow),
        bytes(object.retained)
    )?;
    match &inspection.name {
        Some(name) => writeln!(text, "the program calls it {name}"),
        None => Ok(()),
    }
}

fn write_inspection(text: &mut String, inspection: &Inspection) -> std::fmt::Result {
    write_head(text, inspection)?;
    for (title, references, all) in [
        ("refers to", &inspection.contents, inspection.content_count),
        (
            "is referred to by",
            &inspection.retainers,
            inspection.retainer_count,
        ),
    ] {
        writeln!(text, "\n{title} {}", count(all))?;
        for reference in references {
            writeln!(
                text,
                "  {:<28} {} @{} retains {}{}",
                reference.edge,
                with_place(&reference.node.name, reference.node.place.as_ref()),
                reference.node.id,
                bytes(reference.node.retained),
                if reference.is_retaining {
                    ""
                } else {
                    " (does not keep it)"
                }
            )?;
        }
        if (references.len() as u64) < all {
            writeln!(
                text,
                "  … and {} more; --top tells how many",
                count(all - references.len() as u64)
            )?;
        }
    }
    writeln!(text, "\npath from the root")?;
    write_path(text, &inspection.path)
}
