//! The type and the name of a node: V8HeapExplorer::AddEntry and what it calls, src/profiler/heap-snapshot-generator.cc.

use super::graph::Graph;
use super::layout::kind::Kind;
use super::layout::{SymbolFlags, bits};
use super::memory::Address;
use super::names::{NameId, Names};
use super::object::{Object, Shape};
use super::size::ScopeInfo;
use super::tagged::Tagged;
use super::text::string_length;
use crate::snapshot::NodeType;
use rustc_hash::FxHashMap;

/// A node's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeName {
    /// A text that no heap object has.
    Name(NameId),
    /// The text of the string at this address.
    Text(Address),
}

/// How many prototypes are asked for a constructor. Proxies can make longer chains; nothing else does.
const MAX_PROTOTYPES: usize = 1000;
/// How many maps are followed to a constructor.
const MAX_BACK_POINTERS: usize = 10_000;
/// The number of constructor names remembered.
const REMEMBERED_NAMES: usize = 1 << 10;

/// What V8 calls the constructor of an object.
pub struct ConstructorName<'m> {
    /// The string.
    pub text: Address,
    /// The function, unless a tag or a template gave the name.
    pub constructor: Option<Object<'m>>,
    /// Whether all objects of the map have the same.
    pub holds_for_map: bool,
}

/// Names that depend on the kind alone.
struct FixedNames {
    concatenated: NameId,
    sliced: NameId,
    private_symbol: NameId,
    symbol: NameId,
    bigint: NameId,
    heap_number: NameId,
    shared_info: NameId,
    native_context: NameId,
    context: NameId,
    cpp_heap_external: NameId,
    native_bind: NameId,
}

/// Describes nodes; remembers what it may.
pub struct Describer {
    empty: NameId,
    fixed: FixedNames,
    constructor_names: Vec<(Address, Option<NodeName>)>,
    constructor_texts: FxHashMap<String, Address>,
    class_names: FxHashMap<&'static str, NameId>,
    global_names: FxHashMap<Address, NameId>,
}

impl Describer {
    /// A describer that puts its names into `names`.
    pub fn new(names: &mut Names) -> Describer {
        // Known before strings are numbered, so that they can share the number of a heap string with the same text.
        for name in CLASS_NAMES {
            names.intern(name);
        }
        Describer {
            empty: names.intern(""),
            fixed: FixedNames {
                concatenated: names.intern("(concatenated string)"),
                sliced: names.intern("(sliced string)"),
                private_symbol: names.intern("private symbol"),
                symbol: names.intern("symbol"),
                bigint: names.intern("bigint"),
                heap_number: names.intern("heap number"),
                shared_info: names.intern("(shared function info)"),
                native_context: names.intern("system / NativeContext"),
                context: names.intern("system / Context"),
                cpp_heap_external: names.intern("system / CppHeapExternal"),
                native_bind: names.intern("native_bind"),
            },
            constructor_texts: FxHashMap::default(),
            constructor_names: vec![(0, None); REMEMBERED_NAMES],
            class_names: FxHashMap::default(),
            global_names: FxHashMap::default(),
        }
    }

