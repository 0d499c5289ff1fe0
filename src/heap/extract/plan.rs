//! How the edges of all objects of a map are found, worked out once: step by step, in V8's order. A bounded number of steps is
//! remembered.

use super::names::EdgeNames;
use super::{AccessorPart, EdgeName, EdgeSink};
use crate::heap::body::tagged_slots;
use crate::heap::graph::Graph;
use crate::heap::layout::Layout;
use crate::heap::layout::kind::Kind;
use crate::heap::map_cache::MapCache;
use crate::heap::memory::Address;
use crate::heap::names::NameId;
use crate::heap::object::Object;
use crate::heap::properties::{JS_ELEMENTS, JS_PROPERTIES, Place, PropertySlot};
use crate::heap::shape::FieldPlace;
use crate::heap::tagged::Tagged;
use crate::snapshot::EdgeType;

const ACCESSOR_GETTER: u64 = 8;
const ACCESSOR_SETTER: u64 = 16;

/// One step of finding edges.
pub enum Step<S: EdgeSink> {
    /// `SetPropertyReference` for a property in the object, at that offset.
    Property(u64, S::Label),
    /// The same for one in the property array.
    PropertyArray(u64, S::Label),
    /// `SetInternalReference` for the slot at that offset; a value held weakly makes another edge.
    Internal(u64, NameId, S::Label),
    /// `SetWeakReference` for the slot at that offset.
    Weak(u64, S::Label),
    /// An edge that all objects of the map have.
    Edge(S::Edge),
    /// What differs from one object of the map to the other.
    Own(Part),
}

/// A part of an object that is read anew each time.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// All elements of an array, from that offset on, by number.
    Array(u64),
    Accessor(EdgeType, PropertySlot),
    BackingStore,
    BoundArguments,
    Code,
    Context,
    Dictionary,
    Elements,
    Ephemerons,
    Function,
    GlobalProxy,
    InstructionStream,
    Map,
}

/// What the slots that no step gives an edge to may hold.
enum Rest {
    /// Nothing that would be an edge.
    Nothing,
    /// Perhaps references, at these offsets.
    At(Box<[u64]>),
    /// Perhaps references, anywhere.
    Anywhere,
}

/// How the edges of the objects of one map are found.
pub struct Plan<S: EdgeSink> {
    /// In V8's order.
    pub steps: Box<[Step<S>]>,
    rest: Rest,
}

/// The number of steps remembered, of all plans together.
const REMEMBERED_STEPS: usize = 1 << 14;

/// Plans of maps seen lately.
pub struct Plans<S: EdgeSink> {
    plans: MapCache<Plan<S>>,
    steps: usize,
}

impl<S: EdgeSink> Plans<S> {
    /// No plans.
    pub fn new() -> Plans<S> {
        Plans {
            plans: MapCache::new(),
            steps: 0,
        }
    }

    /// The plan for the objects of the map, if it is remembered.
    #[inline]
    pub fn get(&self, map: Address) -> Option<&Plan<S>> {
        self.plans.get(map)
    }

    /// Makes the plan for the objects of the map of `object`.
    #[cold]
    pub fn make(&mut self, graph: &Graph, names: &EdgeNames, object: &Object, sink: &mut S) {
        let mut planner = Planner {
            graph,
            names,
            sink,
            steps: Vec::new(),
        };
        planner.plan(object);
        let steps = planner.steps;
        if self.steps + steps.len() > REMEMBERED_STEPS {
            self.plans.clear();
            self.steps = 0;
        }
        self.steps += steps.len();
        let plan = Plan {
            rest: Rest::of(graph.layout(), object, &steps),
            steps: steps.into(),
        };
        let replaced = self.plans.insert(object.shape.map, plan);
        self.steps -= replaced.map_or(0, |(_, plan)| plan.steps.len());
    }
}

impl<S: EdgeSink> Plan<S> {
    /// Whether `object` may hold a reference in a slot that no step covers.
    #[inline]
    pub fn leaves_references_of(&self, object: &Object) -> bool {
        match &self.rest {
            Rest::Nothing => false,
            Rest::Anywhere => true,
            Rest::At(offsets) => offsets
                .iter()
                .any(|&offset| object.tagged(offset).target().is_some()),
        }
    }
}

impl Rest {
    fn of<S: EdgeSink>(layout: &Layout, object: &Object, steps: &[Step<S>]) -> Rest {
        let slots = tagged_slots(layout, object);
        if slots == (0..0) || all_slots_have_edges(object) {
            return Rest::Nothing;
        }
        if object.shape.instance_size_in_words() == 0 {
            return Rest::Anywhere;
        }
        let covered = |offset: &u64| {
            steps.iter().any(|step| match step {
                Step::Property(slot, _) | Step::Internal(slot, _, _) | Step::Weak(slot, _) => {
                    slot == offset
                }
                _ => false,
            })
        };
        let slots = (slots.start..slots.end).step_by(8);
        Rest::At(slots.filter(|offset| !covered(offset)).collect())
    }
}

fn all_slots_have_edges(object: &Object) -> bool {
    match object.kind() {
        Kind::EphemeronHashTable
        | Kind::WeakFixedArray
        | Kind::WeakArrayList
        | Kind::DescriptorArray => true,
        _ => object.shape.is_fixed_array(),
    }
}

/// Makes a plan.
struct Planner<'x, 'm, S: EdgeSink> {
    graph: &'x Graph<'m>,
    names: &'x EdgeNames,
    sink: &'x mut S,
    steps: Vec<Step<S>>,
}

