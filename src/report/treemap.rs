//! The upper part of the dominator tree, as a treemap shows it: what people know, the largest first.

use super::classes::{ClassIndex, Classes};
use super::heap::Heap;
use super::naming::node_text;
use super::sentence;
use crate::snapshot::NodeType;
use crate::snapshot::reader::{Graph, NodeIndex};
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::collections::BinaryHeap;

/// A browser draws a few thousand boxes at once; more say no more.
const MOST_BOXES: usize = 4_000;
const MOST_CHILDREN: usize = 200;
/// What retains less than one in so many bytes of the heap is shown with others of its class.
const SMALLEST_BOX: u64 = 10_000;
/// Of a list, the first links tell enough.
const DEEPEST: usize = 40;

/// One box; children come behind their parents.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TreemapBox {
    /// The index of the box around it; none for the whole.
    pub parent: Option<usize>,
    /// The object's id; none for many small objects of one class.
    pub id: Option<u32>,
    /// Its class or text, or the class and the number of small objects.
    pub name: String,
    /// Where its function or constructor stands.
    pub place: Option<String>,
    /// What it is, for its colour.
    pub kind: &'static str,
    /// Bytes of its own.
    pub shallow: u64,
    /// Bytes that would be free without it.
    pub retained: u64,
}

/// The boxes of a heap.
pub fn boxes(heap: &Heap, classes: &Classes) -> Vec<TreemapBox> {
    let mut boxes = Vec::new();
    let mut waiting = BinaryHeap::from([Waiting {
        retained: heap.total(),
        content: Content::Object(Graph::ROOT),
        parent: None,
        depth: 0,
    }]);
    while let Some(next) = waiting.pop() {
        let index = boxes.len();
        boxes.push(next.to_box(heap, classes));
        if boxes.len() == MOST_BOXES {
            break;
        }
        if let Content::Object(node) = next.content
            && next.depth < DEEPEST
        {
            let mut children = children(heap, classes, node);
            children.sort_unstable_by(|one, other| other.cmp(one));
            let largest = children.into_iter().take(MOST_CHILDREN);
            waiting.extend(largest.map(|(retained, content)| Waiting {
                retained,
                content,
                parent: Some(index),
                depth: next.depth + 1,
            }));
        }
    }
    boxes
}

/// What is in a box.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Content {
    Object(NodeIndex),
    /// Small objects of one class, of which this is one.
    Several {
        count: u64,
        shallow: u64,
        example: NodeIndex,
    },
}

/// A box that is not made yet; the largest comes next.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    retained: u64,
    content: Content,
    parent: Option<usize>,
    depth: usize,
}

impl Waiting {
    fn to_box(&self, heap: &Heap, classes: &Classes) -> TreemapBox {
        let (id, name, node, shallow) = match self.content {
            Content::Object(node) => {
                let id = heap.graph.id(node);
                (Some(id), name(heap, node), node, heap.shallow(node))
            }
            Content::Several {
                count,
                shallow,
                example,
            } => {
                let class = &classes.get(classes.of_node(example)).name;
                let name = format!("{} × {class}", sentence::count(count));
                (None, name, example, shallow)
            }
        };
        TreemapBox {
            parent: self.parent,
            id,
            name,
            place: heap
                .places
                .of_node(&heap.graph, node)
                .map(|place| place.to_string()),
            kind: kind(heap, node),
            shallow,
            retained: self.retained,
        }
    }
}

/// What a node dominates, with what that retains; V8's own nodes, roots and global objects are replaced by what they
/// dominate, and small ones of one class are taken together.
fn children(heap: &Heap, classes: &Classes, node: NodeIndex) -> Vec<(u64, Content)> {
    let least = (heap.total() / SMALLEST_BOX).max(1);
    let is_shown = |node: NodeIndex| {
        let is_known = heap.is_visible(node) && !heap.is_global(node);
        is_known || heap.is_context(node) || heap.tree.children(node).is_empty()
    };
    let mut shown = Vec::new();
    let mut small: FxHashMap<ClassIndex, (u64, u64, u64, NodeIndex)> = FxHashMap::default();
    let mut to_visit = vec![node];
    while let Some(node) = to_visit.pop() {
        for &child in heap.tree.children(node) {
            let retained = heap.retained(child);
            if retained < least {
                let class = classes.of_node(child);
                let (sum, count, shallow, _) = small.entry(class).or_insert((0, 0, 0, child));
                *sum += retained;
                *count += 1;
                *shallow += heap.shallow(child);
            } else if is_shown(child) {
                shown.push((retained, Content::Object(child)));
            } else {
                to_visit.push(child);
            }
        }
    }
    let small = small.into_values().filter(|&(sum, ..)| sum >= least);
    shown.extend(small.map(|(sum, count, shallow, example)| {
        let content = Content::Several {
            count,
            shallow,
            example,
        };
        (sum, content)
    }));
    shown
}

fn name(heap: &Heap, node: NodeIndex) -> String {
    if node == Graph::ROOT {
        "the whole heap".to_owned()
    } else if heap.is_context(node) {
        "variables of a function".to_owned()
    } else {
        node_text(&heap.graph, node)
    }
}

fn kind(heap: &Heap, node: NodeIndex) -> &'static str {
    use NodeType::*;
    match heap.graph.node_type(node) {
        Some(String | ConcatenatedString | SlicedString) => "string",
        Some(Closure | Code | RegExp) => "code",
        Some(Array) => "array",
        Some(Native) => "external",
        Some(Object) if heap.is_visible(node) => match heap.graph.node_name(node).as_ref() {
            "Array" | "Map" | "Set" | "WeakMap" | "WeakSet" => "array",
            _ => "object",
        },
        _ => "system",
    }
}
