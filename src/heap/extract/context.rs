//! The edges of contexts, whose slots are called by the variables they hold: `ExtractContextReferences`.

use super::{EdgeName, EdgeSink, Extraction};
use crate::heap::body::weak_slots;
use crate::heap::hash_table::HashTable;
use crate::heap::layout::kind::Kind;
use crate::heap::layout::{FUNCTION_VARIABLE_IN_CONTEXT, bits};
use crate::heap::memory::Address;
use crate::heap::object::Object;
use crate::heap::properties::HASH_TABLE_PREFIX;
use crate::heap::size::ScopeInfo;
use crate::snapshot::EdgeType;

const CONTEXT_SLOTS: u64 = 16;
/// The scope info and the previous context.
const SLOTS_OF_ALL_CONTEXTS: usize = 2;

impl<'m, S: EdgeSink> Extraction<'_, 'm, S> {
    pub(super) fn context(&mut self) {
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
    fn is_declaration_context(&self, scope: &ScopeInfo) -> bool {
        match self
            .graph
            .decoder
            .instance_types
            .get(self.object.shape.instance_type())
            .class
        {
            "FunctionContext" | "ScriptContext" | "ModuleContext" => true,
            "EvalContext" => scope.flags & bits::SCOPE_IS_STRICT != 0,
            "BlockContext" => scope.flags & bits::SCOPE_IS_DECLARATION != 0,
            _ => false,
        }
    }

    fn context_locals(&mut self, object: &Object<'m>, scope: &ScopeInfo<'m>) {
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
            self.visit(offset);
        }
    }

    /// All slots by name but the last, the link of all contexts.
    fn native_context_slots(&mut self) {
        let names = &self.names.native_context_slots;
        let weak = weak_slots(self.graph.layout(), self.object);
        let slots = (CONTEXT_SLOTS..weak.end - 8).step_by(8).zip(names);
        for (offset, &name) in slots.skip(SLOTS_OF_ALL_CONTEXTS) {
            if weak.contains(&offset) {
                self.weak(name, offset);
            } else {
                self.internal(name, offset);
            }
        }
    }

    pub(super) fn global_proxy(&mut self) {
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
}
