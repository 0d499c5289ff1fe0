//! The edges of maps: `ExtractMapReferences`.

use super::{EdgeSink, Extraction};
use crate::heap::layout::bits;
use crate::heap::layout::kind::Kind;

impl<S: EdgeSink> Extraction<'_, '_, S> {
    pub(super) fn map(&mut self) {
        let layout = &self.graph.layout().map;
        let names = self.names;
        let transitions = u64::from(layout.transitions);
        let value = self.object.tagged(transitions);
        if value.is_weak() {
            self.weak(names.transition, transitions);
        } else {
            let is_prototype_map = self.object.view().half_word(u64::from(layout.bit_field3))
                & bits::IS_PROTOTYPE_MAP
                != 0;
            match self
                .graph
                .target(value)
                .map(|target| (target.kind(), target.shape.is_fixed_array()))
            {
                Some((Kind::TransitionArray, _)) => self.internal(names.transitions, transitions),
                Some((_, true)) => self.internal(names.transition, transitions),
                Some(_) if is_prototype_map => self.internal(names.prototype_info, transitions),
                _ => {}
            }
        }
        self.internal(names.descriptors, u64::from(layout.descriptors));
        self.internal(names.prototype, u64::from(layout.prototype));
        let instance_type = self
            .object
            .view()
            .quarter_word(u64::from(layout.instance_type));
        let instances = self.graph.decoder.instance_types.get(instance_type).kind;
        let constructor = self.object.tagged(u64::from(layout.constructor));
        let name = match (
            instances,
            self.graph.target(constructor).map(|target| target.kind()),
        ) {
            (Kind::Context | Kind::NativeContext, _) => names.native_context,
            (Kind::Map, _) if self.graph.layout().snapshot.meta_map_has_native_context => {
                names.native_context
            }
            (_, Some(Kind::Map)) => names.back_pointer,
            (_, Some(Kind::FunctionTemplateInfo)) => names.constructor_function_data,
            _ => names.constructor,
        };
        self.internal(name, u64::from(layout.constructor));
        self.internal(names.dependent_code, u64::from(layout.dependent_code));
    }
}
