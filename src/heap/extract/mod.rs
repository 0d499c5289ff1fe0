//! The edges of a node with V8's types and names: V8HeapExplorer::ExtractReferences, then what it leaves to
//! IndexedReferencesExtractor. src/profiler/heap-snapshot-generator.cc. The same code counts edges, writes them and feeds the self-test.

mod array;
pub mod code;
mod context;
mod edge;
mod function;
mod js_object;
mod map;
mod names;
mod plan;

pub use self::edge::{AccessorPart, EdgeName, EdgeSink};
pub use self::names::EdgeNames;
use self::plan::{Part, Plans, Step};
use super::body::{tagged_slots, weak_slots};
use super::graph::Graph;
use super::layout::kind::Kind;
use super::memory::Address;
use super::names::NameId;
use super::object::Object;
use super::properties::JS_PROPERTIES;
use crate::snapshot::EdgeType;
use std::rc::Rc;

/// Extracts the edges of one graph's nodes for one sink.
pub struct Extractor<'g, 'm, S: EdgeSink> {
    graph: &'g Graph<'m>,
    names: Rc<EdgeNames>,
    plans: Plans<S>,
}

impl<'g, 'm, S: EdgeSink> Extractor<'g, 'm, S> {
    /// An extractor that has seen nothing.
    pub fn new(graph: &'g Graph<'m>, names: Rc<EdgeNames>) -> Extractor<'g, 'm, S> {
        Extractor {
            graph,
            names,
            plans: Plans::new(),
        }
    }

    /// Hands all edges of `object` to `sink`.
    #[inline]
    pub fn extract(&mut self, object: &Object<'m>, sink: &mut S) {
        let map = object.shape.map;
        if self.plans.get(map).is_none() {
            self.plans.make(self.graph, &self.names, object, sink);
        }
        let Some(plan) = self.plans.get(map) else {
            return;
        };
        let mut extraction = Extraction {
            graph: self.graph,
            names: &self.names,
            object,
            sink,
            visited: plan.leaves_references_of(object).then(Visited::default),
            property_array: None,
        };
        for step in &plan.steps {
            extraction.take(step);
        }
        if let Some(visited) = extraction.visited.take() {
            extraction.hidden(&visited);
        }
    }
}

/// Slots of the current object that an edge with a name covers. Only the first words of an object have names, but for
/// contexts, whose slots are counted in [`MAX_NAMED_SLOTS`].
#[derive(Default)]
struct Visited([u64; MAX_NAMED_SLOTS / 64]);

const MAX_NAMED_SLOTS: usize = 512;

impl Visited {
    fn add(&mut self, offset: u64) {
        let slot = (offset / 8) as usize;
        if let Some(word) = self.0.get_mut(slot / 64) {
            *word |= 1 << (slot % 64);
        }
    }

    fn contains(&self, offset: u64) -> bool {
        let slot = (offset / 8) as usize;
        self.0
            .get(slot / 64)
            .is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }
}

struct Extraction<'x, 'm, S> {
    graph: &'x Graph<'m>,
    names: &'x EdgeNames,
    object: &'x Object<'m>,
    sink: &'x mut S,
    /// Where the object may hold references in slots that have no edge with a name.
    visited: Option<Visited>,
    /// What the object keeps its other properties in, once looked for.
    property_array: Option<Option<Object<'m>>>,
}

