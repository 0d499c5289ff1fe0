//! Where the function of a node stands in its script: V8HeapExplorer::ExtractLocation. Lines are found by one pass over the
//! source of a script, whose line ends stay as long as nodes of that script follow each other.

use super::graph::Graph;
use super::layout::kind::Kind;
use super::memory::Address;
use super::object::Object;
use rustc_hash::FxHashMap;

/// A place in a script; all count from 0 but the script's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// V8's number of the script.
    pub script: u64,
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// What was found for an object.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found {
    /// Where its function stands, if it has one.
    pub location: Option<Location>,
    /// Whether this holds for all objects of its [descriptive part](Graph::descriptive_part).
    pub holds_for_part: bool,
}

/// Remembers what is dear to find.
#[derive(Default)]
pub struct Locator {
    by_function: FxHashMap<Address, Option<Location>>,
    line_starts: FxHashMap<Address, Vec<u32>>,
}

/// So many functions are remembered; then all are forgotten.
const REMEMBERED: usize = 1 << 14;
/// So many scripts' line starts are remembered.
const REMEMBERED_SCRIPTS: usize = 64;
const GENERATOR_FUNCTION: u16 = 24;

impl Locator {
    /// Where the function of `object`, or that of its constructor, stands.
    pub fn locate<'m>(&mut self, graph: &Graph<'m>, object: &Object<'m>) -> Found {
        let function = match object.kind() {
            Kind::JsFunction => Some(*object),
            Kind::JsGenerator => graph.object_in(object, GENERATOR_FUNCTION, Kind::JsFunction),
            _ => return self.of_constructor(graph, object),
        };
        Found {
            location: function.and_then(|function| self.of_function(graph, &function)),
            holds_for_part: object.kind() == Kind::JsFunction,
        }
    }

    fn of_constructor<'m>(&mut self, graph: &Graph<'m>, object: &Object<'m>) -> Found {
        let found = graph.constructor_name(object);
        let holds_for_part = found
            .as_ref()
            .map_or(!object.shape.is_dictionary_map(), |found| {
                found.holds_for_map
            });
        let constructor = found.and_then(|found| found.constructor);
        Found {
            location: constructor.and_then(|constructor| self.of_function(graph, &constructor)),
            holds_for_part,
        }
    }

    fn of_function<'m>(&mut self, graph: &Graph<'m>, function: &Object<'m>) -> Option<Location> {
        let layout = &graph.layout().function;
        let shared = graph.object_in(function, layout.shared, Kind::SharedFunctionInfo)?;
        if let Some(&location) = self.by_function.get(&shared.address) {
            return location;
        }
        let location = self.of_shared(graph, &shared);
        if self.by_function.len() >= REMEMBERED {
            self.by_function.clear();
        }
        self.by_function.insert(shared.address, location);
        location
    }

    fn of_shared<'m>(&mut self, graph: &Graph<'m>, shared: &Object<'m>) -> Option<Location> {
        let script = graph.object_in(shared, graph.layout().function.script, Kind::Script)?;
        let layout = &graph.layout().script;
        let position = graph.start_position(shared)?;
        let id = script.tagged(u64::from(layout.id)).length();
        if self.line_starts.len() >= REMEMBERED_SCRIPTS
            && !self.line_starts.contains_key(&script.address)
        {
            self.line_starts.clear();
        }
        let starts = self
            .line_starts
            .entry(script.address)
            .or_insert_with(|| line_starts(graph, &script));
        let line = starts
            .partition_point(|&start| start <= position)
            .checked_sub(1)?;
        let mut column = u64::from(position - starts[line]);
        if line == 0 {
            column += script.tagged(u64::from(layout.column_offset)).length();
        }
        let line = line as u64 + script.tagged(u64::from(layout.line_offset)).length();
        Some(Location {
            script: id,
            line,
            column,
        })
    }
}

/// The position of each line's first character.
fn line_starts<'m>(graph: &Graph<'m>, script: &Object<'m>) -> Vec<u32> {
    let mut starts = vec![0];
    let source = graph.string_in(script, graph.layout().script.source);
    if let Some(characters) = source.as_ref().and_then(|source| graph.characters(source)) {
        let mut after_carriage_return = false;
        for (index, unit) in characters.units().enumerate() {
            if after_carriage_return && unit != u16::from(b'\n') {
                starts.push(index as u32);
            }
            after_carriage_return = unit == u16::from(b'\r');
            if matches!(unit, 0x0a | 0x2028 | 0x2029) {
                starts.push(index as u32 + 1);
            }
        }
    }
    starts
}

impl<'m> Graph<'m> {
    /// `SharedFunctionInfo::StartPosition`, src/objects/shared-function-info.cc.
    fn start_position(&self, shared: &Object<'m>) -> Option<u32> {
        let layout = &self.layout().function;
        let holder = shared
            .pointer(layout.name_or_scope_info)
            .and_then(|holder| self.object(holder));
        if let Some(holder) = holder
            && let Some(offset) = self
                .scope_info(&holder)
                .and_then(|scope| scope.start_position())
        {
            return Some(holder.tagged(offset).length() as u32);
        }
        let data = self.uncompiled_data(shared)?;
        Some(
            data.view()
                .half_word(u64::from(layout.uncompiled_start_position)),
        )
    }
}
