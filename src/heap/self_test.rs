//! The reader reads known JavaScript objects back, through the very code that describes and connects nodes in files. Where one
//! expectation fails, the layout is not that of this V8, and nothing it would write can be trusted.
//!
//! The objects are the value of the script [`PROBE`], which whoever watches an isolate keeps alive by a global handle.

use super::body::weak_slots;
use super::describe::{Describer, NodeName};
use super::extract::{AccessorPart, EdgeName, EdgeNames, EdgeSink, Extractor};
use super::graph::Graph;
use super::layout::kind::Kind;
use super::locations::Locator;
use super::memory::Address;
use super::names::Names;
use super::object::Object;
use crate::snapshot::{EdgeType, NodeType};
use std::rc::Rc;

/// The script whose value is read back.
pub const PROBE: &str = include_str!("self_test_probe.js");

/// One step from a node to the next.
type Step = (EdgeType, &'static str);

/// What must be found at the end of a path from the probe.
struct Expectation {
    path: &'static [Step],
    node_type: NodeType,
    name: &'static str,
}

const fn expect(path: &'static [Step], node_type: NodeType, name: &'static str) -> Expectation {
    Expectation {
        path,
        node_type,
        name,
    }
}

use EdgeType::{Context as InContext, Element, Internal, Property, Shortcut, Weak};

#[rustfmt::skip]
const EXPECTATIONS: &[Expectation] = &[
    expect(&[], NodeType::Object, "Object"),
    expect(&[(Property, "text")], NodeType::String, "self-test text"),
    expect(&[(Property, "wide")], NodeType::String, "Größe → ∞"),
    expect(&[(Property, "<symbol self-test symbol>")], NodeType::String, "by symbol"),
    expect(&[(Property, "mapped")], NodeType::Object, "SelfTestMapped"),
    expect(&[(Property, "instance")], NodeType::Object, "SelfTestClass"),
    expect(&[(Property, "instance"), (Property, "field"), (Property, "of")], NodeType::String, "instance"),
    expect(&[(Property, "instance"), (Property, "#hidden"), (Element, "0")], NodeType::String, "private value"),
    expect(&[(Property, "instance"), (Property, "__proto__"), (Property, "constructor")], NodeType::Closure, "SelfTestClass"),
    expect(&[(Property, "instance"), (Internal, "map"), (Internal, "descriptors"), (Internal, "map")], NodeType::Hidden, "system / Map"),
    expect(&[(Property, "closure")], NodeType::Closure, "selfTestClosure"),
    expect(&[(Property, "closure"), (Internal, "shared")], NodeType::Code, "selfTestClosure"),
    expect(&[(Property, "closure"), (Internal, "feedback_cell")], NodeType::Code, "system / FeedbackCell"),
    expect(&[(Property, "closure"), (Internal, "context")], NodeType::Object, "system / Context"),
    expect(&[(Property, "closure"), (Internal, "context"), (InContext, "captured"), (Property, "by")], NodeType::String, "closure"),
    expect(&[(Property, "closure"), (Internal, "context"), (InContext, "other"), (Element, "0")], NodeType::String, "also captured"),
    expect(&[(Property, "closure"), (Internal, "context"), (Internal, "scope_info")], NodeType::Code, "system / ScopeInfo"),
    expect(&[(Property, "instance"), (Property, "__proto__"), (Property, "constructor"), (Property, "prototype"), (Property, "constructor")], NodeType::Closure, "SelfTestClass"),
    expect(&[(Property, "instance"), (Property, "__proto__"), (Property, "constructor"), (Internal, "initial_map")], NodeType::ObjectShape, "system / Map"),
    expect(&[(Property, "slow"), (Property, "slow0"), (Element, "0")], NodeType::String, "(concatenated string)"),
    expect(&[(Property, "slow"), (Property, "slow39")], NodeType::Object, "Array"),
    expect(&[(Property, "slow"), (Internal, "properties")], NodeType::Array, "(object properties)"),
    expect(&[(Property, "sparse"), (Element, "70000"), (Property, "at")], NodeType::String, "70000"),
    expect(&[(Property, "list"), (Element, "0")], NodeType::String, "zero"),
    expect(&[(Property, "list"), (Element, "2")], NodeType::String, "two"),
    expect(&[(Property, "list"), (Internal, "elements")], NodeType::Array, "(object elements)"),
    expect(&[(Property, "accessors"), (Property, "get pair")], NodeType::Closure, "get pair"),
    expect(&[(Property, "accessors"), (Property, "set pair")], NodeType::Closure, "set pair"),
    expect(&[(Property, "accessors"), (Property, "pair"), (Internal, "setter")], NodeType::Closure, "set pair"),
    expect(&[(Property, "pattern")], NodeType::RegExp, "self-test"),
    expect(&[(Property, "bytes")], NodeType::Object, "Uint8Array"),
    expect(&[(Property, "bytes"), (Internal, "buffer")], NodeType::Object, "ArrayBuffer"),
    expect(&[(Property, "accessors"), (Property, "pair"), (Internal, "getter")], NodeType::Closure, "get pair"),
    expect(&[(Property, "symbol")], NodeType::Symbol, "symbol"),
    expect(&[(Property, "symbol"), (Internal, "name")], NodeType::String, "self-test description"),
    expect(&[(Property, "set"), (Internal, "table")], NodeType::Array, ""),
    expect(&[(Property, "weakSet"), (Internal, "table")], NodeType::Array, ""),
    expect(&[(Property, "view"), (Internal, "buffer")], NodeType::Object, "ArrayBuffer"),
    expect(&[(Property, "inferred")], NodeType::Object, "inferred.SelfTestInferred"),
    expect(&[(Property, "generator"), (Internal, "receiver"), (Property, "calledOn")], NodeType::String, "receiver"),
    expect(&[(Property, "generator"), (Internal, "context")], NodeType::Object, "system / Context"),
    expect(&[(Property, "generator"), (Internal, "function")], NodeType::Closure, "selfTestGenerator"),
    expect(&[(Property, "many"), (Property, "a"), (Property, "letter")], NodeType::String, "a"),
    expect(&[(Property, "many"), (Property, "z"), (Property, "letter")], NodeType::String, "z"),
    expect(&[(Property, "map"), (Internal, "table")], NodeType::Array, ""),
    expect(&[(Property, "map"), (Internal, "table"), (Internal, "5")], NodeType::Object, "Object"),
    expect(&[(Property, "map"), (Internal, "table"), (Internal, "6")], NodeType::String, "map value"),
    expect(&[(Property, "weakMap"), (Internal, "table")], NodeType::Array, ""),
    expect(&[(Property, "weakRef"), (Weak, "target"), (Property, "weak")], NodeType::String, "key"),
    expect(&[(Property, "bound"), (Internal, "bound_this"), (Property, "self")], NodeType::String, "bound"),
    expect(&[(Property, "bound"), (Internal, "bound_function")], NodeType::Closure, "selfTestClosure"),
    expect(&[(Property, "bound"), (Shortcut, "bound_argument_0")], NodeType::String, "bound argument"),
    expect(&[(Property, "shared")], NodeType::Object, "SharedArrayBuffer"),
    expect(&[(Property, "promise"), (Internal, "reactions_or_result")], NodeType::String, "resolved"),
];

/// What lib/probe.js says of the probe's script: its name, and where its first character stands.
const SCRIPT_NAME: &str = "node-oom-heapdump/self-test";
const LINE_OFFSET: u64 = 1000;
const COLUMN_OFFSET: u64 = 100;
/// The length of the probe's array buffer.
const BUFFER_LENGTH: u64 = 77777;

/// Why a layout cannot be trusted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SelfTestError {
    /// The probe is no object, or was not reached.
    #[error(
        "the self-test's object is not found in the heap: take the snapshot over the inspector instead"
    )]
    NoProbe,
    /// Something known was not found where it is.
    #[error(
        "the heap reader did not find {expected} at {path}: take the snapshot over the inspector instead"
    )]
    NotFound {
        /// The names of the edges that were followed.
        path: String,
        /// The name of the node that should be there.
        expected: String,
    },
}

