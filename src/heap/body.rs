//! Which slots of an object are tagged, and which of those hold their target weakly though they have no weak tag. V8's body
//! descriptors, src/objects/objects-body-descriptors-inl.h. A raw word within a body does no harm: it is no pointer to an object.

use super::layout::kind::Kind;
use super::layout::{Layout, Slots, WEAK_CONTEXT_SLOTS};
use super::object::Object;
use super::size::preparse_children;
use std::ops::Range;

/// The tagged slots of `object` behind its map, as offsets.
#[inline]
pub fn tagged_slots(layout: &Layout, object: &Object) -> Range<u64> {
    match object.shape.slots() {
        Slots::None => 0..0,
        Slots::BehindMap => 8..object.size(),
        Slots::BehindHeader => 16..object.size(),
        Slots::Special => special_slots(layout, object),
    }
}

fn special_slots(layout: &Layout, object: &Object) -> Range<u64> {
    let size = object.size();
    match object.kind() {
        Kind::Oddball => 16..40,
        Kind::Map => u64::from(layout.map.prototype)..u64::from(layout.map.transitions) + 8,
        Kind::BytecodeArray => 16..48.min(layout.sizes.bytecode_array & !7),
        // Map, up to the instruction stream; then raw words.
        Kind::Code => 8..40,
        Kind::InstructionStream => match layout.sizes.instruction_stream {
            super::layout::InstructionStreamSize::Inside {
                instruction_size, ..
            } => 8..u64::from(instruction_size),
            super::layout::InstructionStreamSize::InCode { .. } => 8..16,
            super::layout::InstructionStreamSize::Body { body_size, .. } => 8..u64::from(body_size),
        },
        Kind::PreparseData => preparse_children(object.view())..size,
        Kind::NativeContext => 8..size - 8,
        _ => 8..size,
    }
}

/// The slots of `object` that hold weakly without a weak tag: offsets, 0 for none.
#[inline]
pub fn weak_slots(layout: &Layout, object: &Object) -> Range<u64> {
    match object.shape.slots() {
        Slots::Special => special_weak_slots(layout, object),
        _ => 0..0,
    }
}

fn special_weak_slots(layout: &Layout, object: &Object) -> Range<u64> {
    let one = |offset: u64| offset..offset + 8;
    match object.kind() {
        Kind::JsWeakRef | Kind::WeakCell => {
            let offsets = || {
                layout
                    .fields
                    .iter()
                    .filter(|field| field.kind == object.kind() && field.weak)
            };
            let first = offsets()
                .map(|field| u64::from(field.offset))
                .min()
                .unwrap_or(0);
            let last = offsets()
                .map(|field| u64::from(field.offset))
                .max()
                .unwrap_or(0);
            first..last + 8
        }
        Kind::NativeContext => {
            let end = object.size() - 8;
            let names = layout.native_context_slots.lines().rev();
            let weak = names.take_while(|name| WEAK_CONTEXT_SLOTS.contains(name));
            end.saturating_sub(8 * weak.count() as u64)..end
        }
        Kind::AllocationSite if object.size() > layout.weak.allocation_site_without_link => {
            one(object.size() - 8)
        }
        Kind::JsFinalizationRegistry => {
            one(u64::from(layout.weak.finalization_registry_next_dirty))
        }
        Kind::CodeDataContainer => layout
            .weak
            .next_code_link
            .map_or(0..0, |offset| one(u64::from(offset))),
        _ => 0..0,
    }
}
