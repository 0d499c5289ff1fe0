//! The names of edges that V8 makes up, each entered once.

use crate::heap::layout::kind::Kind;
use crate::heap::layout::{Field, Layout};
use crate::heap::names::{NameId, Names};

/// The names that extraction needs at hand.
pub struct EdgeNames {
    pub(super) map: NameId,
    pub(super) properties: NameId,
    pub(super) elements: NameId,
    pub(super) scope_info: NameId,
    pub(super) previous: NameId,
    pub(super) extension: NameId,
    pub(super) native_context_slots: Vec<NameId>,
    pub(super) transition: NameId,
    pub(super) transitions: NameId,
    pub(super) prototype_info: NameId,
    pub(super) descriptors: NameId,
    pub(super) prototype: NameId,
    pub(super) native_context: NameId,
    pub(super) back_pointer: NameId,
    pub(super) constructor_function_data: NameId,
    pub(super) constructor: NameId,
    pub(super) dependent_code: NameId,
    pub(super) initial_map: NameId,
    pub(super) code: NameId,
    pub(super) backing_store: NameId,
    pub(super) global_object: NameId,
    pub(super) interpreter_data: NameId,
    pub(super) bytecode_offset_table: NameId,
    pub(super) deoptimization_data: NameId,
    pub(super) source_position_table: NameId,
    /// For each kind its named fields.
    pub(super) fields: Vec<Vec<(Field, NameId)>>,
}

impl EdgeNames {
    /// The names of the edges of this version.
    pub fn new(names: &mut Names, layout: &Layout) -> EdgeNames {
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