/// Finds the probe among the roots of the isolate and reads it back.
///
/// # Errors
/// The first expectation that fails.
pub fn self_test(graph: &Graph) -> Result<(), SelfTestError> {
    let mut names = Names::default();
    let edge_names = Rc::new(EdgeNames::new(&mut names, graph.layout()));
    let describer = Describer::new(&mut names);
    let mut test = SelfTest {
        graph,
        names,
        extractor: Extractor::new(graph, edge_names),
        describer,
    };
    let probe = test.find_probe().ok_or(SelfTestError::NoProbe)?;
    EXPECTATIONS
        .iter()
        .try_for_each(|expectation| test.check(&probe, expectation))?;
    let checks = [
        (
            ".bytes.buffer.byte_length",
            test.buffer_has_its_length(&probe),
        ),
        (
            ".probe",
            test.place_is_right(&probe, &[(Property, "probe")], "function selfTestProbe"),
        ),
        (
            ".closure",
            test.place_is_right(&probe, &[(Property, "closure")], "function selfTestClosure"),
        ),
        (
            ".generator.function",
            test.place_is_right(&probe, GENERATOR_FUNCTION, "function* selfTestGenerator"),
        ),
        (".closure.shared.script", test.script_has_its_name(&probe)),
        (
            "the weak slot of .registry",
            test.registry_is_not_dirty(&probe),
        ),
        ("the native context", test.native_contexts_have_all_slots()),
        (
            ".generator.function",
            test.bytecode_has_a_constant_pool(&probe),
        ),
        ("the isolate's lists of roots", graph.root_lists_are_right),
    ];
    match checks.into_iter().find(|(_, holds)| !holds) {
        None => Ok(()),
        Some((path, _)) => Err(SelfTestError::NotFound {
            path: path.to_owned(),
            expected: "what it knows".to_owned(),
        }),
    }
}

