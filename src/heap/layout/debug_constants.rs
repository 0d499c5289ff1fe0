//! What V8 states of its own heap: the `v8dbg_*` symbols, integers that every binary exports for debuggers and that `strip`
//! keeps (tools/gen-postmortem-metadata.py, src/objects/object-macros.h). Each is named here beside what the layout has for it.
//!
//! It must not know how a symbol is found. A symbol's name ends in the field's C++ type, which changes from version to version;
//! the spellings are those of the official Node binaries. One that is absent says nothing.

use super::instance_types::{ABSENT, COLUMNS, ROWS};
use super::kind::Kind::{self, *};
use super::meaning::{FIRST_API_OBJECT, FIRST_NONSTRING};
use super::{InstructionStreamSize, Layout, bits};

/// What the name of every such symbol starts with.
pub const PREFIX: &str = "v8dbg_";

/// The size of a tagged slot in bytes. With compressed pointers it is 4, and nothing in any layout holds.
const TAGGED_SIZE: &str = "v8dbg_TaggedSize";

/// A running V8 is not the one that the layout describes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    /// V8 was built with pointer compression.
    #[error("tagged slots of this V8 have {0} bytes instead of 8 (v8dbg_TaggedSize)")]
    TaggedSize(i32),
    /// A number of the layout is not V8's.
    #[error("this V8 states {symbol} = {program}, where its version is known to have {layout}")]
    Constant {
        /// The name of the symbol.
        symbol: String,
        /// What the layout has.
        layout: i32,
        /// What the program states.
        program: i32,
    },
}

/// A number that the layout has and V8 states under this symbol, if it states it at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// The name of the symbol.
    pub symbol: String,
    /// What the layout has.
    pub layout: i32,
}

/// Compares what `layout` has with what the program states; `constant` gives the value of an exported symbol.
///
/// # Errors
/// The size of tagged slots, or the first number that differs.
pub fn check(layout: &Layout, constant: impl Fn(&str) -> Option<i32>) -> Result<(), Disagreement> {
    match constant(TAGGED_SIZE) {
        None | Some(8) => {}
        Some(size) => return Err(Disagreement::TaggedSize(size)),
    }
    for Stated { symbol, layout } in stated(layout) {
        if let Some(program) = constant(&symbol).filter(|&program| program != layout) {
            return Err(Disagreement::Constant {
                symbol,
                layout,
                program,
            });
        }
    }
    Ok(())
}

/// Every number of `layout` that V8 may state, under each of the symbol's spellings.
pub fn stated(layout: &Layout) -> impl Iterator<Item = Stated> {
    [
        constants_of_all_versions(),
        offsets_of(layout),
        code_constants(layout),
        optional_constants(layout),
        field_constants(layout),
    ]
    .into_iter()
    .flatten()
    .flat_map(Constant::spellings)
    .chain(instance_types_of(layout))
}

