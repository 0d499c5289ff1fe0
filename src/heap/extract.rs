//! The edges of a node with V8's types and names: V8HeapExplorer::ExtractReferences, then what it leaves to
//! IndexedReferencesExtractor. src/profiler/heap-snapshot-generator.cc. The same code counts edges, writes them and feeds the self-test.

use super::body::{HashTable, tagged_slots, weak_slots};
use super::graph::Graph;
use super::layout::kind::Kind;
use super::layout::{FUNCTION_VARIABLE_IN_CONTEXT, Field, bits};
use super::memory::Address;
use super::names::{NameId, Names};
use super::object::Object;
use super::plan::MapPlan;
use super::tagged::Tagged;
use crate::snapshot::EdgeType;

/// The name or index of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeName {
    /// An index, for element and hidden edges.
    Index(u32),
    /// A number as text.
    Decimal(u32),
    /// A text that V8 makes up.
    Name(NameId),
    /// The text of the string, or what the symbol is called, at this address.
    Key(Address),
    /// "get " or "set " before the text of the string at this address.
    Accessor(AccessorPart, Address),
    /// "bound_argument_" and a number.
    BoundArgument(u32),
}

/// Half of an accessor pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessorPart {
    /// The getter.
    Getter,
    /// The setter.
    Setter,
}

/// Takes edges. An edge to something that is no node is for the sink to leave out.
pub trait EdgeSink {
    /// An edge from the current node to the object at `target`.
    fn edge(&mut self, edge_type: EdgeType, name: EdgeName, target: Address);

    /// An edge to memory outside of the heap.
    fn native_edge(&mut self, name: EdgeName, memory: Address);
}

/// The names that extraction needs at hand.
pub struct EdgeNames {
    map: NameId,
    properties: NameId,
    elements: NameId,
    scope_info: NameId,
    previous: NameId,
    extension: NameId,
    native_context_slots: Vec<NameId>,
    transition: NameId,
    transitions: NameId,
    prototype_info: NameId,
    descriptors: NameId,
    prototype: NameId,
    native_context: NameId,
    back_pointer: NameId,
    constructor_function_data: NameId,
    constructor: NameId,
    dependent_code: NameId,
    initial_map: NameId,
    code: NameId,
    backing_store: NameId,
    global_object: NameId,
    interpreter_data: NameId,
    bytecode_offset_table: NameId,
    deoptimization_data: NameId,
    source_position_table: NameId,
    /// For each kind its named fields.
    fields: Vec<Vec<(Field, NameId)>>,
}

impl EdgeNames {
    /// The names of the edges of this version.
    pub fn new(names: &mut Names, layout: &super::layout::Layout) -> EdgeNames {
        let mut fields = vec![Vec::new(); Kind::COUNT];
        for field in layout.fields {
            fields[field.kind as usize].push((*field, names.intern(field.name)));
        }
        EdgeNames {
            map: names.intern("map"),
            properties: names.intern("properties"),
            elements: names.intern("elements"),
            scope_info: names.intern("scope_info"),
            previous: names.intern("previous"),
            extension: names.intern("extension"),
            native_context_slots: layout
                .native_context_slots
                .lines()
                .map(|name| names.intern(name))
                .collect(),
            transition: names.intern("transition"),
            transitions: names.intern("transitions"),
            prototype_info: names.intern("prototype_info"),
            descriptors: names.intern("descriptors"),
            prototype: names.intern("prototype"),
            native_context: names.intern("native_context"),
            back_pointer: names.intern("back_pointer"),
            constructor_function_data: names.intern("constructor_function_data"),
            constructor: names.intern("constructor"),
            dependent_code: names.intern("dependent_code"),
            initial_map: names.intern("initial_map"),
            code: names.intern("code"),
            backing_store: names.intern("backing_store"),
            global_object: names.intern("global_object"),
            interpreter_data: names.intern("interpreter_data"),
            bytecode_offset_table: names.intern("bytecode_offset_table"),
            deoptimization_data: names.intern("deoptimization_data"),
            source_position_table: names.intern("source_position_table"),
            fields,
        }
    }
}

