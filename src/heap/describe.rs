//! The type and the name of a node: V8HeapExplorer::AddEntry and what it calls, src/profiler/heap-snapshot-generator.cc.

use super::constructors::CLASS_NAMES;
use super::graph::Graph;
use super::layout::kind::Kind;
use super::map_cache::MapCache;
use super::memory::Address;
use super::names::{NameId, Names};
use super::object::Object;
use crate::snapshot::NodeType;
use rustc_hash::FxHashMap;

/// A node's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeName {
    /// A text that no heap object has.
    Name(NameId),
    /// The text of the string at this address.
    Text(Address),
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
    constructor_names: MapCache<NodeName>,
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
            constructor_names: MapCache::new(),
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
                self.constructor_name(graph, names, object).0,
            ),
            _ => (
                system_node_type(graph, object),
                self.system_name(graph, names, object),
            ),
        }
    }

    /// Whether all objects of the same [descriptive part](Graph::descriptive_part) as `object`, which was just described,
    /// have the same type and name.
    pub fn holds_for_part(&self, object: &Object) -> bool {
        match object.kind() {
            Kind::SeqString
            | Kind::ExternalString
            | Kind::ThinString
            | Kind::Symbol
            | Kind::SharedFunctionInfo
            | Kind::Script
            | Kind::Oddball
            | Kind::Map
            | Kind::JsRegExp
            | Kind::JsGlobalObject
            | Kind::JsGlobalProxy => false,
            Kind::JsFunction | Kind::JsBoundFunction => true,
            kind if kind.is_js_object() => self.constructor_names.get(object.shape.map).is_some(),
            _ => true,
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
        if object.shape.is_fixed_array()
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
            .get(object.shape.instance_type())
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
        let (name, _) = self.constructor_name(graph, names, object);
        if !graph.layout().snapshot.names_globals {
            return name;
        }
        let id = *self.global_names.entry(object.address).or_insert_with(|| {
            let text = match name {
                NodeName::Name(id) => names.text(id).to_owned(),
                NodeName::Text(address) => graph.shown_text(address),
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

    /// `JSReceiver::GetConstructorName`, src/objects/js-objects.cc, and whether it holds for all objects of the map.
    pub fn constructor_name<'m>(
        &mut self,
        graph: &Graph<'m>,
        names: &mut Names,
        object: &Object<'m>,
    ) -> (NodeName, bool) {
        if let Some(name) = self.constructor_names.get(object.shape.map) {
            return (*name, true);
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
            self.constructor_names.insert(object.shape.map, name);
        }
        (name, holds_for_map)
    }
}

const ODDBALL_TO_STRING: u16 = 16;

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
        _ if object.shape.is_fixed_array() => NodeType::Array,
        Kind::Map if !graph.is_read_only(object.address) => shape,
        Kind::DescriptorArray | Kind::TransitionArray | Kind::PrototypeInfo | Kind::EnumCache => {
            shape
        }
        _ => NodeType::Hidden,
    }
}