    /// The type and the name of `object`.
    pub fn describe<'m>(
        &mut self,
        graph: &Graph<'m>,
        names: &mut Names,
        object: &Object<'m>,
    ) -> (NodeType, NodeName) {
        let fixed = &self.fixed;
        let named = |node_type, name| (node_type, NodeName::Name(name));
        match object.kind() {
            Kind::SeqString | Kind::ExternalString => {
                (NodeType::String, NodeName::Text(object.address))
            }
            Kind::ThinString => (
                NodeType::String,
                NodeName::Text(object.pointer(16).unwrap_or(object.address)),
            ),
            Kind::ConsString => named(NodeType::ConcatenatedString, fixed.concatenated),
            Kind::SlicedString => named(NodeType::SlicedString, fixed.sliced),
            Kind::Symbol if graph.is_private_symbol(object) => {
                named(NodeType::Hidden, fixed.private_symbol)
            }
            Kind::Symbol => named(NodeType::Symbol, fixed.symbol),
            Kind::BigInt => named(NodeType::BigInt, fixed.bigint),
            Kind::HeapNumber => named(NodeType::Number, fixed.heap_number),
            Kind::Code | Kind::InstructionStream => named(NodeType::Code, self.empty),
            Kind::SharedFunctionInfo => {
                let name = graph
                    .function_name(object)
                    .filter(|&name| !graph.is_empty_string(name));
                match name {
                    None if graph.layout().snapshot.tags_trusted_code => {
                        named(NodeType::Code, fixed.shared_info)
                    }
                    name => (NodeType::Code, self.text_or_empty(name)),
                }
            }
            Kind::Script => {
                let name = graph.string_in(object, graph.layout().script.name);
                (
                    NodeType::Code,
                    self.text_or_empty(name.map(|name| name.address)),
                )
            }
            Kind::NativeContext => named(NodeType::Hidden, fixed.native_context),
            Kind::Context => named(NodeType::Object, fixed.context),
            Kind::CppHeapExternalObject => named(NodeType::Object, fixed.cpp_heap_external),
            Kind::Oddball if graph.layout().snapshot.read_only_is_free => {
                let name = graph
                    .string_in(object, ODDBALL_TO_STRING)
                    .map(|name| name.address);
                (NodeType::Hidden, self.text_or_empty(name))
            }
            Kind::JsFunction => {
                let shared = graph.object_in(
                    object,
                    graph.layout().function.shared,
                    Kind::SharedFunctionInfo,
                );
                let name = shared.and_then(|shared| graph.function_name(&shared));
                (NodeType::Closure, self.text_or_empty(name))
            }
            Kind::JsBoundFunction => named(NodeType::Closure, fixed.native_bind),
            Kind::JsRegExp => {
                let source = graph.string_in(object, graph.layout().buffer.regexp_source);
                (
                    NodeType::RegExp,
                    self.text_or_empty(source.map(|source| source.address)),
                )
            }
            Kind::JsGlobalObject | Kind::JsGlobalProxy => {
                (NodeType::Object, self.global_name(graph, names, object))
            }
            kind if kind.is_js_object() => (
                NodeType::Object,
                self.constructor_name(graph, names, object),
            ),
            _ => (
                system_node_type(graph, object),
                self.system_name(graph, names, object),
            ),
        }
    }

    /// Whether a tag may give the node another name: it has none, or is the one kind whose name a tag takes away.
    pub fn may_be_renamed(&self, object: &Object, name: NodeName) -> bool {
        name == NodeName::Name(self.empty) || object.kind() == Kind::TrustedFixedArray
    }

    fn text_or_empty(&self, text: Option<Address>) -> NodeName {
        text.map_or(NodeName::Name(self.empty), NodeName::Text)
    }

    /// `GetSystemEntryName`.
    fn system_name<'m>(
        &mut self,
        graph: &Graph<'m>,
        names: &mut Names,
        object: &Object<'m>,
    ) -> NodeName {
        if object.shape.is_fixed_array
            || matches!(object.kind(), Kind::ByteArray | Kind::FixedDoubleArray)
        {
            return NodeName::Name(self.empty);
        }
        if object.kind() == Kind::Map {
            let instance_type = object
                .view()
                .quarter_word(u64::from(graph.layout().map.instance_type));
            let instances = graph.decoder.instance_types.get(instance_type);
            if instances.kind.is_string() {
                return NodeName::Name(
                    names.intern(&format!("system / Map ({})", instances.class)),
                );
            }
        }
        let class = graph
            .decoder
            .instance_types
            .get(object.shape.instance_type)
            .class;
        let id = *self
            .class_names
            .entry(class)
            .or_insert_with(|| names.intern(&format!("system / {class}")));
        NodeName::Name(id)
    }

    fn global_name<'m>(
        &mut self,
        graph: &Graph<'m>,
        names: &mut Names,
        object: &Object<'m>,
    ) -> NodeName {
        let name = self.constructor_name(graph, names, object);
        if !graph.layout().snapshot.names_globals {
            return name;
        }
        let id = *self.global_names.entry(object.address).or_insert_with(|| {
            let text = match name {
                NodeName::Name(id) => names.text(id).to_owned(),
                NodeName::Text(address) => {
                    graph.utf8(address, crate::snapshot::writer::MAX_STRING_CHARACTERS)
                }
            };
            let suffix = if object.kind() == Kind::JsGlobalObject {
                "(global*)"
            } else {
                "(global)"
            };
            names.intern(&format!("{text} {suffix}"))
        });
        NodeName::Name(id)
    }

    /// DevTools keeps one row for each name of the file, and of two equal names the second replaces the first. Names that
    /// are not internalized may be equal.
    fn one_of_equal_texts(&mut self, graph: &Graph, text: Address) -> Address {
        let content = graph.utf8(text, crate::snapshot::writer::MAX_STRING_CHARACTERS);
        *self.constructor_texts.entry(content).or_insert(text)
    }

    /// `JSReceiver::GetConstructorName`, src/objects/js-objects.cc.
    fn constructor_name<'m>(
        &mut self,
        graph: &Graph<'m>,
        names: &mut Names,
        object: &Object<'m>,
    ) -> NodeName {
        let slot = (object.shape.map >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> 32
            & (REMEMBERED_NAMES - 1);
        if let (map, Some(name)) = self.constructor_names[slot]
            && map == object.shape.map
        {
            return name;
        }
        let (name, holds_for_map) = match graph.constructor_name(object) {
            Some(found) => (
                NodeName::Text(self.one_of_equal_texts(graph, found.text)),
                found.holds_for_map,
            ),
            None => {
                let varies =
                    object.shape.is_dictionary_map() || object.kind() == Kind::JsPrimitiveWrapper;
                (
                    NodeName::Name(names.intern(graph.class_name(object))),
                    !varies,
                )
            }
        };
        if holds_for_map {
            self.constructor_names[slot] = (object.shape.map, Some(name));
        }
        name
    }
}

