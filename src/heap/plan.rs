//! What all objects of a map have in common, worked out once: where their properties are, what the edges to them are called, and
//! the prototype. A bounded number of maps is remembered.

use super::body::{FieldPlace, field_place};
use super::extract::Property;
use super::graph::Graph;
use super::layout::bits;
use super::layout::kind::Kind;
use super::memory::Address;
use super::object::{Object, Shape};
use super::tagged::Tagged;
use super::text::string_length;
use crate::snapshot::EdgeType;
use std::cell::RefCell;
use std::rc::Rc;

/// How to read one property of an object.
#[derive(Debug, Clone, Copy)]
pub struct PropertySlot {
    /// The string or symbol that names it.
    pub key: Address,
    /// The type of the edge to it.
    pub edge_type: EdgeType,
    /// Whether it is an accessor.
    pub is_accessor: bool,
    /// Whether it is kept as a number, which V8 shows no edge for.
    pub is_number: bool,
    place: Place,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Field(FieldPlace),
    /// The same for all objects of the map.
    Constant(Tagged),
}

/// What the objects of one map have in common.
pub struct MapPlan {
    map: Address,
    /// The prototype.
    pub prototype: Tagged,
    /// The properties, unless they are in a dictionary.
    pub properties: Box<[PropertySlot]>,
}

/// The number of maps remembered, and the number of properties that a remembered map has at most.
const REMEMBERED_MAPS: usize = 1 << 10;
const MAX_REMEMBERED_PROPERTIES: usize = 128;
const DESCRIPTOR_SIZE: u64 = 24;

/// Plans of maps seen lately.
pub struct Plans {
    plans: RefCell<Vec<Option<Rc<MapPlan>>>>,
}

impl Plans {
    /// No plans.
    pub fn new() -> Plans {
        Plans {
            plans: RefCell::new(vec![None; REMEMBERED_MAPS]),
        }
    }
}

impl Default for Plans {
    fn default() -> Self {
        Self::new()
    }
}

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
    /// The plan for the objects of the map of `object`.
    #[inline]
    pub fn plan(&self, object: &Object<'m>) -> Rc<MapPlan> {
        let map = object.shape.map;
        let index =
            (map >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> 32 & (REMEMBERED_MAPS - 1);
        if let Some(plan) = &self.plans.plans.borrow()[index]
            && plan.map == map
        {
            return Rc::clone(plan);
        }
        let plan = Rc::new(self.make_plan(&object.shape));
        if plan.properties.len() <= MAX_REMEMBERED_PROPERTIES {
            self.plans.plans.borrow_mut()[index] = Some(Rc::clone(&plan));
        }
        plan
    }

    fn make_plan(&self, shape: &Shape) -> MapPlan {
        let map = self.object(shape.map);
        let prototype = map.as_ref().map_or(Tagged(0), |map| {
            map.tagged(u64::from(self.layout().map.prototype))
        });
        let properties = match map {
            Some(map) if !shape.is_dictionary_map() => self.property_slots(shape, &map),
            _ => Box::default(),
        };
        MapPlan {
            map: shape.map,
            prototype,
            properties,
        }
    }

    fn property_slots(&self, shape: &Shape, map: &Object<'m>) -> Box<[PropertySlot]> {
        let layout = self.layout();
        let Some(descriptors) = self.object_in(map, layout.map.descriptors, Kind::DescriptorArray)
        else {
            return Box::default();
        };
        (0..shape.own_descriptors())
            .filter_map(|index| {
                let offset = u64::from(layout.descriptors.entries) + DESCRIPTOR_SIZE * index;
                let key = descriptors.tagged(offset).strong()?;
                let details = descriptors.tagged(offset + 8).smi()? as u32;
                let representation =
                    details >> bits::REPRESENTATION_SHIFT & bits::REPRESENTATION_MASK;
                let in_descriptor = details & bits::PROPERTY_IN_DESCRIPTOR != 0;
                let is_number = representation == bits::REPRESENTATION_SMI
                    || representation == bits::REPRESENTATION_DOUBLE;
                let place = match in_descriptor {
                    true => Place::Constant(descriptors.tagged(offset + 16)),
                    false => Place::Field(field_place(shape, details)),
                };
                Some(PropertySlot {
                    key,
                    edge_type: self.property_edge_type(key),
                    is_accessor: details & bits::PROPERTY_IS_ACCESSOR != 0,
                    is_number: is_number && !in_descriptor,
                    place,
                })
            })
            .collect()
    }

    /// A property named by the empty string is shown as internal.
    pub fn property_edge_type(&self, key: Address) -> EdgeType {
        let name = self.object(key);
        let is_empty = name.is_none_or(|name| name.kind().is_string() && string_length(&name) == 0);
        if is_empty {
            EdgeType::Internal
        } else {
            EdgeType::Property
        }
    }
}