/// An own property.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// The string or symbol that names it.
    pub key: Address,
    /// Its value, or its accessor pair.
    pub value: Tagged,
    /// Whether it is an accessor.
    pub is_accessor: bool,
    /// Where it is in the object itself.
    pub offset: Option<u64>,
    /// Whether the value is kept as a number, which V8 shows no edge for.
    pub is_number: bool,
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

/// `PropertyCell`: name, details, value. src/objects/property-cell.tq.
const CELL_NAME: u16 = 8;
const CELL_DETAILS: u64 = 16;
const CELL_VALUE: u64 = 24;
const ACCESSOR_GETTER: u64 = 8;
const ACCESSOR_SETTER: u64 = 16;
const JS_PROPERTIES: u16 = 8;
const JS_ELEMENTS: u16 = 16;
const JS_ARRAY_LENGTH: u64 = 24;
const BOUND_ARGUMENTS: u16 = 40;
const PACKED_ELEMENTS: u8 = 2;
const HOLEY_ELEMENTS: u8 = 3;
/// Elements of a hash table before its entries; a global dictionary and one of numbers have a longer prefix.
const HASH_TABLE_PREFIX: u64 = 3;
const GLOBAL_DICTIONARY_PREFIX: u64 = 5;
const NUMBER_DICTIONARY_PREFIX: u64 = 4;
const CONTEXT_SLOTS: u64 = 16;
/// Behind the slots for the scope info and the previous context, which all contexts have.
const FIRST_NATIVE_CONTEXT_SLOT: usize = 2;

impl<'m> Graph<'m> {
    /// Whether a dictionary's key says that its entry is used.
    fn is_key(&self, key: Tagged) -> bool {
        key.target()
            .is_none_or(|key| key != self.well_known.undefined && key != self.well_known.the_hole)
    }

    /// Calls `visit` with each own named property until it returns true.
    #[inline]
    pub fn find_own_property(&self, object: &Object<'m>, mut visit: impl FnMut(Property) -> bool) {
        if !object.shape.is_dictionary_map() {
            for slot in &self.plan(object).properties {
                if visit(slot.read(object, || {
                    self.object_in(object, JS_PROPERTIES, Kind::PropertyArray)
                })) {
                    break;
                }
            }
            return;
        }
        let Some(dictionary) = object
            .pointer(JS_PROPERTIES)
            .and_then(|address| self.object(address))
        else {
            return;
        };
        match dictionary.kind() {
            Kind::NameDictionary => {
                let prefix = u64::from(self.layout().properties.name_dictionary_prefix);
                for entry in HashTable::new(&dictionary, prefix, 3).entries() {
                    let Some(key) = entry
                        .slot(0)
                        .target()
                        .filter(|_| self.is_key(entry.slot(0)))
                    else {
                        continue;
                    };
                    let is_accessor =
                        entry.slot(2).smi().unwrap_or(0) as u32 & bits::PROPERTY_IS_ACCESSOR != 0;
                    if visit(Property {
                        key,
                        value: entry.slot(1),
                        is_accessor,
                        offset: None,
                        is_number: false,
                    }) {
                        return;
                    }
                }
            }
            Kind::GlobalDictionary => {
                for entry in HashTable::new(&dictionary, GLOBAL_DICTIONARY_PREFIX, 1).entries() {
                    let Some(cell) = self
                        .target(entry.slot(0))
                        .filter(|cell| cell.kind() == Kind::PropertyCell)
                    else {
                        continue;
                    };
                    let Some(key) = cell.pointer(CELL_NAME) else {
                        continue;
                    };
                    let details = cell.tagged(CELL_DETAILS).smi().unwrap_or(0) as u32;
                    let is_accessor = details & bits::PROPERTY_IS_ACCESSOR != 0;
                    let value = cell.tagged(CELL_VALUE);
                    if visit(Property {
                        key,
                        value,
                        is_accessor,
                        offset: None,
                        is_number: false,
                    }) {
                        return;
                    }
                }
            }
            _ => {}
        }
    }

