//! The edges of functions and bound functions besides those that all objects have: `ExtractJSObjectReferences`.

use super::{EdgeName, EdgeSink, Extraction};
use crate::heap::layout::bits;
use crate::heap::layout::kind::Kind;
use crate::heap::object::Object;
use crate::heap::tagged::Tagged;
use crate::snapshot::EdgeType;

const BOUND_ARGUMENTS: u16 = 40;

impl<'m, S: EdgeSink> Extraction<'_, 'm, S> {
    pub(super) fn function(&mut self) {
        let layout = self.graph.layout();
        if self.object.shape.bit_field() & bits::HAS_PROTOTYPE_SLOT != 0 {
            let offset = u64::from(layout.function.prototype_or_initial_map);
            match self.graph.target(self.object.tagged(offset)) {
                Some(map) if map.kind() == Kind::Map => {
                    let key = self.graph.well_known.prototype_string;
                    self.property(
                        EdgeType::Property,
                        key,
                        self.prototype_of_instances(&map),
                        None,
                    );
                    self.internal(self.names.initial_map, offset);
                }
                Some(prototype) if prototype.address != self.graph.well_known.the_hole => {
                    let key = self.graph.well_known.prototype_string;
                    self.property(
                        EdgeType::Property,
                        key,
                        self.object.tagged(offset),
                        Some(offset),
                    );
                }
                _ => {}
            }
        }
        if let Some(code) = self.graph.code_in_dispatch_table(self.object) {
            self.sink
                .edge(EdgeType::Internal, EdgeName::Name(self.names.code), code);
        }
    }

    /// `JSFunction::prototype` of a function whose instances have `map`.
    fn prototype_of_instances(&self, map: &Object<'m>) -> Tagged {
        let layout = &self.graph.layout().map;
        let bit_field = map.view().byte(u64::from(layout.bit_field));
        if bit_field & bits::NON_INSTANCE_PROTOTYPE == 0 {
            return map.tagged(u64::from(layout.prototype));
        }
        // The constructor slot then holds a tuple of constructor and prototype.
        let tuple = self.graph.object_in(map, layout.constructor, Kind::Tuple2);
        tuple.map_or(Tagged(0), |tuple| tuple.tagged(16))
    }

    pub(super) fn bound_arguments(&mut self) {
        let Some(arguments) = self
            .object
            .pointer(BOUND_ARGUMENTS)
            .and_then(|address| self.graph.object(address))
        else {
            return;
        };
        for index in 0..arguments.tagged(8).length() {
            if let Some(target) = arguments.tagged(16 + 8 * index).target() {
                self.sink.edge(
                    EdgeType::Shortcut,
                    EdgeName::BoundArgument(index as u32),
                    target,
                );
            }
        }
    }
}
