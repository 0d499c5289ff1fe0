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
use self::names::EdgeNames;
use self::plan::Plans;
use super::body::{tagged_slots, weak_slots};
use super::graph::Graph;
use super::layout::kind::Kind;
use super::memory::Address;
use super::names::{NameId, Names};
use super::object::Object;
use crate::snapshot::EdgeType;

/// Extracts the edges of one graph's nodes; remembers what nodes have in common.
pub struct Extractor<'g, 'm> {
    graph: &'g Graph<'m>,
    names: EdgeNames,
    plans: Plans,
}

impl<'g, 'm> Extractor<'g, 'm> {
    /// An extractor that puts the names of edges into `names`.
    pub fn new(graph: &'g Graph<'m>, names: &mut Names) -> Extractor<'g, 'm> {
        Extractor {
            graph,
            names: EdgeNames::new(names, graph.layout()),
            plans: Plans::new(),
        }
    }

    /// Hands all edges of `object` to `sink`.
    #[inline]
    pub fn extract(&self, object: &Object<'m>, sink: &mut impl EdgeSink) {
        Extraction {
            graph: self.graph,
            names: &self.names,
            plans: &self.plans,
            object,
            sink,
            visited: Visited([0; MAX_NAMED_SLOTS / 64]),
        }
        .run();
    }
}

/// Slots of the current object that an edge with a name covers. Only the first words of an object have names, but for
/// contexts, whose slots are counted in [`MAX_NAMED_SLOTS`].
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
    plans: &'x Plans,
    sink: &'x mut S,
    visited: Visited,
}

impl<'m, S: EdgeSink> Extraction<'_, 'm, S> {
    fn run(&mut self) {
        let kind = self.object.kind();
        match kind {
            Kind::Map => self.map(),
            Kind::Context | Kind::NativeContext => self.context(),
            Kind::EphemeronHashTable => self.ephemerons(),
            Kind::WeakFixedArray => self.array(16),
            Kind::WeakArrayList => self.array(24),
            Kind::DescriptorArray => self.array(u64::from(self.graph.layout().descriptors.entries)),
            Kind::Code => self.code(),
            Kind::InstructionStream => self.instruction_stream(),
            Kind::FeedbackVector => {}
            Kind::JsGlobalProxy => self.global_proxy(),
            _ if kind.is_js_object() => self.js_object(),
            _ if self.object.shape.is_fixed_array => self.array(16),
            _ => {}
        }
        self.named_fields();
        self.internal(self.names.map, 0);
        self.hidden();
    }

    fn is_essential(&self, target: Address) -> bool {
        self.graph.well_known.is_essential(target)
    }

    /// `SetInternalReference` with a name.
    fn internal(&mut self, name: NameId, offset: u64) {
        if let Some(target) = self
            .object
            .tagged(offset)
            .target()
            .filter(|&target| self.is_essential(target))
        {
            self.sink
                .edge(EdgeType::Internal, EdgeName::Name(name), target);
            self.visited.add(offset);
        }
    }

    /// `SetWeakReference` with a name.
    fn weak(&mut self, name: NameId, offset: u64) {
        if let Some(target) = self
            .object
            .tagged(offset)
            .target()
            .filter(|&target| self.is_essential(target))
        {
            self.sink.edge(EdgeType::Weak, EdgeName::Name(name), target);
            self.visited.add(offset);
        }
    }

    fn named_fields(&mut self) {
        let Some(fields) = self.names.fields.get(self.object.kind() as usize) else {
            return;
        };
        for &(field, name) in fields {
            let offset = u64::from(field.offset);
            if field.weak || self.object.tagged(offset).is_weak() {
                self.weak(name, offset);
            } else {
                self.internal(name, offset);
            }
        }
    }

    /// What no edge with a name covers. V8 counts the index up even where it then shows no edge.
    fn hidden(&mut self) {
        if self.all_slots_have_edges() {
            return;
        }
        let slots = tagged_slots(self.graph.layout(), self.object);
        let left_out = match self.object.kind() {
            Kind::NativeContext
            | Kind::AllocationSite
            | Kind::JsFinalizationRegistry
            | Kind::CodeDataContainer => weak_slots(self.graph.layout(), self.object),
            _ => 0..0,
        };
        let mut index = if self.visited.contains(0) { 0 } else { 1 };
        for offset in (slots.start..slots.end).step_by(8) {
            let value = self.object.tagged(offset);
            let Some(target) = value.target() else {
                continue;
            };
            let is_essential = self.is_essential(target);
            if self.visited.contains(offset) || is_essential && !self.graph.pages.is_marked(target)
            {
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

    fn all_slots_have_edges(&self) -> bool {
        match self.object.kind() {
            Kind::EphemeronHashTable
            | Kind::WeakFixedArray
            | Kind::WeakArrayList
            | Kind::DescriptorArray => true,
            _ => self.object.shape.is_fixed_array,
        }
    }
}