    /// Hands all edges of `object` to `sink`.
    #[inline]
    pub fn extract(&self, names: &EdgeNames, object: &Object<'m>, sink: &mut impl EdgeSink) {
        Extraction {
            graph: self,
            names,
            object,
            sink,
            visited: Visited([0; MAX_NAMED_SLOTS / 64]),
        }
        .run();
    }
}

struct Extraction<'x, 'm, S> {
    graph: &'x Graph<'m>,
    names: &'x EdgeNames,
    object: &'x Object<'m>,
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

    /// `SetPropertyReference`.
    fn property(&mut self, edge_type: EdgeType, key: Address, value: Tagged, offset: Option<u64>) {
        let Some(target) = value.target() else { return };
        self.sink.edge(edge_type, EdgeName::Key(key), target);
        if let Some(offset) = offset {
            self.visited.add(offset);
        }
    }

    /// `ExtractFixedArrayReferences`, `ExtractWeakArrayReferences`: all elements from `first` on, by number.
    fn array(&mut self, first: u64) {
        let end = match self.object.kind() {
            // Only as many as are in use.
            Kind::WeakArrayList => {
                (first + 8 * self.object.tagged(16).length()).min(self.object.size())
            }
            _ => self.object.size(),
        };
        for (index, offset) in (first..end).step_by(8).enumerate() {
            let value = self.object.tagged(offset);
            let Some(target) = value.target().filter(|&target| self.is_essential(target)) else {
                continue;
            };
            let edge_type = if value.is_weak() {
                EdgeType::Weak
            } else {
                EdgeType::Internal
            };
            self.sink
                .edge(edge_type, EdgeName::Decimal(index as u32), target);
        }
    }

    fn ephemerons(&mut self) {
        for entry in HashTable::new(self.object, HASH_TABLE_PREFIX, 2).entries() {
            for slot in 0..2 {
                let Some(target) = entry
                    .slot(slot)
                    .target()
                    .filter(|&target| self.is_essential(target))
                else {
                    continue;
                };
                let index = (entry.element() + slot) as u32;
                self.sink
                    .edge(EdgeType::Weak, EdgeName::Decimal(index), target);
            }
        }
    }

    fn map(&mut self) {
        let layout = &self.graph.layout().map;
        let names = self.names;
        let transitions = u64::from(layout.transitions);
        let value = self.object.tagged(transitions);
        if value.is_weak() {
            self.weak(names.transition, transitions);
        } else {
            let is_prototype_map = self.object.view().half_word(u64::from(layout.bit_field3))
                & bits::IS_PROTOTYPE_MAP
                != 0;
            match self
                .graph
                .target(value)
                .map(|target| (target.kind(), target.shape.is_fixed_array))
            {
                Some((Kind::TransitionArray, _)) => self.internal(names.transitions, transitions),
                Some((_, true)) => self.internal(names.transition, transitions),
                Some(_) if is_prototype_map => self.internal(names.prototype_info, transitions),
                _ => {}
            }
        }
        self.internal(names.descriptors, u64::from(layout.descriptors));
        self.internal(names.prototype, u64::from(layout.prototype));
        let instance_type = self
            .object
            .view()
            .quarter_word(u64::from(layout.instance_type));
        let instances = self.graph.decoder.instance_types.get(instance_type).kind;
        let constructor = self.object.tagged(u64::from(layout.constructor));
        let name = match (
            instances,
            self.graph.target(constructor).map(|target| target.kind()),
        ) {
            (Kind::Context | Kind::NativeContext, _) => names.native_context,
            (Kind::Map, _) if self.graph.layout().snapshot.meta_map_has_native_context => {
                names.native_context
            }
            (_, Some(Kind::Map)) => names.back_pointer,
            (_, Some(Kind::FunctionTemplateInfo)) => names.constructor_function_data,
            _ => names.constructor,
        };
        self.internal(name, u64::from(layout.constructor));
        self.internal(names.dependent_code, u64::from(layout.dependent_code));
    }