impl<'m, S: EdgeSink> Extraction<'_, 'm, S> {
    #[inline(always)]
    fn take(&mut self, step: &Step<S>) {
        match step {
            Step::Property(offset, label) => {
                if let Some(target) = self.object.tagged(*offset).target() {
                    self.sink.labelled(label, target);
                    self.visit(*offset);
                }
            }
            Step::PropertyArray(offset, label) => {
                let array = self.property_array();
                if let Some(target) = array.and_then(|array| array.tagged(*offset).target()) {
                    self.sink.labelled(label, target);
                }
            }
            Step::Internal(offset, name, label) => {
                let value = self.object.tagged(*offset);
                if value.is_weak() {
                    self.weak(*name, *offset);
                } else if let Some(target) = self.essential_target(*offset) {
                    self.sink.labelled(label, target);
                    self.visit(*offset);
                }
            }
            Step::Weak(offset, label) => {
                if let Some(target) = self.essential_target(*offset) {
                    self.sink.labelled(label, target);
                    self.visit(*offset);
                }
            }
            Step::Edge(edge) => self.sink.prepared(edge),
            Step::Own(part) => self.part(*part),
        }
    }

    fn part(&mut self, part: Part) {
        match part {
            Part::Accessor(edge_type, slot) => {
                let array = self.property_array();
                self.accessor(edge_type, slot.read(self.object, || array));
            }
            Part::Array(first) => self.array(first),
            Part::BackingStore => self.backing_store(),
            Part::BoundArguments => self.bound_arguments(),
            Part::Code => self.code(),
            Part::Context => self.context(),
            Part::Dictionary => self.dictionary(),
            Part::Elements => self.elements(),
            Part::Ephemerons => self.ephemerons(),
            Part::Function => self.function(),
            Part::GlobalProxy => self.global_proxy(),
            Part::InstructionStream => self.instruction_stream(),
            Part::Map => self.map(),
        }
    }

    /// An edge with a name covers the slot.
    #[inline]
    fn visit(&mut self, offset: u64) {
        if let Some(visited) = &mut self.visited {
            visited.add(offset);
        }
    }

    fn property_array(&mut self) -> Option<Object<'m>> {
        *self.property_array.get_or_insert_with(|| {
            self.graph
                .object_in(self.object, JS_PROPERTIES, Kind::PropertyArray)
        })
    }

    #[inline]
    fn essential_target(&self, offset: u64) -> Option<Address> {
        let target = self.object.tagged(offset).target()?;
        self.is_essential(target).then_some(target)
    }

    fn is_essential(&self, target: Address) -> bool {
        self.graph.well_known.is_essential(target)
    }

    /// `SetInternalReference` with a name.
    fn internal(&mut self, name: NameId, offset: u64) {
        if let Some(target) = self.essential_target(offset) {
            self.sink
                .edge(EdgeType::Internal, EdgeName::Name(name), target);
            self.visit(offset);
        }
    }

    /// `SetWeakReference` with a name.
    fn weak(&mut self, name: NameId, offset: u64) {
        if let Some(target) = self.essential_target(offset) {
            self.sink.edge(EdgeType::Weak, EdgeName::Name(name), target);
            self.visit(offset);
        }
    }

    /// What no edge with a name covers. V8 counts the index up even where it then shows no edge.
    fn hidden(&mut self, visited: &Visited) {
        let slots = tagged_slots(self.graph.layout(), self.object);
        let left_out = match self.object.kind() {
            Kind::NativeContext
            | Kind::AllocationSite
            | Kind::JsFinalizationRegistry
            | Kind::CodeDataContainer => weak_slots(self.graph.layout(), self.object),
            _ => 0..0,
        };
        let mut index = u32::from(!self.is_essential(self.object.shape.map));
        for offset in (slots.start..slots.end).step_by(8) {
            let value = self.object.tagged(offset);
            let Some(target) = value.target() else {
                continue;
            };
            let is_essential = self.is_essential(target);
            if visited.contains(offset) || is_essential && !self.graph.pages.is_marked(target) {
                continue;
            }
            if is_essential && !left_out.contains(&offset) {
                if value.is_weak() {
                    self.sink
                        .edge(EdgeType::Weak, EdgeName::Decimal(index), target);
                } else {
                    self.sink
                        .edge(EdgeType::Hidden, EdgeName::Index(index), target);
                }
            }
            index += 1;
        }
    }
}
