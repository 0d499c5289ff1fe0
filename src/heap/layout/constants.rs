//! Every number of a layout by its name, and the layout in which that one is wrong: what the proof of the self-test shifts.
//! Built with the feature `oracle` only.

use super::{
    CodeReference, DispatchTablePlace, InstructionStreamSize, Layout, PageOwner, Positions,
};

/// A number's name, and how it is shifted.
type Number = (&'static str, fn(&mut Layout));

/// How far a wrong offset is from the right one: one slot.
const SLOT: u16 = 8;

macro_rules! numbers {
    ($step:expr; $($($part:tt).+),* $(,)?) => {
        &[$((
            concat_parts!($($part).+),
            |layout| layout.$($part).+ += $step,
        )),*]
    };
}

macro_rules! concat_parts {
    ($first:tt $(. $rest:tt)*) => {
        concat!(stringify!($first) $(, ".", stringify!($rest))*)
    };
}

const OFFSETS_IN_ISOLATE: &[Number] = numbers!(u64::from(SLOT);
    roots.table, roots.builtins, roots.handle_scope_data, roots.handle_scope_implementer, roots.global_handles,
    roots.global_handle_nodes, roots.eternal_handles, roots.startup_object_cache, roots.shareable_object_cache,
    page.heap,
);

const OFFSETS: &[Number] = numbers!(SLOT;
    page.flags,
    map.prototype, map.constructor, map.descriptors, map.dependent_code, map.transitions,
    descriptors.entries,
    function.shared, function.prototype_or_initial_map, function.function_data, function.name_or_scope_info,
    function.script, function.function_token_offset, function.uncompiled_start_position,
    function.uncompiled_inferred_name, function.interpreter_data_bytecode, function.bytecode_constant_pool,
    function.template_class_name,
    code.instruction_stream, code.deoptimization_data, code.position_table, code.flags,
    scope_info.local_count, scope_info.names,
    script.source, script.name, script.line_offset, script.column_offset, script.line_ends, script.id,
    buffer.byte_length, buffer.backing_store, buffer.flags, buffer.regexp_source,
    weak.finalization_registry_next_dirty,
);

const HEADER_SIZES: &[Number] = numbers!(u64::from(SLOT);
    sizes.object_boilerplate_description, sizes.script_context_table, sizes.feedback_vector, sizes.bytecode_array,
    sizes.wasm_dispatch_table.0, sizes.wasm_dispatch_table.1,
    weak.allocation_site_without_link,
);

/// The fields of a map and of a descriptor array that are smaller than a slot.
const OFFSETS_OF_PARTS: &[Number] = numbers!(1;
    map.instance_size_in_words, map.inobject_properties_start, map.bit_field, map.bit_field2,
);
const OFFSETS_OF_HALVES: &[Number] = numbers!(2;
    map.instance_type, map.bit_field3, descriptors.count,
);

const COUNTS: &[Number] = numbers!(1;
    roots.builtin_count,
    properties.dictionary_elements, properties.name_dictionary_prefix,
    code.baseline, scope_info.module_scope, scope_info.function_scope, weak.native_context_slots,
);

const MASKS: &[Number] = &[
    ("page.shared_flag", |layout| layout.page.shared_flag <<= 1),
    ("code.deoptimizing_kinds", |layout| {
        layout.code.deoptimizing_kinds <<= 1;
    }),
];

/// Numbers within enums, options and arrays.
const INNER: &[Number] = &[
    ("page.owner", |layout| match &mut layout.page.owner {
        PageOwner::Header(heap) | PageOwner::Metadata { heap, .. } => *heap += SLOT,
    }),
    ("page.owner.metadata", |layout| {
        if let PageOwner::Metadata { metadata, .. } = &mut layout.page.owner {
            *metadata += SLOT;
        }
    }),
    ("function.code", |layout| match &mut layout.function.code {
        CodeReference::Slot(offset) => *offset += SLOT,
        CodeReference::DispatchHandle { offset, .. } => *offset += SLOT / 2,
    }),
    ("function.code.table", |layout| {
        if let CodeReference::DispatchHandle {
            table: DispatchTablePlace::Isolate(offset),
            ..
        } = &mut layout.function.code
        {
            *offset += u64::from(SLOT);
        }
    }),
    ("function.untrusted_function_data", |layout| {
        if let Some(offset) = &mut layout.function.untrusted_function_data {
            *offset += SLOT;
        }
    }),
    ("weak.next_code_link", |layout| {
        if let Some(offset) = &mut layout.weak.next_code_link {
            *offset += SLOT;
        }
    }),
    ("code.deoptimization_parts.0", |layout| {
        layout.code.deoptimization_parts[0] += 1;
    }),
    ("code.deoptimization_parts.1", |layout| {
        layout.code.deoptimization_parts[1] += 1;
    }),
    ("code.deoptimization_parts.2", |layout| {
        layout.code.deoptimization_parts[2] += 1;
    }),
    ("scope_info.positions", |layout| {
        match &mut layout.scope_info.positions {
            Positions::Behind { scopes, .. } => *scopes <<= 1,
            Positions::At(offset) => *offset += SLOT,
        }
    }),
    ("scope_info.positions.class_scope", |layout| {
        if let Positions::Behind { class_scope, .. } = &mut layout.scope_info.positions {
            *class_scope += 1;
        }
    }),
    ("sizes.instruction_stream.code", |layout| {
        if let InstructionStreamSize::InCode { code, .. } = &mut layout.sizes.instruction_stream {
            *code += SLOT;
        }
    }),
    (
        "sizes.instruction_stream.instruction_size",
        |layout| match &mut layout.sizes.instruction_stream {
            InstructionStreamSize::Inside {
                instruction_size: size,
                ..
            }
            | InstructionStreamSize::InCode {
                instruction_size: size,
                ..
            }
            | InstructionStreamSize::Body {
                body_size: size, ..
            } => *size += SLOT,
        },
    ),
    (
        "sizes.instruction_stream.metadata_size",
        |layout| match &mut layout.sizes.instruction_stream {
            InstructionStreamSize::Inside { metadata_size, .. }
            | InstructionStreamSize::InCode { metadata_size, .. } => *metadata_size += SLOT,
            InstructionStreamSize::Body { .. } => {}
        },
    ),
    (
        "sizes.instruction_stream.header",
        |layout| match &mut layout.sizes.instruction_stream {
            // More than the alignment of code, which would hide it.
            InstructionStreamSize::Inside { header, .. }
            | InstructionStreamSize::InCode { header, .. }
            | InstructionStreamSize::Body { header, .. } => *header += 64,
        },
    ),
];

/// Each number of `layout` that its version has: the name, and the layout with that number shifted by a slot, a part of one,
/// or one.
pub fn shifted(layout: &Layout) -> Vec<(String, Layout)> {
    let single = [
        OFFSETS_IN_ISOLATE,
        OFFSETS,
        HEADER_SIZES,
        OFFSETS_OF_PARTS,
        OFFSETS_OF_HALVES,
        COUNTS,
        MASKS,
        INNER,
    ];
    let single = single.into_iter().flatten().map(|(name, shift)| {
        let mut wrong = *layout;
        shift(&mut wrong);
        ((*name).to_owned(), wrong)
    });
    single
        .chain(shifted_fields(layout))
        .chain(shifted_tags(layout))
        .collect()
}

fn shifted_fields(layout: &Layout) -> impl Iterator<Item = (String, Layout)> + '_ {
    each_of(&layout.fields).map(|(list, index)| {
        let mut fields = layout.fields[list].to_vec();
        let field = &mut fields[index];
        field.offset += SLOT;
        let name = format!("fields.{:?}.{}", field.kind, field.name);
        let mut wrong = *layout;
        wrong.fields[list] = fields.leak();
        (name, wrong)
    })
}