    fn context(&mut self) {
        let is_native = self.object.kind() == Kind::NativeContext;
        let scope_info = self
            .object
            .pointer(CONTEXT_SLOTS as u16)
            .and_then(|address| self.graph.object(address));
        let scope = scope_info
            .as_ref()
            .and_then(|object| self.graph.scope_info(object));
        let has_extension = scope
            .as_ref()
            .is_some_and(|scope| scope.has_extension_slot());
        if let (Some(object), Some(scope)) = (scope_info, scope)
            && self.is_declaration_context(&scope)
        {
            self.context_locals(&object, &scope);
        }
        self.internal(self.names.scope_info, CONTEXT_SLOTS);
        self.internal(self.names.previous, CONTEXT_SLOTS + 8);
        if is_native {
            self.native_context_slots();
        } else if has_extension {
            self.internal(self.names.extension, CONTEXT_SLOTS + 16);
        }
    }

    /// `Context::is_declaration_context`, src/objects/contexts.cc.
    fn is_declaration_context(&self, scope: &super::size::ScopeInfo) -> bool {
        match self
            .graph
            .decoder
            .instance_types
            .get(self.object.shape.instance_type)
            .class
        {
            "FunctionContext" | "ScriptContext" | "ModuleContext" => true,
            "EvalContext" => scope.flags & bits::SCOPE_IS_STRICT != 0,
            "BlockContext" => scope.flags & bits::SCOPE_IS_DECLARATION != 0,
            _ => false,
        }
    }

    fn context_locals(&mut self, object: &Object<'m>, scope: &super::size::ScopeInfo<'m>) {
        let header = scope.context_header_length();
        if scope.names_are_inlined() {
            for local in 0..scope.local_count() {
                if let Some(name) = object.tagged(scope.names() + 8 * local).strong() {
                    self.context_slot(name, header + local);
                }
            }
        } else if let Some(table) = object
            .tagged(scope.names())
            .strong()
            .and_then(|table| self.graph.object(table))
        {
            for entry in HashTable::new(&table, HASH_TABLE_PREFIX, 2).entries() {
                let Some(name) = entry
                    .slot(0)
                    .strong()
                    .filter(|_| self.graph.is_key(entry.slot(0)))
                else {
                    continue;
                };
                self.context_slot(name, header + entry.slot(1).length());
            }
        }
        if scope.function_variable() == FUNCTION_VARIABLE_IN_CONTEXT
            && let Some(offset) = scope.function_name()
            && let Some(name) = object.tagged(offset).strong()
        {
            self.context_slot(name, object.tagged(offset + 8).length());
        }
    }

    fn context_slot(&mut self, name: Address, slot: u64) {
        let offset = CONTEXT_SLOTS + 8 * slot;
        if let Some(target) = self.object.tagged(offset).target() {
            self.sink
                .edge(EdgeType::Context, EdgeName::Key(name), target);
            self.visited.add(offset);
        }
    }

    /// All slots by name but the last, the link of all contexts.
    fn native_context_slots(&mut self) {
        let names = &self.names.native_context_slots;
        let weak = weak_slots(self.graph.layout(), self.object);
        let slots = (CONTEXT_SLOTS..weak.end - 8).step_by(8).zip(names);
        for (offset, &name) in slots.skip(FIRST_NATIVE_CONTEXT_SLOT) {
            if weak.contains(&offset) {
                self.weak(name, offset);
            } else {
                self.internal(name, offset);
            }
        }
    }