/// A constant's name, the C++ types that it was seen with in binaries, and its value in the layout. Constants that describe no
/// field have no type.
struct Constant(&'static str, &'static [&'static str], i32);

impl Constant {
    fn spellings(self) -> impl Iterator<Item = Stated> {
        let Constant(name, types, layout) = self;
        let untyped = types.is_empty().then(|| format!("{PREFIX}{name}"));
        let typed = types
            .iter()
            .map(move |cpp_type| format!("{PREFIX}{name}__{cpp_type}"));
        untyped
            .into_iter()
            .chain(typed)
            .map(move |symbol| Stated { symbol, layout })
    }
}

/// What has been the same in all versions stands in the code that uses it; a version in which it changes must not pass.
#[rustfmt::skip]
fn constants_of_all_versions() -> Vec<Constant> {
    let number = |mask: u32| mask as i32;
    vec![
        Constant("HeapObjectTag", &[], 1),
        Constant("HeapObjectTagMask", &[], 3),
        Constant("SmiTag", &[], 0),
        Constant("SmiTagMask", &[], 1),
        Constant("SmiShiftSize", &[], 31),
        Constant("SmiValueShift", &[], 1),
        Constant("SystemPointerSize", &[], 8),

        Constant("FirstNonstringType", &[], FIRST_NONSTRING as i32),
        Constant("APIObjectType", &[], FIRST_API_OBJECT as i32),
        Constant("IsNotStringMask", &[], -128),
        Constant("StringRepresentationMask", &[], 7),
        Constant("SeqStringTag", &[], 0),
        Constant("ConsStringTag", &[], 1),
        Constant("ExternalStringTag", &[], 2),
        Constant("SlicedStringTag", &[], 3),
        Constant("ThinStringTag", &[], 5),
        Constant("StringEncodingMask", &[], 8),
        Constant("OneByteStringTag", &[], 8),
        Constant("TwoByteStringTag", &[], 0),

        Constant("class_HeapObject__map", &["Map"], 0),
        Constant("class_FixedArrayBase__length", &["SMI"], 8),
        Constant("class_FixedArray__data", &["uintptr_t"], 16),
        Constant("class_HeapNumber__value", &["double"], 8),
        Constant("class_String__length", &["int32_t"], 12),
        Constant("class_SeqOneByteString__chars", &["char"], 16),
        Constant("class_SeqTwoByteString__chars", &["char"], 16),
        Constant("class_SlicedString__offset", &["SMI"], 24),
        Constant("class_ExternalString__resource", &["Object"], 16),
        Constant("class_Oddball__to_string", &["String"], 16),
        Constant("class_JSReceiver__raw_properties_or_hash", &["Object", "Tagged_Object_"], 8),
        Constant("class_JSObject__elements", &["Object"], 16),
        Constant("class_JSObject__internal_fields", &["uintptr_t"], 24),
        Constant("context_idx_scope_info", &[], 0),
        Constant("context_idx_prev", &[], 1),

        Constant("elements_fast_elements", &[], 2),
        Constant("elements_fast_holey_elements", &[], 3),
        Constant("namedictionary_prefix_start_index", &[], 3),
        Constant("namedictionaryshape_entry_size", &[], 3),
        Constant("globaldictionaryshape_entry_size", &[], 1),
        Constant("numberdictionaryshape_prefix_size", &[], 1),
        Constant("numberdictionaryshape_entry_size", &[], 3),

        Constant("bit_field2_elements_kind_shift", &[], number(bits::ELEMENTS_KIND_SHIFT)),
        Constant("bit_field2_elements_kind_mask", &[], 0xff << bits::ELEMENTS_KIND_SHIFT & 0xff),
        Constant("bit_field3_is_dictionary_map_shift", &[], number(bits::IS_DICTIONARY_MAP.trailing_zeros())),
        Constant("bit_field3_number_of_own_descriptors_shift", &[], number(bits::OWN_DESCRIPTORS_SHIFT)),
        Constant("bit_field3_number_of_own_descriptors_mask", &[], number(bits::OWN_DESCRIPTORS_MASK << bits::OWN_DESCRIPTORS_SHIFT)),
        Constant("prop_desc_key", &[], 0),
        Constant("prop_desc_details", &[], 1),
        Constant("prop_desc_value", &[], 2),
        Constant("prop_desc_size", &[], 3),
        Constant("prop_kind_Data", &[], 0),
        Constant("prop_kind_Accessor", &[], 1),
        Constant("prop_kind_mask", &[], number(bits::PROPERTY_IS_ACCESSOR)),
        Constant("prop_location_Field", &[], 0),
        Constant("prop_location_Descriptor", &[], 1),
        Constant("prop_location_mask", &[], number(bits::PROPERTY_IN_DESCRIPTOR)),
        Constant("prop_representation_shift", &[], number(bits::REPRESENTATION_SHIFT)),
        Constant("prop_representation_mask", &[], number(bits::REPRESENTATION_MASK << bits::REPRESENTATION_SHIFT)),
        Constant("prop_representation_smi", &[], number(bits::REPRESENTATION_SMI)),
        Constant("prop_representation_double", &[], number(bits::REPRESENTATION_DOUBLE)),
        Constant("prop_index_shift", &[], number(bits::FIELD_INDEX_SHIFT)),
        Constant("prop_index_mask", &[], number(bits::FIELD_INDEX_MASK << bits::FIELD_INDEX_SHIFT)),
        Constant("CodeKindFieldShift", &[], 0),
        Constant("CodeKindFieldMask", &[], 15),
    ]
}

/// Where the parts of objects are in this version.
#[rustfmt::skip]
fn offsets_of(layout: &Layout) -> Vec<Constant> {
    let Layout { map, descriptors, properties, function, scope_info, script, buffer, sizes, weak, .. } = layout;
    let offset = i32::from;
    let context_slot = |offset: u16| i32::from(offset) / 8 - 1;
    vec![
        Constant("class_Map__instance_size_in_words", &["char"], offset(map.instance_size_in_words)),
        Constant("class_Map__inobject_properties_start_or_constructor_function_index", &["char"], offset(map.inobject_properties_start)),
        Constant("class_Map__instance_type", &["uint16_t"], offset(map.instance_type)),
        Constant("class_Map__bit_field", &["char"], offset(map.bit_field)),
        Constant("class_Map__bit_field2", &["char"], offset(map.bit_field2)),
        Constant("class_Map__bit_field3", &["int"], offset(map.bit_field3)),
        Constant("class_Map__prototype", &["HeapObject", "Object", "Tagged_HeapObject_", "Tagged_JSPrototype_"], offset(map.prototype)),
        Constant("class_Map__constructor_or_back_pointer", &["Object", "Tagged_Object_"], offset(map.constructor)),
        Constant("class_Map__native_context", &["NativeContext", "Tagged_NativeContext_"], offset(map.constructor)),
        Constant("class_Map__instance_descriptors", &["DescriptorArray", "Tagged_DescriptorArray_"], offset(map.descriptors)),
        Constant("class_Map__instance_descriptors_offset", &[], offset(map.descriptors)),
        Constant("class_Map__dependent_code", &["DependentCode", "Tagged_DependentCode_"], offset(map.dependent_code)),
        Constant("class_Map__raw_transitions", &["weak", "Tagged_UnionOf_Smi_MaybeWeak_Map_TransitionArray_"], offset(map.transitions)),
        Constant("class_Map__prototype_info", &["Object", "Tagged_Object_", "Tagged_UnionOf_Smi_PrototypeInfo_", "Tagged_UnionOf_Smi_PrototypeInfo_PrototypeSharedClosureInfo_"], offset(map.transitions)),
        Constant("class_DescriptorArray__header_size", &["uintptr_t"], offset(descriptors.entries)),

        Constant("elements_dictionary_elements", &[], i32::from(properties.dictionary_elements)),
        // The table's own three numbers come before the prefix.
        Constant("namedictionaryshape_prefix_size", &[], i32::from(properties.name_dictionary_prefix) - 3),

        Constant("class_JSFunction__shared", &["SharedFunctionInfo"], offset(function.shared)),
        Constant("class_JSFunction__prototype_or_initial_map", &["HeapObject", "Tagged_HeapObject_", "Tagged_UnionOf_JSPrototype_Map_Hole_", "Tagged_UnionOf_JSPrototype_Map_TheHole_"], offset(function.prototype_or_initial_map)),
        Constant("class_SharedFunctionInfo__function_data", &["Object"], offset(function.function_data)),
        Constant("class_SharedFunctionInfo__name_or_scope_info", &["Object", "Tagged_Object_", "Tagged_NameOrScopeInfoT_"], offset(function.name_or_scope_info)),
        Constant("class_SharedFunctionInfo__script_or_debug_info", &["HeapObject"], offset(function.script)),
        Constant("class_SharedFunctionInfo__script", &["Tagged_HeapObject_"], offset(function.script)),
        Constant("class_SharedFunctionInfo__raw_script", &["Tagged_Object_"], offset(function.script)),
        Constant("class_UncompiledData__start_position", &["int32_t"], offset(function.uncompiled_start_position)),
        Constant("class_UncompiledData__inferred_name", &["String"], offset(function.uncompiled_inferred_name)),

        Constant("scopeinfo_idx_ncontextlocals", &[], context_slot(scope_info.local_count)),
        Constant("scopeinfo_idx_first_vars", &[], context_slot(scope_info.names)),

        Constant("class_Script__source", &["Object"], offset(script.source)),
        Constant("class_Script__name", &["Object"], offset(script.name)),

        Constant("class_JSArrayBuffer__byte_length", &["size_t"], offset(buffer.byte_length)),
        Constant("class_JSArrayBuffer__backing_store", &["uintptr_t"], offset(buffer.backing_store)),
        Constant("class_JSRegExp__source", &["Object"], offset(buffer.regexp_source)),

        Constant("class_BytecodeArray__data", &["uintptr_t"], sizes.bytecode_array as i32),
        // The link of all sites is where sites without it end.
        Constant("class_AllocationSite__weak_next", &["Object", "Tagged_Object_"], weak.allocation_site_without_link as i32),
    ]
}

/// Machine code: V8 10.2 has its fields in the instruction stream, which that version calls `Code`.
#[rustfmt::skip]
fn code_constants(layout: &Layout) -> Vec<Constant> {
    let Layout { code, sizes, .. } = layout;
    let [_, literals, inlining_positions] = code.deoptimization_parts;
    let mut constants = vec![
        Constant("CodeKindBaseline", &[], code.baseline as i32),
        Constant("DeoptimizationDataLiteralArrayIndex", &[], i32::from(literals)),
        Constant("DeoptimizationDataInliningPositionsIndex", &[], i32::from(inlining_positions)),
        Constant("class_Code__deoptimization_data", &["FixedArray"], i32::from(code.deoptimization_data)),
        Constant("class_Code__source_position_table", &["ByteArray"], i32::from(code.position_table)),
        Constant("class_Code__bytecode_offset_table", &["ByteArray"], i32::from(code.position_table)),
        Constant("class_Code__flags", &["uint32_t"], i32::from(code.flags)),
    ];
    match sizes.instruction_stream {
        InstructionStreamSize::Inside { instruction_size, header, .. } => constants.extend([
            Constant("class_Code__instruction_size", &["int"], i32::from(instruction_size)),
            Constant("class_Code__instruction_start", &["uintptr_t"], header as i32),
        ]),
        InstructionStreamSize::InCode { instruction_size, header, .. } => constants.extend([
            Constant("class_Code__instruction_size", &["int"], i32::from(instruction_size)),
            Constant("class_InstructionStream__instruction_start", &["uintptr_t"], header as i32),
        ]),
        InstructionStreamSize::Body { header, .. } => constants.push(
            Constant("class_InstructionStream__instruction_start", &["uintptr_t"], header as i32),
        ),
    }
    constants
}

/// What only some versions have.
fn optional_constants(layout: &Layout) -> Vec<Constant> {
    let link = layout.weak.next_code_link.map(|offset| {
        Constant(
            "class_CodeDataContainer__next_code_link",
            &["Object"],
            i32::from(offset),
        )
    });
    let mut slots = layout.native_context_slots.lines();
    let embedder_data = slots.position(|name| name == "embedder_data").map(|slot| {
        Constant(
            "native_context_embedder_data_offset",
            &[],
            16 + 8 * slot as i32,
        )
    });
    let stream = layout.code.instruction_stream.map(|offset| {
        Constant(
            "class_Code__instruction_stream",
            &["Tagged_InstructionStream_"],
            i32::from(offset),
        )
    });
    link.into_iter()
        .chain(embedder_data)
        .chain(stream)
        .collect()
}

/// The kind and the name of an edge, the constant's name and its C++ types.
type FieldConstant = (Kind, &'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const FIELD_CONSTANTS: &[FieldConstant] = &[
    (ConsString, "first", "class_ConsString__first", &["String"]),
    (ConsString, "second", "class_ConsString__second", &["String"]),
    (SlicedString, "parent", "class_SlicedString__parent", &["String"]),
    (ThinString, "actual", "class_ThinString__actual", &["String"]),
    (Symbol, "name", "class_Symbol__name", &["Object"]),
    (AccessorPair, "getter", "class_AccessorPair__getter", &["Object", "Tagged_Object_"]),
    (AccessorPair, "setter", "class_AccessorPair__setter", &["Object", "Tagged_Object_"]),
    (FeedbackCell, "value", "class_FeedbackCell__value", &["HeapObject", "Tagged_HeapObject_"]),
    (AllocationSite, "transition_info", "class_AllocationSite__transition_info_or_boilerplate", &["Object", "Tagged_Object_"]),
    (AllocationSite, "nested_site", "class_AllocationSite__nested_site", &["Object", "Tagged_Object_"]),
    (AllocationSite, "dependent_code", "class_AllocationSite__dependent_code", &["DependentCode", "Tagged_DependentCode_"]),
    (Script, "source", "class_Script__source", &["Object"]),
    (Script, "name", "class_Script__name", &["Object"]),
    (Script, "line_ends", "class_Script__line_ends", &["Object"]),
    (JsFunction, "shared", "class_JSFunction__shared", &["SharedFunctionInfo"]),
    (JsFunction, "context", "class_JSFunction__context", &["Context", "Tagged_Context_"]),
    (JsFunction, "feedback_cell", "class_JSFunction__raw_feedback_cell", &["FeedbackCell", "Tagged_FeedbackCell_"]),
    (JsFunction, "code", "class_JSFunction__code", &["CodeT", "Tagged_Code_"]),
    (SharedFunctionInfo, "function_data", "class_SharedFunctionInfo__function_data", &["Object"]),
    (SharedFunctionInfo, "name_or_scope_info", "class_SharedFunctionInfo__name_or_scope_info", &["Object", "Tagged_Object_", "Tagged_NameOrScopeInfoT_"]),
    (SharedFunctionInfo, "raw_outer_scope_info_or_feedback_metadata", "class_SharedFunctionInfo__feedback_metadata", &["FeedbackMetadata", "Tagged_FeedbackMetadata_"]),
    (SharedFunctionInfo, "script_or_debug_info", "class_SharedFunctionInfo__script_or_debug_info", &["HeapObject"]),
    (SharedFunctionInfo, "script", "class_SharedFunctionInfo__script", &["Tagged_HeapObject_"]),
    (Code, "relocation_info", "class_Code__relocation_info", &["ByteArray"]),
    (Code, "instruction_stream", "class_Code__instruction_stream", &["Tagged_InstructionStream_"]),
];

/// Edges with names.
fn field_constants(layout: &Layout) -> Vec<Constant> {
    let offset_of = |kind, name| {
        let mut fields = layout.fields.iter();
        let field = fields.find(|field| field.kind == kind && field.name == name)?;
        Some(i32::from(field.offset))
    };
    FIELD_CONSTANTS
        .iter()
        .filter_map(|&(kind, edge, name, types)| {
            Some(Constant(name, types, offset_of(kind, edge)?))
        })
        .collect()
}

/// Instance types are stated as `v8dbg_type_JSWeakRef__JS_WEAK_REF_TYPE`.
fn instance_types_of(layout: &Layout) -> impl Iterator<Item = Stated> {
    let column = COLUMNS
        .iter()
        .position(|&version| version == layout.version);
    column.into_iter().flat_map(|column| {
        ROWS.iter()
            .filter(move |(_, _, numbers)| numbers[column] != ABSENT)
            .map(move |&(class, _, numbers)| Stated {
                symbol: format!("{PREFIX}type_{class}__{}", instance_type_name(class)),
                layout: i32::from(numbers[column]),
            })
    })
}

/// V8's name of the instance type of a class: `JSWeakRef` has `JS_WEAK_REF_TYPE`.
pub fn instance_type_name(class: &str) -> String {
    let mut name = String::with_capacity(class.len() + 8);
    let mut characters = class.chars().peekable();
    let mut previous: Option<char> = None;
    while let Some(character) = characters.next() {
        let starts_word = character.is_ascii_uppercase()
            && previous.is_some_and(|previous| {
                !previous.is_ascii_uppercase()
                    || characters.peek().is_some_and(char::is_ascii_lowercase)
            });
        if starts_word {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
        previous = Some(character);
    }
    name + "_TYPE"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// What the official Node binary of each version states; printed by `examples/describe_node.rs`.
    const OF_BINARIES: [((u32, u32), &str); 5] = [
        (
            (10, 2),
            include_str!("../../../tests/debug_constants/v10_2.txt"),
        ),
        (
            (11, 3),
            include_str!("../../../tests/debug_constants/v11_3.txt"),
        ),
        (
            (12, 4),
            include_str!("../../../tests/debug_constants/v12_4.txt"),
        ),
        (
            (13, 6),
            include_str!("../../../tests/debug_constants/v13_6.txt"),
        ),
        (
            (14, 6),
            include_str!("../../../tests/debug_constants/v14_6.txt"),
        ),
    ];

    fn binaries() -> impl Iterator<Item = (&'static Layout, BTreeMap<&'static str, i32>)> {
        Layout::ALL.into_iter().map(|layout| {
            let text = OF_BINARIES
                .iter()
                .find(|(version, _)| *version == layout.version)
                .expect("each layout has the constants of its binary")
                .1;
            let constants = text.lines().map(|line| {
                let (symbol, value) = line.split_once(' ').expect("a symbol and its value");
                (symbol, value.parse().expect("a number"))
            });
            (layout, constants.collect())
        })
    }

    #[test]
    fn each_layout_agrees_with_its_own_binary_only() {
        for (layout, _) in binaries() {
            for (of_binary, constants) in binaries() {
                let agreement = check(layout, |symbol| constants.get(symbol).copied());
                assert_eq!(
                    agreement.is_ok(),
                    layout.version == of_binary.version,
                    "layout {:?}, binary {:?}: {agreement:?}",
                    layout.version,
                    of_binary.version
                );
            }
        }
    }

    #[test]
    fn each_constant_that_differs_is_named_with_both_values() {
        for (layout, constants) in binaries() {
            for Stated {
                symbol,
                layout: value,
            } in stated(layout)
            {
                if !constants.contains_key(symbol.as_str()) {
                    continue;
                }
                let shifted = |name: &str| {
                    let stated = constants.get(name).copied()?;
                    Some(if name == symbol { stated + 1 } else { stated })
                };
                assert_eq!(
                    check(layout, shifted),
                    Err(Disagreement::Constant {
                        symbol: symbol.clone(),
                        layout: value,
                        program: value + 1,
                    })
                );
            }
        }
    }

    #[test]
    fn each_spelling_is_one_of_a_binary() {
        let all: Vec<_> = binaries().map(|(_, constants)| constants).collect();
        let states = |symbol: &str| all.iter().any(|constants| constants.contains_key(symbol));
        for layout in Layout::ALL {
            let of_fields = stated(layout).filter(|stated| !stated.symbol.contains("_type_"));
            for Stated { symbol, .. } in of_fields {
                assert!(states(&symbol), "{symbol}");
            }
        }
    }

    #[test]
    fn compressed_pointers_are_refused() {
        let compressed = |symbol: &str| (symbol == TAGGED_SIZE).then_some(4);
        assert_eq!(
            check(Layout::ALL[4], compressed),
            Err(Disagreement::TaggedSize(4))
        );
    }

    #[test]
    fn a_constant_that_is_not_stated_is_no_disagreement() {
        assert_eq!(check(Layout::ALL[4], |_| None), Ok(()));
    }

    #[test]
    fn instance_types_are_named_after_their_class() {
        assert_eq!(instance_type_name("JSWeakRef"), "JS_WEAK_REF_TYPE");
        assert_eq!(instance_type_name("BigInt"), "BIG_INT_TYPE");
        assert_eq!(instance_type_name("Tuple2"), "TUPLE2_TYPE");
    }
}
