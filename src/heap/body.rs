//! Which slots of an object are tagged, and which of those hold their target weakly though they have no weak tag. V8's body
//! descriptors, src/objects/objects-body-descriptors-inl.h. A raw word within a body does no harm: it is no pointer to an object.

use super::layout::kind::Kind;
use super::layout::{Layout, WEAK_CONTEXT_SLOTS, bits};
use super::object::{Object, Shape};
use super::size::preparse_children;
use super::tagged::Tagged;
use std::ops::Range;

/// Which slots of the objects of a kind are tagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slots {
    /// None.
    None,
    /// All behind the map; and none holds weakly without a weak tag.
    BehindMap,
    /// All from the third word on; and none holds weakly without a weak tag.
    BehindHeader,
    /// What the kind has of its own.
    Special,
}

impl Slots {
    /// In the order of their numbers.
    pub const ALL: [Slots; 4] = [
        Slots::None,
        Slots::BehindMap,
        Slots::BehindHeader,
        Slots::Special,
    ];

    /// The slots of objects of `kind`.
    pub fn of(kind: Kind) -> Slots {
        match kind {
            Kind::SeqString
            | Kind::ExternalString
            | Kind::BigInt
            | Kind::HeapNumber
            | Kind::Hole
            | Kind::ByteArray
            | Kind::TrustedByteArray
            | Kind::FixedDoubleArray
            | Kind::ExternalPointerArray
            | Kind::FeedbackMetadata
            | Kind::Foreign
            | Kind::CoverageInfo
            | Kind::DoubleStringCache
            | Kind::SwissNameDictionary
            | Kind::CppHeapExternalObject
            | Kind::WasmNull
            | Kind::Filler => Slots::None,
            Kind::ConsString | Kind::SlicedString | Kind::ThinString | Kind::Symbol => {
                Slots::BehindHeader
            }
            Kind::Oddball
            | Kind::Map
            | Kind::BytecodeArray
            | Kind::Code
            | Kind::InstructionStream
            | Kind::PreparseData
            | Kind::NativeContext
            | Kind::JsWeakRef
            | Kind::WeakCell
            | Kind::AllocationSite
            | Kind::JsFinalizationRegistry
            | Kind::CodeDataContainer => Slots::Special,
            _ => Slots::BehindMap,
        }
    }
}

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

/// A hash table's entries: `src/objects/hash-table.h`. Three elements of counts, a prefix, then entries.
pub struct HashTable<'a, 'm> {
    object: &'a Object<'m>,
    first: u64,
    entry_size: u64,
    capacity: u64,
}

impl<'a, 'm> HashTable<'a, 'm> {
    /// The table in `object`, whose entries of `entry_size` slots begin with element `prefix`.
    pub fn new(object: &'a Object<'m>, prefix: u64, entry_size: u64) -> HashTable<'a, 'm> {
        let first = Self::element_offset(prefix);
        // The capacity is the third element; a wrong one cannot lead beyond the object.
        let room = object.size().saturating_sub(first) / (8 * entry_size);
        let capacity = object.tagged(Self::element_offset(2)).length().min(room);
        HashTable {
            object,
            first,
            entry_size,
            capacity,
        }
    }

    /// The offset of the array's element of that index.
    pub fn element_offset(index: u64) -> u64 {
        16 + 8 * index
    }

    /// For each entry the index of its first element, and a function from element number to value.
    pub fn entries(&self) -> impl Iterator<Item = HashTableEntry<'a, 'm>> + '_ {
        (0..self.capacity).map(|entry| HashTableEntry {
            object: self.object,
            offset: self.first + 8 * self.entry_size * entry,
        })
    }
}

/// One entry, used or not.
pub struct HashTableEntry<'a, 'm> {
    object: &'a Object<'m>,
    offset: u64,
}

impl HashTableEntry<'_, '_> {
    /// The value of the entry's slot of that number.
    pub fn slot(&self, number: u64) -> Tagged {
        self.object.tagged(self.offset + 8 * number)
    }

    /// The index of the entry's first slot among the array's elements.
    pub fn element(&self) -> u64 {
        (self.offset - 16) / 8
    }
}

/// Where a property is that is not in a dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldPlace {
    /// In the object, at this offset.
    InObject(u64),
    /// In the property array, at this offset.
    PropertyArray(u64),
}

/// Where the field that `details` describe is. src/objects/field-index-inl.h.
#[inline]
pub fn field_place(shape: &Shape, details: u32) -> FieldPlace {
    let index = u64::from(details >> bits::FIELD_INDEX_SHIFT & bits::FIELD_INDEX_MASK);
    let start = u64::from(shape.inobject_properties_start());
    let inobject = u64::from(shape.instance_size_in_words()).saturating_sub(start);
    if index < inobject {
        FieldPlace::InObject(8 * (start + index))
    } else {
        FieldPlace::PropertyArray(16 + 8 * (index - inobject))
    }
}