    fn global_proxy(&mut self) {
        if !self.graph.layout().snapshot.names_globals {
            return;
        }
        let layout = self.graph.layout();
        let map = self.graph.object(self.object.shape.map);
        let meta_map = map.and_then(|map| self.graph.object(map.shape.map));
        let context = meta_map.and_then(|map| {
            self.graph
                .object_in(&map, layout.map.constructor, Kind::NativeContext)
        });
        let Some(context) = context else { return };
        self.sink.edge(
            EdgeType::Shortcut,
            EdgeName::Name(self.names.native_context),
            context.address,
        );
        if let Some(global) = context.tagged(CONTEXT_SLOTS + 16).strong() {
            self.sink.edge(
                EdgeType::Shortcut,
                EdgeName::Name(self.names.global_object),
                global,
            );
        }
    }

    fn code(&mut self) {
        if self.graph.instruction_stream(self.object).is_some() {
            self.code_metadata();
        }
    }

    fn instruction_stream(&mut self) {
        if self.graph.layout().code.instruction_stream.is_none() {
            self.code_metadata();
        }
    }

    /// `ExtractCodeReferences`: what the two slots are depends on the code's kind.
    fn code_metadata(&mut self) {
        let code = &self.graph.layout().code;
        let (deoptimization, positions) = (
            u64::from(code.deoptimization_data),
            u64::from(code.position_table),
        );
        let kind = self.object.view().half_word(u64::from(code.flags)) & CODE_KIND_MASK;
        if kind == code.baseline {
            self.internal(self.names.interpreter_data, deoptimization);
            self.internal(self.names.bytecode_offset_table, positions);
        } else if code.deoptimizing_kinds >> kind & 1 == 1 {
            self.internal(self.names.deoptimization_data, deoptimization);
            self.internal(self.names.source_position_table, positions);
        }
    }

    fn js_object(&mut self) {
        let plan = self.graph.plan(self.object);
        self.properties(&plan);
        self.elements();
        self.property(
            EdgeType::Property,
            self.graph.well_known.proto_string,
            plan.prototype,
            None,
        );
        match self.object.kind() {
            Kind::JsFunction => self.function(),
            Kind::JsBoundFunction => self.bound_arguments(),
            Kind::JsArrayBuffer => {
                let memory = self
                    .object
                    .view()
                    .word(u64::from(self.graph.layout().buffer.backing_store));
                if memory != 0 {
                    self.sink
                        .native_edge(EdgeName::Name(self.names.backing_store), memory);
                }
            }
            _ => {}
        }
        self.internal(self.names.properties, u64::from(JS_PROPERTIES));
        self.internal(self.names.elements, u64::from(JS_ELEMENTS));
    }

    fn properties(&mut self, plan: &MapPlan) {
        let graph = self.graph;
        if self.object.shape.is_dictionary_map() {
            graph.find_own_property(self.object, |property| {
                self.own_property(graph.property_edge_type(property.key), property);
                false
            });
            return;
        }
        let mut property_array = None;
        for slot in plan.properties.iter().filter(|slot| !slot.is_number) {
            let property = slot.read(self.object, || {
                *property_array.get_or_insert_with(|| {
                    graph.object_in(self.object, JS_PROPERTIES, Kind::PropertyArray)
                })
            });
            self.own_property(slot.edge_type, property);
        }
    }

    #[inline]
    fn own_property(&mut self, edge_type: EdgeType, property: Property) {
        if property.is_accessor {
            self.accessor(edge_type, property);
        } else {
            self.property(edge_type, property.key, property.value, property.offset);
        }
    }

    /// `ExtractAccessorPairProperty`.
    fn accessor(&mut self, edge_type: EdgeType, property: Property) {
        let Some(pair) = self
            .graph
            .target(property.value)
            .filter(|pair| pair.kind() == Kind::AccessorPair)
        else {
            return;
        };
        self.property(edge_type, property.key, property.value, property.offset);
        for (part, offset) in [
            (AccessorPart::Getter, ACCESSOR_GETTER),
            (AccessorPart::Setter, ACCESSOR_SETTER),
        ] {
            let Some(function) = self.graph.target(pair.tagged(offset)) else {
                continue;
            };
            if function.kind() != Kind::Oddball {
                self.sink.edge(
                    edge_type,
                    EdgeName::Accessor(part, property.key),
                    function.address,
                );
            }
        }
    }