/// What [`Graph::class_name`] may give.
const CLASS_NAMES: [&str; 22] = [
    "Arguments",
    "Array",
    "ArrayBuffer",
    "ArrayIterator",
    "BigInt",
    "Boolean",
    "Date",
    "Error",
    "Function",
    "Generator",
    "Map",
    "Number",
    "Object",
    "RegExp",
    "Script",
    "Set",
    "SharedArrayBuffer",
    "String",
    "Symbol",
    "WeakMap",
    "WeakSet",
    "global",
];

const ODDBALL_TO_STRING: u16 = 16;
const SYMBOL_FLAGS: u64 = 12;
const SYMBOL_DESCRIPTION: u16 = 16;
const TUPLE_FIRST: u16 = 8;
const PRIMITIVE_VALUE: u64 = 24;
/// Bit of JSArrayBuffer's flags. src/objects/js-array-buffer.tq.
const ARRAY_BUFFER_IS_SHARED: u32 = 1 << 4;

/// `GetSystemEntryType`.
fn system_node_type(graph: &Graph, object: &Object) -> NodeType {
    let shape = if graph.layout().snapshot.object_shapes {
        NodeType::ObjectShape
    } else {
        NodeType::Hidden
    };
    match object.kind() {
        Kind::AllocationSite
        | Kind::ArrayBoilerplateDescription
        | Kind::BytecodeArray
        | Kind::ClosureFeedbackCellArray
        | Kind::CodeDataContainer
        | Kind::CodeStruct
        | Kind::FeedbackCell
        | Kind::FeedbackMetadata
        | Kind::FeedbackVector
        | Kind::InterpreterData
        | Kind::ObjectBoilerplateDescription
        | Kind::PreparseData
        | Kind::RegExpBoilerplateDescription
        | Kind::ScopeInfo
        | Kind::UncompiledData => NodeType::Code,
        Kind::BytecodeWrapper | Kind::CodeWrapper if graph.layout().snapshot.wrappers_are_code => {
            NodeType::Code
        }
        Kind::FixedDoubleArray | Kind::ByteArray => NodeType::Array,
        _ if object.shape.is_fixed_array => NodeType::Array,
        Kind::Map if !graph.is_read_only(object.address) => shape,
        Kind::DescriptorArray | Kind::TransitionArray | Kind::PrototypeInfo | Kind::EnumCache => {
            shape
        }
        _ => NodeType::Hidden,
    }
}