/// The path to a function that was run, so that it has bytecode.
const GENERATOR_FUNCTION: &[Step] = &[(Property, "generator"), (Internal, "function")];
struct SelfTest<'x, 'm> {
    graph: &'x Graph<'m>,
    names: Names,
    extractor: Extractor<'x, 'm, Edges>,
    describer: Describer,
}

/// All edges of a node.
#[derive(Default)]
struct Edges {
    to_objects: Vec<(EdgeType, EdgeName, Address)>,
    to_memory: Option<Address>,
}

impl EdgeSink for Edges {
    type Label = (EdgeType, EdgeName);
    type Edge = (EdgeType, EdgeName, Address);

    fn label(&mut self, edge_type: EdgeType, name: EdgeName) -> Self::Label {
        (edge_type, name)
    }

    fn prepare(&mut self, edge_type: EdgeType, name: EdgeName, target: Address) -> Self::Edge {
        (edge_type, name, target)
    }

    fn edge(&mut self, edge_type: EdgeType, name: EdgeName, target: Address) {
        self.to_objects.push((edge_type, name, target));
    }

    fn labelled(&mut self, &(edge_type, name): &Self::Label, target: Address) {
        self.edge(edge_type, name, target);
    }

    fn prepared(&mut self, edge: &Self::Edge) {
        self.to_objects.push(*edge);
    }

    fn native_edge(&mut self, _: EdgeName, memory: Address) {
        self.to_memory = Some(memory);
    }
}

/// Longer than any name of the probe.
const MAX_NAME: usize = 64;

/// The property by which the probe is known, and its value.
const MARK: (Step, &str) = ((Property, "text"), "self-test text");