fn shifted_tags(layout: &Layout) -> impl Iterator<Item = (String, Layout)> + '_ {
    each_of(&layout.tags).map(|(list, index)| {
        let mut tags = layout.tags[list].to_vec();
        let tag = &mut tags[index];
        let name = format!("tags.{:?}.{}", tag.kind, tag.offset);
        tag.offset += SLOT;
        let mut wrong = *layout;
        wrong.tags[list] = tags.leak();
        (name, wrong)
    })
}

/// The places of all items of two lists.
fn each_of<T>(lists: &[&'static [T]; 2]) -> impl Iterator<Item = (usize, usize)> + use<T> {
    let lengths = lists.map(<[T]>::len);
    (0..lists.len()).flat_map(move |list| (0..lengths[list]).map(move |index| (list, index)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_a_name_of_its_own() {
        for layout in Layout::ALL {
            let mut names: Vec<String> =
                shifted(layout).into_iter().map(|(name, _)| name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{:?}", layout.version);
        }
    }

    #[test]
    fn every_number_that_a_layout_is_written_with_can_be_shifted() {
        for layout in Layout::ALL {
            let names: Vec<String> = shifted(layout).into_iter().map(|(name, _)| name).collect();
            for number in numbers_of(&format!("{layout:?}")) {
                assert!(
                    names.iter().any(|name| name.starts_with(&number)),
                    "{number} of {:?}",
                    layout.version
                );
            }
        }
    }

    /// The paths of the numbers in the derived debug text, but for the version and the lists of fields and tags.
    fn numbers_of(text: &str) -> Vec<String> {
        let text =
            &text[text.find("roots: RootsLayout").unwrap()..text.find(", fields: [").unwrap()];
        let mut groups: Vec<String> = Vec::new();
        let mut label = String::new();
        let mut numbers = Vec::new();
        for token in text.split_inclusive(['{', '}', ',', '(', ')']) {
            let (body, end) = token.split_at(token.len() - 1);
            let value = match body.rsplit_once(": ") {
                Some((name, value)) => {
                    label = name.trim().to_owned();
                    value
                }
                None => body,
            };
            match end {
                "{" => groups.push(label.clone()),
                "}" => {}
                _ => {}
            }
            if value.trim().parse::<u64>().is_ok() {
                // The parts of an enum go by names of their own.
                let path: Vec<&str> = groups.iter().map(String::as_str).chain([&*label]).collect();
                numbers.push(path[..2].join("."));
            }
            if end == "}" {
                groups.pop();
            }
        }
        numbers
    }
}