impl<'m> Graph<'m> {
    /// The string that the slot of `object` at `offset` holds.
    pub fn string_in(&self, object: &Object<'m>, offset: u16) -> Option<Object<'m>> {
        self.object(object.pointer(offset)?)
            .filter(|string| string.kind().is_string())
    }

    /// Whether there is no text at `address`.
    pub fn is_empty_string(&self, address: Address) -> bool {
        self.object(address)
            .is_none_or(|string| string_length(&string) == 0)
    }

    /// Whether V8 hides the symbol from JavaScript.
    pub fn is_private_symbol(&self, symbol: &Object) -> bool {
        let flags = symbol.view().half_word(SYMBOL_FLAGS);
        match self.layout().properties.symbol_flags {
            SymbolFlags::Bits => flags & 1 != 0,
            SymbolFlags::Visibility => flags & 3 != 0,
        }
    }

    /// The name of an edge for a property whose key is `symbol`: private names by their name alone.
    pub fn symbol_text(&self, symbol: &Object<'m>) -> String {
        let flags = symbol.view().half_word(SYMBOL_FLAGS);
        let is_private_name = match self.layout().properties.symbol_flags {
            SymbolFlags::Bits => flags & 1 << 4 != 0,
            SymbolFlags::Visibility => flags & 3 >= 2,
        };
        let description = self.string_in(symbol, SYMBOL_DESCRIPTION);
        let limit = crate::snapshot::writer::MAX_STRING_CHARACTERS;
        let text = description.map(|description| self.utf8(description.address, limit));
        match text {
            Some(text) if is_private_name => text,
            Some(text) => format!("<symbol {text}>"),
            None => "<symbol>".to_owned(),
        }
    }

    /// `SharedFunctionInfo::Name`: the string, if it is not empty by lack of one.
    pub fn function_name(&self, shared: &Object<'m>) -> Option<Address> {
        let holder = self.object(shared.pointer(self.layout().function.name_or_scope_info)?)?;
        if holder.kind().is_string() {
            return Some(holder.address);
        }
        let scope_info = self.scope_info(&holder)?;
        self.string_at(&holder, scope_info.function_name()?)
    }

    /// `SharedFunctionInfo::DebugName` of a function: its name, or what the parser inferred.
    pub fn debug_name(&self, shared: &Object<'m>) -> Option<Address> {
        if let Some(name) = self
            .function_name(shared)
            .filter(|&name| !self.is_empty_string(name))
        {
            return Some(name);
        }
        let function = &self.layout().function;
        let holder = shared
            .pointer(function.name_or_scope_info)
            .and_then(|holder| self.object(holder));
        let scope_info = holder.as_ref().and_then(|holder| self.scope_info(holder));
        let inferred = match (holder, scope_info) {
            (Some(holder), Some(scope_info)) => {
                self.string_at(&holder, scope_info.inferred_name()?)
            }
            _ => {
                let data = self.uncompiled_data(shared)?;
                Some(
                    self.string_in(&data, function.uncompiled_inferred_name)?
                        .address,
                )
            }
        };
        inferred.filter(|&name| !self.is_empty_string(name))
    }

    /// What stands in for a function that is not compiled yet.
    pub fn uncompiled_data(&self, shared: &Object<'m>) -> Option<Object<'m>> {
        let function = &self.layout().function;
        self.object_in(shared, function.function_data, Kind::UncompiledData)
    }

    /// The parts of the scope info `object`.
    pub fn scope_info(&self, object: &Object<'m>) -> Option<ScopeInfo<'m>> {
        (object.kind() == Kind::ScopeInfo)
            .then(|| ScopeInfo::new(&self.layout().scope_info, object.view()))
    }

    fn string_at(&self, object: &Object<'m>, offset: u64) -> Option<Address> {
        let string = self.object(object.tagged(offset).strong()?)?;
        string.kind().is_string().then_some(string.address)
    }

    /// `Map::GetConstructor`.
    pub fn map_constructor(&self, map: Address) -> Option<Object<'m>> {
        let mut current = self.object(map)?;
        for _ in 0..MAX_BACK_POINTERS {
            current = self.object(current.pointer(self.layout().map.constructor)?)?;
            match current.kind() {
                Kind::Map => continue,
                // A map with a non-instance prototype keeps both in a tuple.
                Kind::Tuple2 => return self.object(current.pointer(TUPLE_FIRST)?),
                _ => return Some(current),
            }
        }
        None
    }

    /// A constructor's name, unless it is empty or "Object".
    fn telling_name(&self, constructor: &Object<'m>) -> Option<Address> {
        if constructor.kind() != Kind::JsFunction {
            return None;
        }
        let shared = self.object_in(
            constructor,
            self.layout().function.shared,
            Kind::SharedFunctionInfo,
        )?;
        self.debug_name(&shared)
            .filter(|&name| name != self.well_known.object_string)
    }

    /// The constructor that a class row of DevTools would name, from the map alone.
    pub fn constructor_of_map(&self, shape: &Shape) -> Option<Object<'m>> {
        let says_constructor = shape.bit_field2 & bits::NEW_TARGET_IS_BASE != 0
            && shape.bit_field3 & bits::IS_PROTOTYPE_MAP == 0;
        if says_constructor {
            self.map_constructor(shape.map)
        } else {
            None
        }
    }

    /// `GetConstructorHelper`, src/objects/js-objects.cc: from the map, else from the prototypes.
    pub fn constructor_name(&self, object: &Object<'m>) -> Option<ConstructorName<'m>> {
        if let Some(constructor) = self.constructor_of_map(&object.shape)
            && let Some(text) = self.telling_name(&constructor)
        {
            return Some(ConstructorName {
                text,
                constructor: Some(constructor),
                holds_for_map: true,
            });
        }
        let mut current = *object;
        for _ in 0..MAX_PROTOTYPES {
            let is_receiver = current.address == object.address;
            if let Some((text, constructor)) = self.name_in_properties(&current, is_receiver) {
                let holds_for_map = !is_receiver && !object.shape.is_dictionary_map();
                return Some(ConstructorName {
                    text,
                    constructor,
                    holds_for_map,
                });
            }
            let map = self.object(current.shape.map)?;
            current = self.object(map.pointer(self.layout().map.prototype)?)?;
            if !current.kind().is_js_receiver() {
                return None;
            }
        }
        None
    }

    /// The name that an own `Symbol.toStringTag`, or on a prototype `constructor`, gives.
    fn name_in_properties(
        &self,
        object: &Object<'m>,
        is_receiver: bool,
    ) -> Option<(Address, Option<Object<'m>>)> {
        if !object.kind().is_js_object() {
            return None;
        }
        let own = |key| self.target(self.own_data_property(object, key)?);
        if let Some(tag) =
            own(self.well_known.to_string_tag_symbol).filter(|tag| tag.kind().is_string())
        {
            return Some((tag.address, None));
        }
        if is_receiver {
            return None;
        }
        let constructor = own(self.well_known.constructor_string)?;
        Some((self.telling_name(&constructor)?, Some(constructor)))
    }

    /// The value of an own property that is data, not an accessor.
    fn own_data_property(&self, object: &Object<'m>, key: Address) -> Option<Tagged> {
        let mut found = None;
        self.find_own_property(object, |property| {
            if property.key == key {
                found = (!property.is_accessor).then_some(property.value);
            }
            property.key == key
        });
        found
    }

    /// `JSReceiver::class_name`: what an object is called when nothing else has a name for it.
    fn class_name(&self, object: &Object<'m>) -> &'static str {
        match object.kind() {
            Kind::JsFunction | Kind::JsBoundFunction | Kind::JsWrappedFunction => "Function",
            Kind::JsArguments => "Arguments",
            Kind::JsArray => "Array",
            Kind::JsArrayBuffer => {
                let flags = object
                    .view()
                    .half_word(u64::from(self.layout().buffer.flags));
                if flags & ARRAY_BUFFER_IS_SHARED != 0 {
                    "SharedArrayBuffer"
                } else {
                    "ArrayBuffer"
                }
            }
            Kind::JsArrayIterator => "ArrayIterator",
            Kind::JsDate => "Date",
            Kind::JsError => "Error",
            Kind::JsGenerator => "Generator",
            Kind::JsMap => "Map",
            Kind::JsSet => "Set",
            Kind::JsWeakMap => "WeakMap",
            Kind::JsWeakSet => "WeakSet",
            Kind::JsRegExp => "RegExp",
            Kind::JsGlobalProxy => "global",
            Kind::JsPrimitiveWrapper => self.primitive_class_name(object.tagged(PRIMITIVE_VALUE)),
            _ => "Object",
        }
    }

    fn primitive_class_name(&self, value: Tagged) -> &'static str {
        match self.target(value).map(|value| value.kind()) {
            None | Some(Kind::HeapNumber) => "Number",
            Some(Kind::Oddball) => "Boolean",
            Some(Kind::Symbol) => "Symbol",
            Some(Kind::BigInt) => "BigInt",
            Some(Kind::Script) => "Script",
            Some(_) => "String",
        }
    }
}