impl<'m, S: EdgeSink> Planner<'_, 'm, S> {
    fn plan(&mut self, object: &Object) {
        let kind = object.kind();
        match kind {
            Kind::Map => self.own(Part::Map),
            Kind::Context | Kind::NativeContext => self.own(Part::Context),
            Kind::EphemeronHashTable => self.own(Part::Ephemerons),
            Kind::WeakFixedArray => self.own(Part::Array(16)),
            Kind::WeakArrayList => self.own(Part::Array(24)),
            Kind::DescriptorArray => {
                self.own(Part::Array(self.graph.layout().descriptors.entries.into()));
            }
            Kind::Code => self.own(Part::Code),
            Kind::InstructionStream => self.own(Part::InstructionStream),
            Kind::FeedbackVector => {}
            Kind::JsGlobalProxy => self.own(Part::GlobalProxy),
            _ if kind.is_js_object() => self.js_object(object),
            _ if object.shape.is_fixed_array() => self.own(Part::Array(16)),
            _ => {}
        }
        self.named_fields(kind);
        let map = object.shape.map;
        if self.graph.well_known.is_essential(map) {
            self.edge(EdgeType::Internal, EdgeName::Name(self.names.map), map);
        }
    }

    /// `ExtractJSObjectReferences`.
    fn js_object(&mut self, object: &Object) {
        if object.shape.is_dictionary_map() {
            self.own(Part::Dictionary);
        }
        for slot in self.graph.property_slots(&object.shape) {
            self.property(slot);
        }
        self.own(Part::Elements);
        self.prototype(object.shape.map);
        match object.kind() {
            Kind::JsFunction => self.own(Part::Function),
            Kind::JsBoundFunction => self.own(Part::BoundArguments),
            Kind::JsArrayBuffer => self.own(Part::BackingStore),
            _ => {}
        }
        self.internal(self.names.properties, JS_PROPERTIES);
        self.internal(self.names.elements, JS_ELEMENTS);
    }

    fn property(&mut self, slot: PropertySlot) {
        let edge_type = property_edge_type(self.graph, slot.key);
        let name = EdgeName::Key(slot.key);
        match slot.place {
            _ if slot.is_number => {}
            Place::Constant(value) if slot.is_accessor => {
                for (name, target) in accessor_edges(self.graph, slot.key, value) {
                    self.edge(edge_type, name, target);
                }
            }
            _ if slot.is_accessor => self.own(Part::Accessor(edge_type, slot)),
            Place::Constant(value) => {
                if let Some(target) = value.target() {
                    self.edge(edge_type, name, target);
                }
            }
            Place::Field(FieldPlace::InObject(offset)) => {
                let label = self.sink.label(edge_type, name);
                self.steps.push(Step::Property(offset, label));
            }
            Place::Field(FieldPlace::PropertyArray(offset)) => {
                let label = self.sink.label(edge_type, name);
                self.steps.push(Step::PropertyArray(offset, label));
            }
        }
    }

    fn prototype(&mut self, map: Address) {
        let prototype = self
            .graph
            .object(map)
            .map(|map| map.tagged(u64::from(self.graph.layout().map.prototype)));
        if let Some(target) = prototype.and_then(Tagged::target) {
            let name = EdgeName::Key(self.graph.well_known.proto_string);
            self.edge(EdgeType::Property, name, target);
        }
    }

    fn named_fields(&mut self, kind: Kind) {
        for &(field, name) in self.names.fields.get(kind as usize).into_iter().flatten() {
            if field.weak {
                let label = self.sink.label(EdgeType::Weak, EdgeName::Name(name));
                self.steps.push(Step::Weak(field.offset.into(), label));
            } else {
                self.internal(name, field.offset);
            }
        }
    }

    fn internal(&mut self, name: NameId, offset: u16) {
        let label = self.sink.label(EdgeType::Internal, EdgeName::Name(name));
        self.steps.push(Step::Internal(offset.into(), name, label));
    }

    fn edge(&mut self, edge_type: EdgeType, name: EdgeName, target: Address) {
        let edge = self.sink.prepare(edge_type, name, target);
        self.steps.push(Step::Edge(edge));
    }

    fn own(&mut self, part: Part) {
        self.steps.push(Step::Own(part));
    }
}

/// The edges of an accessor property: to the pair, the getter and the setter. `ExtractAccessorPairProperty`.
pub fn accessor_edges(
    graph: &Graph,
    key: Address,
    value: Tagged,
) -> impl Iterator<Item = (EdgeName, Address)> {
    let pair = graph
        .target(value)
        .filter(|pair| pair.kind() == Kind::AccessorPair);
    let part = move |part, offset| {
        let function = graph.target(pair?.tagged(offset))?;
        (function.kind() != Kind::Oddball)
            .then_some((EdgeName::Accessor(part, key), function.address))
    };
    [
        pair.map(|pair| (EdgeName::Key(key), pair.address)),
        part(AccessorPart::Getter, ACCESSOR_GETTER),
        part(AccessorPart::Setter, ACCESSOR_SETTER),
    ]
    .into_iter()
    .flatten()
}

/// A property named by the empty string is shown as internal.
pub fn property_edge_type(graph: &Graph, key: Address) -> EdgeType {
    let name = graph.object(key);
    let is_empty = name.is_none_or(|name| name.kind().is_string() && name.string_length() == 0);
    if is_empty {
        EdgeType::Internal
    } else {
        EdgeType::Property
    }
}
