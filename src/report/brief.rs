//! The suspects alone: what is written and told right after a dump, when time and memory are short.

use super::analysis::{
    ObjectReport, SCHEMA_VERSION, Step, SuspectReport, biggest_dominators, suspects,
};
use super::heap::Heap;
use super::sentence::{bytes, percent};
use super::text::with_place;
use serde::Serialize;

/// So many of the last steps of a path are told in a line.
const STEPS: usize = 6;

/// The schema of `<name>.suspects.json`, which `docs/analysis.md` documents.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Brief {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The snapshot's name.
    pub file: String,
    /// Bytes of all nodes.
    pub bytes: u64,
    /// The number of nodes.
    pub nodes: u64,
    /// The largest first.
    pub suspects: Vec<SuspectReport>,
}

impl Brief {
    /// At most `top` suspects of a heap.
    pub fn of(heap: &Heap, file: &str, top: usize) -> Brief {
        Brief {
            schema_version: SCHEMA_VERSION,
            file: file.to_owned(),
            bytes: heap.total() + heap.graph.extra_native_bytes(),
            nodes: heap.graph.node_count() as u64,
            suspects: suspects(heap, top),
        }
    }
}

/// The first suspect in two lines: the sentence, and the end of its path.
pub fn lines(brief: &Brief) -> Vec<String> {
    match brief.suspects.first() {
        Some(first) => vec![first.sentence.clone(), kept_by(&first.path)],
        None => vec!["none, for nothing retains a tenth of the heap".to_owned()],
    }
}

fn kept_by(path: &[Step]) -> String {
    let last = &path[path.len().saturating_sub(STEPS)..];
    let steps = last.iter().map(|step| {
        let node = with_place(&step.node.name, step.node.place.as_ref());
        format!(" → {} {node}", step.edge)
    });
    let steps: String = steps.collect();
    format!(
        "it is kept by: {}{steps}",
        if last.len() < path.len() {
            "…"
        } else {
            "root"
        }
    )
}

/// What retains most, as long as no more is known.
pub fn largest(heap: &Heap) -> String {
    match biggest_dominators(heap, 1).first() {
        Some(ObjectReport {
            id,
            name,
            place,
            retained,
            ..
        }) => format!(
            "what retains most is {} @{id}: {} ({})",
            with_place(name, place.as_ref()),
            bytes(*retained),
            percent(*retained, heap.total())
        ),
        None => "no object of the program retains anything".to_owned(),
    }
}