    fn elements(&mut self) {
        let kind = self.object.shape.elements_kind();
        let Some(elements) = self.object.pointer(JS_ELEMENTS) else {
            return;
        };
        if kind == PACKED_ELEMENTS || kind == HOLEY_ELEMENTS {
            if self.graph.well_known.is_essential(elements)
                && let Some(elements) = self.graph.object(elements)
            {
                self.fast_elements(&elements);
            }
        } else if kind == self.graph.layout().properties.dictionary_elements
            && let Some(dictionary) = self
                .graph
                .object(elements)
                .filter(|found| found.kind() == Kind::NumberDictionary)
        {
            for entry in HashTable::new(&dictionary, NUMBER_DICTIONARY_PREFIX, 3).entries() {
                let key = entry.slot(0);
                if let (true, Some(target)) = (self.graph.is_key(key), entry.slot(1).target())
                    && let Some(index) = self.graph.element_index(key)
                {
                    self.sink
                        .edge(EdgeType::Element, EdgeName::Index(index), target);
                }
            }
        }
    }

    fn fast_elements(&mut self, elements: &Object<'m>) {
        let mut length = elements.tagged(8).length();
        if self.object.kind() == Kind::JsArray {
            length = length.min(self.object.tagged(JS_ARRAY_LENGTH).length());
        }
        for index in 0..length {
            if let Some(target) = elements.tagged(16 + 8 * index).target()
                && target != self.graph.well_known.the_hole
            {
                self.sink
                    .edge(EdgeType::Element, EdgeName::Index(index as u32), target);
            }
        }
    }

    fn function(&mut self) {
        let layout = self.graph.layout();
        if self.object.shape.bit_field & bits::HAS_PROTOTYPE_SLOT != 0 {
            let offset = u64::from(layout.function.prototype_or_initial_map);
            match self.graph.target(self.object.tagged(offset)) {
                Some(map) if map.kind() == Kind::Map => {
                    let key = self.graph.well_known.prototype_string;
                    self.property(
                        EdgeType::Property,
                        key,
                        self.prototype_of_instances(&map),
                        None,
                    );
                    self.internal(self.names.initial_map, offset);
                }
                Some(prototype) if prototype.address != self.graph.well_known.the_hole => {
                    let key = self.graph.well_known.prototype_string;
                    self.property(
                        EdgeType::Property,
                        key,
                        self.object.tagged(offset),
                        Some(offset),
                    );
                }
                _ => {}
            }
        }
        if let Some(code) = self.graph.code_in_dispatch_table(self.object) {
            self.sink
                .edge(EdgeType::Internal, EdgeName::Name(self.names.code), code);
        }
    }

    /// `JSFunction::prototype` of a function whose instances have `map`.
    fn prototype_of_instances(&self, map: &Object<'m>) -> Tagged {
        let layout = &self.graph.layout().map;
        let bit_field = map.view().byte(u64::from(layout.bit_field));
        if bit_field & bits::NON_INSTANCE_PROTOTYPE == 0 {
            return map.tagged(u64::from(layout.prototype));
        }
        // The constructor slot then holds a tuple of constructor and prototype.
        let tuple = self.graph.object_in(map, layout.constructor, Kind::Tuple2);
        tuple.map_or(Tagged(0), |tuple| tuple.tagged(16))
    }

    fn bound_arguments(&mut self) {
        let Some(arguments) = self
            .object
            .pointer(BOUND_ARGUMENTS)
            .and_then(|address| self.graph.object(address))
        else {
            return;
        };
        for index in 0..arguments.tagged(8).length() {
            if let Some(target) = arguments.tagged(16 + 8 * index).target() {
                self.sink.edge(
                    EdgeType::Shortcut,
                    EdgeName::BoundArgument(index as u32),
                    target,
                );
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

/// `CodeKind` in the flags of code. src/objects/code.h; `v8dbg_CodeKindFieldMask`.
pub const CODE_KIND_MASK: u32 = 15;
