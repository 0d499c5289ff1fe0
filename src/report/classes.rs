//! What nodes are instances of. As in DevTools a class is a constructor at its place, functions are told apart by theirs,
//! and plain objects by their properties when many have the same.

use super::heap::Heap;
use super::naming::node_text;
use super::places::Place;
use super::texts::Texts;
use crate::snapshot::reader::{EdgeName, Graph, Location, NodeIndex};
use crate::snapshot::{EdgeType, NodeType};
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

/// The index of a class.
pub type ClassIndex = u32;

/// Objects with more properties are dictionaries, whose keys say nothing about what they are.
const MOST_PROPERTIES: usize = 24;
/// The properties of a plain object are a class of its own if one in so many plain objects has them.
const SHARE_OF_PLAIN_OBJECTS: u32 = 1000;
const LONGEST_NAME: usize = 60;

/// All classes of a heap.
pub struct Classes {
    of_nodes: Vec<ClassIndex>,
    classes: Vec<Class>,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// What people call it.
    pub name: String,
    /// Where its constructor, or the function, stands.
    pub place: Option<Place>,
    /// What its instances are; `None` if this package does not know the type.
    pub node_type: Option<NodeType>,
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    Type(Option<u8>),
    Named(Option<u8>, u32, Option<Location>),
    Shape(u64),
}

impl Classes {
    /// Sorts all nodes into classes.
    pub fn of(heap: &Heap) -> Classes {
        let (graph, places, texts) = (&heap.graph, &heap.places, &heap.texts);
        let shapes = Shapes::of(graph, texts);
        let mut indexes: FxHashMap<Key, ClassIndex> = FxHashMap::default();
        let mut classes = Vec::new();
        let mut located = graph.located_nodes().peekable();
        let of_nodes = graph
            .nodes()
            .map(|node| {
                while located.next_if(|&(other, _)| other < node).is_some() {}
                let location = located.peek().filter(|&&(other, _)| other == node);
                let location = location.map(|&(_, location)| location);
                let node_type = graph.node_type(node);
                let type_number = node_type.map(|node_type| node_type as u8);
                let key = match node_type {
                    Some(NodeType::Object | NodeType::Closure | NodeType::Native) => {
                        match shapes.common_shape(graph, node) {
                            Some(shape) => Key::Shape(shape),
                            None => Key::Named(
                                type_number,
                                texts.first(graph.node_name_index(node)),
                                location,
                            ),
                        }
                    }
                    _ => Key::Type(type_number),
                };
                *indexes.entry(key).or_insert_with_key(|key| {
                    classes.push(Class {
                        name: name_of(graph, node, key),
                        place: location.map(|location| places.place(location)),
                        node_type,
                    });
                    classes.len() as ClassIndex - 1
                })
            })
            .collect();
        Classes { of_nodes, classes }
    }

    /// The class of a node.
    #[inline]
    pub fn of_node(&self, node: NodeIndex) -> ClassIndex {
        self.of_nodes[node as usize]
    }

    /// A class.
    pub fn get(&self, class: ClassIndex) -> &Class {
        &self.classes[class as usize]
    }

    /// The number of classes.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// For each class the number of its instances and the sum of their shallow sizes.
    pub fn count(&self, heap: &Heap) -> Vec<(u64, u64)> {
        let mut counts = vec![(0, 0); self.classes.len()];
        for node in heap.graph.nodes() {
            let (count, shallow) = &mut counts[self.of_node(node) as usize];
            *count += 1;
            *shallow += heap.shallow(node);
        }
        counts
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name)?;
        match &self.place {
            Some(place) => write!(formatter, " ({place})"),
            None => Ok(()),
        }
    }
}

fn name_of(graph: &Graph, node: NodeIndex, key: &Key) -> String {
    match key {
        Key::Shape(_) => return shape_name(graph, node),
        Key::Named(..) if graph.is(node, NodeType::Closure) => {
            return node_text(graph, node);
        }
        Key::Named(..) => return graph.node_name(node).into_owned(),
        Key::Type(_) => {}
    }
    let name = match graph.node_type(node) {
        Some(NodeType::Hidden) => "(system)",
        Some(NodeType::Array) => "(array)",
        Some(NodeType::String) => "(string)",
        Some(NodeType::Code) => "(compiled code)",
        Some(NodeType::RegExp) => "RegExp",
        Some(NodeType::Number) => "(number)",
        Some(NodeType::Synthetic) => "(roots)",
        Some(NodeType::ConcatenatedString) => "(concatenated string)",
        Some(NodeType::SlicedString) => "(sliced string)",
        Some(NodeType::Symbol) => "(symbol)",
        Some(NodeType::BigInt) => "(bigint)",
        Some(NodeType::ObjectShape) => "(object shape)",
        _ => "(other)",
    };
    name.to_owned()
}

/// The properties of plain objects.
struct Shapes<'t> {
    texts: &'t Texts,
    object_name: Option<u32>,
    proto_name: Option<u32>,
    common: FxHashMap<u64, u32>,
}

impl Shapes<'_> {
    fn of<'t>(graph: &Graph, texts: &'t Texts) -> Shapes<'t> {
        let strings = graph.strings();
        let mut shapes = Shapes {
            texts,
            object_name: texts.find(strings, "Object"),
            proto_name: texts.find(strings, "__proto__"),
            common: FxHashMap::default(),
        };
        let mut counts: FxHashMap<u64, u32> = FxHashMap::default();
        let mut plain_objects = 0;
        for node in graph.nodes() {
            if let Some(shape) = shapes.shape(graph, node) {
                *counts.entry(shape).or_default() += 1;
                plain_objects += 1;
            }
        }
        let least = (plain_objects / SHARE_OF_PLAIN_OBJECTS).max(10);
        counts.retain(|_, count| *count >= least);
        shapes.common = counts;
        shapes
    }

    fn common_shape(&self, graph: &Graph, node: NodeIndex) -> Option<u64> {
        self.shape(graph, node)
            .filter(|shape| self.common.contains_key(shape))
    }

    /// A number for the properties of a plain object, in their order.
    fn shape(&self, graph: &Graph, node: NodeIndex) -> Option<u64> {
        let is_plain = graph.is(node, NodeType::Object)
            && Some(self.texts.first(graph.node_name_index(node))) == self.object_name;
        if !is_plain {
            return None;
        }
        let mut hasher = FxHasher::default();
        let mut count = 0;
        for edge in graph.edges(node) {
            if graph.edge_type(edge) != EdgeType::Property {
                continue;
            }
            let name = self.texts.first(graph.edge_name_or_index(edge));
            if Some(name) != self.proto_name {
                name.hash(&mut hasher);
                count += 1;
            }
        }
        (1..=MOST_PROPERTIES)
            .contains(&count)
            .then(|| hasher.finish())
    }
}

fn shape_name(graph: &Graph, node: NodeIndex) -> String {
    let mut name = "{".to_owned();
    for edge in graph.edges(node) {
        let EdgeName::Text(property) = graph.edge_name(edge) else {
            continue;
        };
        if graph.edge_type(edge) != EdgeType::Property || property == "__proto__" {
            continue;
        }
        if name.len() > 1 {
            name.push_str(", ");
            if name.len() + property.len() > LONGEST_NAME {
                name.push('…');
                break;
            }
        }
        name.push_str(&property);
    }
    name.push('}');
    name
}
