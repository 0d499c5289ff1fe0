//! What a map says of its instances, in as few words as it takes to have it beside every object.

use super::layout::kind::Kind;
use super::layout::{InstanceType, MapLayout, Slots, bits};
use super::memory::{Address, View};

/// What the map says of its instances. It is copied with every object, so the small fields share a word.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The map's address.
    pub map: Address,
    /// Instance size in words, start of in-object properties, two bit fields, instance type (two bytes), tagged slots, whether
    /// it is a fixed array.
    small_fields: u64,
    /// See [`bits`].
    pub bit_field3: u32,
    /// The kind.
    pub kind: Kind,
}

impl Shape {
    /// Of no map.
    pub const NONE: Shape = Shape {
        map: 0,
        small_fields: 0,
        bit_field3: 0,
        kind: Kind::Unknown,
    };

    /// What the map at `map` says, of which `view` are the bytes and whose instance type has that meaning.
    pub fn read(map: Address, view: View, layout: &MapLayout, meaning: InstanceType) -> Shape {
        let byte = |offset: u16| view.byte(u64::from(offset));
        let instance_type = view.quarter_word(u64::from(layout.instance_type));
        let [type_low, type_high] = instance_type.to_le_bytes();
        Shape {
            map,
            small_fields: u64::from_le_bytes([
                byte(layout.instance_size_in_words),
                byte(layout.inobject_properties_start),
                byte(layout.bit_field),
                byte(layout.bit_field2),
                type_low,
                type_high,
                Slots::of(meaning.kind) as u8,
                u8::from(meaning.is_fixed_array),
            ]),
            bit_field3: view.half_word(u64::from(layout.bit_field3)),
            kind: meaning.kind,
        }
    }

    #[inline]
    fn small_field(&self, byte: u32) -> u8 {
        (self.small_fields >> (8 * byte)) as u8
    }

    /// Size in words, 0 where it varies.
    #[inline]
    pub fn instance_size_in_words(&self) -> u8 {
        self.small_field(0)
    }

    /// Where in-object properties start, in words.
    #[inline]
    pub fn inobject_properties_start(&self) -> u8 {
        self.small_field(1)
    }

    /// See [`bits`].
    #[inline]
    pub fn bit_field(&self) -> u8 {
        self.small_field(2)
    }

    /// See [`bits`].
    #[inline]
    pub fn bit_field2(&self) -> u8 {
        self.small_field(3)
    }

    /// V8's instance type.
    #[inline]
    pub fn instance_type(&self) -> u16 {
        (self.small_fields >> 32) as u16
    }

    /// Which slots are tagged.
    #[inline]
    pub fn slots(&self) -> Slots {
        Slots::ALL[usize::from(self.small_field(6) & 3)]
    }

    /// Whether V8's `IsFixedArray` holds.
    #[inline]
    pub fn is_fixed_array(&self) -> bool {
        self.small_field(7) != 0
    }

    /// The elements kind of instances.
    #[inline]
    pub fn elements_kind(&self) -> u8 {
        self.bit_field2() >> bits::ELEMENTS_KIND_SHIFT
    }

    /// Whether properties are in a dictionary.
    #[inline]
    pub fn is_dictionary_map(&self) -> bool {
        self.bit_field3 & bits::IS_DICTIONARY_MAP != 0
    }

    /// The number of the map's own descriptors.
    #[inline]
    pub fn own_descriptors(&self) -> u64 {
        u64::from(self.bit_field3 >> bits::OWN_DESCRIPTORS_SHIFT & bits::OWN_DESCRIPTORS_MASK)
    }

    /// Whether a string's characters take one byte each.
    #[inline]
    pub fn is_one_byte(&self) -> bool {
        self.instance_type() & 8 != 0
    }

    /// Whether a string is in the table of internalized strings, so that no other has its text.
    #[inline]
    pub fn is_internalized(&self) -> bool {
        self.instance_type() & 0x60 == 0 && self.kind.is_string()
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
