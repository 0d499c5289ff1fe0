//! What all objects of a map have in common, worked out once: where their properties are, what the edges to them are called,
//! and the prototype. A bounded number of maps is remembered.

use crate::heap::graph::Graph;
use crate::heap::memory::Address;
use crate::heap::object::{Object, Shape};
use crate::heap::properties::PropertySlot;
use crate::heap::tagged::Tagged;
use crate::heap::text::string_length;
use crate::snapshot::EdgeType;
use std::cell::RefCell;
use std::rc::Rc;

/// What the objects of one map have in common.
pub struct MapPlan {
    map: Address,
    /// The prototype.
    pub prototype: Tagged,
    /// The properties, unless they are in a dictionary, and the types of the edges to them.
    pub properties: Box<[(EdgeType, PropertySlot)]>,
}

/// The number of maps remembered, and the number of properties that a remembered map has at most.
const REMEMBERED_MAPS: usize = 1 << 10;
const MAX_REMEMBERED_PROPERTIES: usize = 128;

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

    /// The plan for the objects of the map of `object`.
    #[inline]
    pub fn plan(&self, graph: &Graph, object: &Object) -> Rc<MapPlan> {
        let map = object.shape.map;
        let index =
            (map >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> 32 & (REMEMBERED_MAPS - 1);
        if let Some(plan) = &self.plans.borrow()[index]
            && plan.map == map
        {
            return Rc::clone(plan);
        }
        let plan = Rc::new(MapPlan::of(graph, &object.shape));
        if plan.properties.len() <= MAX_REMEMBERED_PROPERTIES {
            self.plans.borrow_mut()[index] = Some(Rc::clone(&plan));
        }
        plan
    }
}

impl MapPlan {
    fn of(graph: &Graph, shape: &Shape) -> MapPlan {
        let map = graph.object(shape.map);
        let prototype = map.as_ref().map_or(Tagged(0), |map| {
            map.tagged(u64::from(graph.layout().map.prototype))
        });
        MapPlan {
            map: shape.map,
            prototype,
            properties: graph
                .property_slots(shape)
                .map(|slot| (property_edge_type(graph, slot.key), slot))
                .collect(),
        }
    }
}

/// A property named by the empty string is shown as internal.
pub fn property_edge_type(graph: &Graph, key: Address) -> EdgeType {
    let name = graph.object(key);
    let is_empty = name.is_none_or(|name| name.kind().is_string() && string_length(&name) == 0);
    if is_empty {
        EdgeType::Internal
    } else {
        EdgeType::Property
    }
}
