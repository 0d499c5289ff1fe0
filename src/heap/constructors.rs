//! What the constructor of an object is called: `JSReceiver::GetConstructorName`, src/objects/js-objects.cc.

use super::graph::Graph;
use super::layout::bits;
use super::layout::kind::Kind;
use super::memory::Address;
use super::object::Object;
use super::shape::Shape;
use super::tagged::Tagged;

/// How many prototypes are asked for a constructor. Proxies can make longer chains; nothing else does.
const MAX_PROTOTYPES: usize = 1000;
/// How many maps are followed to a constructor.
const MAX_BACK_POINTERS: usize = 10_000;
/// `Tuple2`, src/objects/struct.tq, and JSPrimitiveWrapper's value.
const TUPLE_FIRST: u16 = 8;
const PRIMITIVE_VALUE: u64 = 24;
/// Bit of JSArrayBuffer's flags. src/objects/js-array-buffer.tq.
const ARRAY_BUFFER_IS_SHARED: u32 = 1 << 4;

/// What V8 calls the constructor of an object.
pub struct ConstructorName<'m> {
    /// The string.
    pub text: Address,
    /// The function, unless a tag or a template gave the name.
    pub constructor: Option<Object<'m>>,
    /// Whether all objects of the map have the same.
    pub holds_for_map: bool,
}

/// What [`Graph::class_name`] may give.
pub const CLASS_NAMES: [&str; 22] = [
    "Arguments",
    "Array",
    "ArrayBuffer",
    "ArrayIterator",
    "BigInt",
    "Boolean",
    "Date",
    "Error",
    "Function",
    "Generator",
    "Map",
    "Number",
    "Object",
    "RegExp",
    "Script",
    "Set",
    "SharedArrayBuffer",
    "String",
    "Symbol",
    "WeakMap",
    "WeakSet",
    "global",
];

impl<'m> Graph<'m> {
    /// `Map::GetConstructor`.
    pub fn map_constructor(&self, map: Address) -> Option<Object<'m>> {
        let mut current = self.object(map)?;
        for _ in 0..MAX_BACK_POINTERS {
            current = self.object(current.pointer(self.layout().map.constructor)?)?;
            match current.kind() {
                Kind::Map => continue,
                // A map with a non-instance prototype keeps both in a tuple.
                Kind::Tuple2 => return self.object(current.pointer(TUPLE_FIRST)?),
                _ => return Some(current),
            }
        }
        None
    }

    /// A constructor's name, unless it is empty or "Object".
    fn telling_name(&self, constructor: &Object<'m>) -> Option<Address> {
        if constructor.kind() != Kind::JsFunction {
            return None;
        }
        let shared = self.object_in(
            constructor,
            self.layout().function.shared,
            Kind::SharedFunctionInfo,
        )?;
        self.debug_name(&shared)
            .filter(|&name| name != self.well_known.object_string)
    }

    /// The constructor that a class row of DevTools would name, from the map alone.
    pub fn constructor_of_map(&self, shape: &Shape) -> Option<Object<'m>> {
        let says_constructor = shape.bit_field2() & bits::NEW_TARGET_IS_BASE != 0
            && shape.bit_field3 & bits::IS_PROTOTYPE_MAP == 0;
        if says_constructor {
            self.map_constructor(shape.map)
        } else {
            None
        }
    }

    /// `GetConstructorHelper`, src/objects/js-objects.cc: from the map, else from the prototypes.
    pub fn constructor_name(&self, object: &Object<'m>) -> Option<ConstructorName<'m>> {
        if let Some(constructor) = self.constructor_of_map(&object.shape)
            && let Some(text) = self.telling_name(&constructor)
        {
            return Some(ConstructorName {
                text,
                constructor: Some(constructor),
                holds_for_map: true,
            });
        }
        let mut current = *object;
        for _ in 0..MAX_PROTOTYPES {
            let is_receiver = current.address == object.address;
            if let Some((text, constructor)) = self.name_in_properties(&current, is_receiver) {
                let holds_for_map = !is_receiver && !object.shape.is_dictionary_map();
                return Some(ConstructorName {
                    text,
                    constructor,
                    holds_for_map,
                });
            }
            let map = self.object(current.shape.map)?;
            current = self.object(map.pointer(self.layout().map.prototype)?)?;
            if !current.kind().is_js_receiver() {
                return None;
            }
        }
        None
    }

    /// The name that an own `Symbol.toStringTag`, or on a prototype `constructor`, gives.
    fn name_in_properties(
        &self,
        object: &Object<'m>,
        is_receiver: bool,
    ) -> Option<(Address, Option<Object<'m>>)> {
        if !object.kind().is_js_object() {
            return None;
        }
        let own = |key| self.target(self.own_data_property(object, key)?);
        if let Some(tag) =
            own(self.well_known.to_string_tag_symbol).filter(|tag| tag.kind().is_string())
        {
            return Some((tag.address, None));
        }
        if is_receiver {
            return None;
        }
        let constructor = own(self.well_known.constructor_string)?;
        Some((self.telling_name(&constructor)?, Some(constructor)))
    }

    /// The value of an own property that is data, not an accessor.
    fn own_data_property(&self, object: &Object<'m>, key: Address) -> Option<Tagged> {
        let mut found = None;
        self.find_own_property(object, |property| {
            if property.key == key {
                found = (!property.is_accessor).then_some(property.value);
            }
            property.key == key
        });
        found
    }

    /// `JSReceiver::class_name`: what an object is called when nothing else has a name for it.
    pub fn class_name(&self, object: &Object<'m>) -> &'static str {
        match object.kind() {
            Kind::JsFunction | Kind::JsBoundFunction | Kind::JsWrappedFunction => "Function",
            Kind::JsArguments => "Arguments",
            Kind::JsArray => "Array",
            Kind::JsArrayBuffer => {
                let flags = object
                    .view()
                    .half_word(u64::from(self.layout().buffer.flags));
                if flags & ARRAY_BUFFER_IS_SHARED != 0 {
                    "SharedArrayBuffer"
                } else {
                    "ArrayBuffer"
                }
            }
            Kind::JsArrayIterator => "ArrayIterator",
            Kind::JsDate => "Date",
            Kind::JsError => "Error",
            Kind::JsGenerator => "Generator",
            Kind::JsMap => "Map",
            Kind::JsSet => "Set",
            Kind::JsWeakMap => "WeakMap",
            Kind::JsWeakSet => "WeakSet",
            Kind::JsRegExp => "RegExp",
            Kind::JsGlobalProxy => "global",
            Kind::JsPrimitiveWrapper => self.primitive_class_name(object.tagged(PRIMITIVE_VALUE)),
            _ => "Object",
        }
    }

    fn primitive_class_name(&self, value: Tagged) -> &'static str {
        match self.target(value).map(|value| value.kind()) {
            None | Some(Kind::HeapNumber) => "Number",
            Some(Kind::Oddball) => "Boolean",
            Some(Kind::Symbol) => "Symbol",
            Some(Kind::BigInt) => "BigInt",
            Some(Kind::Script) => "Script",
            Some(_) => "String",
        }
    }
}
