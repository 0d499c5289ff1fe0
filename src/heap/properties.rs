//! The own named properties of objects: where a map's descriptors say that they are, or in a dictionary.

use super::graph::Graph;
use super::hash_table::HashTable;
use super::layout::bits;
use super::layout::kind::Kind;
use super::memory::Address;
use super::object::Object;
use super::shape::{FieldPlace, Shape, field_place};
use super::tagged::Tagged;

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

/// How to read one property of all objects of a map.
#[derive(Debug, Clone, Copy)]
pub struct PropertySlot {
    /// The string or symbol that names it.
    pub key: Address,
    /// Whether it is an accessor.
    pub is_accessor: bool,
    /// Whether it is kept as a number, which V8 shows no edge for.
    pub is_number: bool,
    /// Where it is.
    pub place: Place,
}

/// Where a property's value is.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// In the object or its property array.
    Field(FieldPlace),
    /// The same for all objects of the map.
    Constant(Tagged),
}

/// `PropertyCell`: name, details, value. src/objects/property-cell.tq.
const CELL_NAME: u16 = 8;
const CELL_DETAILS: u64 = 16;
const CELL_VALUE: u64 = 24;
/// Three slots of key, details and value.
const DESCRIPTOR_SIZE: u64 = 24;
/// Where an object keeps the properties that are not in it.
pub const JS_PROPERTIES: u16 = 8;
/// Where JavaScript's objects keep their elements.
pub const JS_ELEMENTS: u16 = 16;
/// Elements of a hash table before its entries; a global dictionary has a longer prefix.
pub const HASH_TABLE_PREFIX: u64 = 3;
const GLOBAL_DICTIONARY_PREFIX: u64 = 5;

impl PropertySlot {
    /// Reads the property. `property_array` is what the object keeps its other properties in.
    #[inline]
    pub fn read<'m>(
        &self,
        object: &Object<'m>,
        property_array: impl FnOnce() -> Option<Object<'m>>,
    ) -> Property {
        let (value, offset) = match self.place {
            Place::Constant(value) => (value, None),
            Place::Field(FieldPlace::InObject(offset)) => (object.tagged(offset), Some(offset)),
            Place::Field(FieldPlace::PropertyArray(offset)) => (
                property_array().map_or(Tagged(0), |array| array.tagged(offset)),
                None,
            ),
        };
        Property {
            key: self.key,
            value,
            is_accessor: self.is_accessor,
            offset,
            is_number: self.is_number,
        }
    }
}

impl<'m> Graph<'m> {
    /// Whether a dictionary's key says that its entry is used.
    pub fn is_key(&self, key: Tagged) -> bool {
        key.target()
            .is_none_or(|key| key != self.well_known.undefined && key != self.well_known.the_hole)
    }

    /// Calls `visit` with each own named property until it returns true.
    #[inline]
    pub fn find_own_property(&self, object: &Object<'m>, mut visit: impl FnMut(Property) -> bool) {
        if !object.shape.is_dictionary_map() {
            for slot in self.property_slots(&object.shape) {
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

    /// How to read the properties of the objects of a map, unless they are in a dictionary.
    pub fn property_slots(
        &self,
        shape: &Shape,
    ) -> impl Iterator<Item = PropertySlot> + use<'_, 'm> {
        let layout = self.layout();
        let shape = *shape;
        let descriptors = self
            .object(shape.map)
            .filter(|_| !shape.is_dictionary_map())
            .and_then(|map| self.object_in(&map, layout.map.descriptors, Kind::DescriptorArray));
        let slot = move |descriptors: &Object<'m>, index| {
            let offset = u64::from(layout.descriptors.entries) + DESCRIPTOR_SIZE * index;
            let key = descriptors.tagged(offset).strong()?;
            let details = descriptors.tagged(offset + 8).smi()? as u32;
            let representation = details >> bits::REPRESENTATION_SHIFT & bits::REPRESENTATION_MASK;
            let in_descriptor = details & bits::PROPERTY_IN_DESCRIPTOR != 0;
            let is_number = representation == bits::REPRESENTATION_SMI
                || representation == bits::REPRESENTATION_DOUBLE;
            let place = match in_descriptor {
                true => Place::Constant(descriptors.tagged(offset + 16)),
                false => Place::Field(field_place(&shape, details)),
            };
            Some(PropertySlot {
                key,
                is_accessor: details & bits::PROPERTY_IS_ACCESSOR != 0,
                is_number: is_number && !in_descriptor,
                place,
            })
        };
        descriptors.into_iter().flat_map(move |descriptors| {
            (0..shape.own_descriptors()).filter_map(move |index| slot(&descriptors, index))
        })
    }
}