impl<'m> SelfTest<'_, 'm> {
    /// The probe is an object of the embedder's that bears the mark.
    fn find_probe(&mut self) -> Option<Object<'m>> {
        let (step, text) = MARK;
        let graph = self.graph;
        let objects = graph
            .roots
            .iter()
            .filter_map(|root| graph.object(root.target));
        objects
            .filter(|object| object.kind() == Kind::JsObject)
            .find(|object| {
                let found = self.find(object, step);
                found.is_some_and(|found| graph.utf8(found, MAX_NAME) == text)
            })
    }

    fn check(
        &mut self,
        probe: &Object<'m>,
        expectation: &Expectation,
    ) -> Result<(), SelfTestError> {
        let not_found = || SelfTestError::NotFound {
            path: expectation
                .path
                .iter()
                .map(|step| format!(".{}", step.1))
                .collect(),
            expected: format!("{:?} {:?}", expectation.node_type, expectation.name),
        };
        let node = self.follow(probe, expectation.path).ok_or_else(not_found)?;
        let is_expected = self.is_expected(&node, expectation);
        is_expected.then_some(()).ok_or_else(not_found)
    }

    fn text_of(&self, name: EdgeName) -> String {
        let key = |key| match self.graph.object(key) {
            Some(object) if object.kind().is_string() => self.graph.utf8(key, MAX_NAME),
            Some(object) => self.graph.symbol_text(&object),
            None => String::new(),
        };
        match name {
            EdgeName::Index(index) | EdgeName::Decimal(index) => index.to_string(),
            EdgeName::Name(name) => self.names.text(name).to_owned(),
            EdgeName::Key(address) => key(address),
            EdgeName::Accessor(AccessorPart::Getter, address) => format!("get {}", key(address)),
            EdgeName::Accessor(AccessorPart::Setter, address) => format!("set {}", key(address)),
            EdgeName::BoundArgument(index) => format!("bound_argument_{index}"),
        }
    }

    fn follow(&mut self, probe: &Object<'m>, path: &[Step]) -> Option<Object<'m>> {
        path.iter().try_fold(*probe, |node, &step| {
            self.graph.object(self.find(&node, step)?)
        })
    }

    fn edges(&mut self, node: &Object<'m>) -> Edges {
        let mut edges = Edges::default();
        self.extractor.extract(node, &mut edges);
        edges
    }

    fn find(&mut self, node: &Object<'m>, wanted: Step) -> Option<Address> {
        let (edge_type, name) = wanted;
        let edges = self.edges(node).to_objects;
        edges
            .into_iter()
            .find(|edge| edge.0 == edge_type && self.text_of(edge.1) == name)
            .map(|edge| edge.2)
    }

    fn is_expected(&mut self, node: &Object<'m>, expectation: &Expectation) -> bool {
        let (node_type, name) = self.describer.describe(self.graph, &mut self.names, node);
        let name = match name {
            NodeName::Name(name) => self.names.text(name).to_owned(),
            NodeName::Text(address) => self.graph.utf8(address, MAX_NAME),
        };
        // A name in parentheses is one that another object lends; the node itself has none. A text that was put together
        // may have been flattened.
        let is_lent = expectation.name.starts_with("(object") && name.is_empty();
        let is_text = expectation.name == "(concatenated string)" && node.kind().is_string();
        // Without object shapes, as in 10.2, maps are hidden.
        let shapes = self.graph.layout().snapshot.object_shapes;
        let wanted_type = match expectation.node_type {
            NodeType::ObjectShape if !shapes => NodeType::Hidden,
            wanted => wanted,
        };
        is_text || node_type == wanted_type && (name == expectation.name || is_lent)
    }

    fn buffer_has_its_length(&mut self, probe: &Object<'m>) -> bool {
        let layout = &self.graph.layout().buffer;
        let Some(buffer) = self.follow(probe, &[(Property, "bytes"), (Internal, "buffer")]) else {
            return false;
        };
        let memory = self.edges(&buffer).to_memory;
        let is_readable = memory.is_some_and(|memory| {
            self.graph
                .decoder
                .memory
                .view(memory, BUFFER_LENGTH)
                .is_some()
        });
        is_readable && buffer.view().word(u64::from(layout.byte_length)) == BUFFER_LENGTH
    }

    /// Whether the function's place is where `text` ends in the probe: a function starts with its parameters.
    fn place_is_right(&mut self, probe: &Object<'m>, path: &[Step], text: &str) -> bool {
        let function = self.follow(probe, path);
        let location =
            function.and_then(|function| Locator::default().locate(self.graph, &function).location);
        let mut places = PROBE.lines().enumerate().filter_map(|(line, content)| {
            let column = content.find(text)? + text.len();
            Some((line as u64, column as u64))
        });
        let Some(((line, column), location)) = places.next().zip(location) else {
            return false;
        };
        let first_column = if line == 0 { COLUMN_OFFSET } else { 0 };
        location.script > 0
            && location.line == LINE_OFFSET + line
            && location.column == first_column + column
    }

    fn script_has_its_name(&mut self, probe: &Object<'m>) -> bool {
        let layout = &self.graph.layout().function;
        let mut script = || {
            let closure = self.follow(probe, &[(Property, "closure")])?;
            let shared =
                (self.graph).object_in(&closure, layout.shared, Kind::SharedFunctionInfo)?;
            self.graph.object_in(&shared, layout.script, Kind::Script)
        };
        script().is_some_and(|script| {
            self.is_expected(&script, &expect(&[], NodeType::Code, SCRIPT_NAME))
        })
    }

    /// Nothing that the registry watches has died yet, so its link of the dirty ones is `undefined`.
    fn registry_is_not_dirty(&mut self, probe: &Object<'m>) -> bool {
        let registry = self.follow(probe, &[(Property, "registry")]);
        registry.is_some_and(|registry| {
            let link = weak_slots(self.graph.layout(), &registry).start;
            registry.tagged(link).strong() == Some(self.graph.well_known.undefined)
        })
    }

    /// Whether each native context has as many slots as the layout has names for.
    fn native_contexts_have_all_slots(&self) -> bool {
        let names = self.graph.layout().native_context_slots.lines().count();
        let contexts = self.graph.native_contexts.iter();
        let mut contexts = contexts.filter_map(|&context| self.graph.object(context));
        contexts.all(|context| context.tagged(8).length() == names as u64)
    }

    fn bytecode_has_a_constant_pool(&mut self, probe: &Object<'m>) -> bool {
        let layout = &self.graph.layout().function;
        let mut pool = || {
            let function = self.follow(probe, GENERATOR_FUNCTION)?;
            let shared =
                self.graph
                    .object_in(&function, layout.shared, Kind::SharedFunctionInfo)?;
            let bytecode =
                self.graph
                    .object_in(&shared, layout.function_data, Kind::BytecodeArray)?;
            self.graph
                .object(bytecode.pointer(layout.bytecode_constant_pool)?)
        };
        pool().is_some_and(|pool| matches!(pool.kind(), Kind::FixedArray | Kind::TrustedFixedArray))
    }
}
