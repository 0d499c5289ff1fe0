//! Every constant of a layout by its name, and the layout in which that one is wrong: what the proof of the checks shifts.
//! Built with the feature `oracle` only.

use super::{DispatchTablePlace, InstructionStreamSize, Layout, PageOwner, Positions, SymbolFlags};

/// A constant's name, and how it is made wrong; `None` if the version has no such constant.
type Constant = (&'static str, fn(&mut Layout) -> Option<()>);

/// How far a wrong offset is from the right one: one slot.
const SLOT: u16 = 8;

macro_rules! numbers {
    ($step:expr; $($($part:tt).+),* $(,)?) => {
        &[$((
            concat_parts!($($part).+),
            |layout| {
                layout.$($part).+ += $step;
                Some(())
            },
        )),*]
    };
}

/// Numbers that not all versions have.
macro_rules! optional_numbers {
    ($step:expr; $($($part:tt).+),* $(,)?) => {
        &[$((
            concat_parts!($($part).+),
            |layout| layout.$($part).+.as_mut().map(|number| *number += $step),
        )),*]
    };
}

/// What is turned off; what is off is something that the version does not have.
macro_rules! switches {
    ($($($part:tt).+),* $(,)?) => {
        &[$((
            concat_parts!($($part).+),
            |layout| {
                std::mem::take(&mut layout.$($part).+).then_some(())
            },
        )),*]
    };
}

macro_rules! concat_parts {
    ($first:tt $(. $rest:tt)*) => {
        concat!(stringify!($first) $(, ".", stringify!($rest))*)
    };
}

const OFFSETS_IN_ISOLATE: &[Constant] = numbers!(u64::from(SLOT);
    roots.table, roots.builtins, roots.handle_scope_data, roots.handle_scope_implementer, roots.exit_frame,
    roots.global_handles, roots.global_handle_nodes, roots.eternal_handles, roots.startup_object_cache,
    roots.shareable_object_cache, page.heap,
);

const OFFSETS: &[Constant] = numbers!(SLOT;
    page.flags,
    map.prototype, map.constructor, map.descriptors, map.dependent_code, map.transitions,
    descriptors.entries,
    function.shared, function.prototype_or_initial_map, function.function_data, function.name_or_scope_info,
    function.script, function.uncompiled_start_position, function.uncompiled_inferred_name,
    function.bytecode_constant_pool,
    code.deoptimization_data, code.position_table, code.flags,
    scope_info.local_count, scope_info.names,
    script.source, script.name, script.line_offset, script.column_offset, script.id,
    buffer.byte_length, buffer.backing_store, buffer.flags, buffer.regexp_source,
    weak.finalization_registry_next_dirty,
);

const OPTIONAL_OFFSETS: &[Constant] = optional_numbers!(SLOT;
    code.instruction_stream, weak.next_code_link,
);

const HEADER_SIZES: &[Constant] = numbers!(u64::from(SLOT);
    sizes.object_boilerplate_description, sizes.script_context_table, sizes.feedback_vector, sizes.bytecode_array,
    weak.allocation_site_without_link,
);

/// The fields of a map and of a descriptor array that are smaller than a slot.
const OFFSETS_OF_BYTES: &[Constant] = numbers!(1;
    map.instance_size_in_words, map.inobject_properties_start, map.bit_field, map.bit_field2,
);
const OFFSETS_OF_QUARTERS: &[Constant] = numbers!(2;
    map.instance_type, map.bit_field3, descriptors.count,
);
const COUNTS: &[Constant] = numbers!(1;
    roots.builtin_count,
    properties.dictionary_elements, properties.name_dictionary_prefix,
    code.baseline, scope_info.module_scope,
);

const OPTIONAL_COUNTS: &[Constant] =
    optional_numbers!(1; scope_info.scope_with_unused_parameter_bits);

const SWITCHES: &[Constant] = switches!(
    scope_info.flags_are_smi,
    scope_info.module_variable_count_in_front,
    scope_info.has_locals_block_list,
    scope_info.has_dependent_code,
    sizes.feedback_metadata_has_closures,
    snapshot.object_shapes,
    snapshot.tags_trusted_code,
    snapshot.wrappers_are_code,
    snapshot.read_only_is_free,
    snapshot.external_text_counts,
    snapshot.no_edges_to_holes,
    snapshot.meta_map_has_native_context,
    snapshot.names_globals,
);

/// Constants within enums, options, arrays and lists.
const INNER: &[Constant] = &[
    ("root_names", |layout| {
        layout.root_names = without_first_line(layout.root_names)?;
        Some(())
    }),
    ("native_context_slots", |layout| {
        layout.native_context_slots = without_first_line(layout.native_context_slots)?;
        Some(())
    }),
    ("page.shared_flag", |layout| {
        layout.page.shared_flag <<= 1;
        Some(())
    }),
    ("page.owner", |layout| {
        match &mut layout.page.owner {
            PageOwner::Header(heap) | PageOwner::Metadata { heap, .. } => *heap += SLOT,
        }
        Some(())
    }),
    ("page.owner.metadata", |layout| {
        match &mut layout.page.owner {
            PageOwner::Metadata { metadata, .. } => *metadata += SLOT,
            PageOwner::Header(_) => return None,
        }
        Some(())
    }),
    ("function.dispatch.handle", |layout| {
        layout.function.dispatch.as_mut()?.handle += SLOT / 2;
        Some(())
    }),
    ("function.dispatch.table", |layout| {
        match &mut layout.function.dispatch.as_mut()?.table {
            DispatchTablePlace::Isolate(offset) => *offset += u64::from(SLOT),
            DispatchTablePlace::Process => return None,
        }
        Some(())
    }),
    ("properties.symbol_flags", |layout| {
        let flags = &mut layout.properties.symbol_flags;
        *flags = match flags {
            SymbolFlags::Bits => SymbolFlags::Visibility,
            SymbolFlags::Visibility => SymbolFlags::Bits,
        };
        Some(())
    }),
    ("code.deoptimizing_kinds", |layout| {
        // Past both optimizing compilers.
        layout.code.deoptimizing_kinds <<= 2;
        Some(())
    }),
    ("code.deoptimization_parts.0", |layout| {
        layout.code.deoptimization_parts[0] += 1;
        Some(())
    }),
    ("code.deoptimization_parts.1", |layout| {
        layout.code.deoptimization_parts[1] += 1;
        Some(())
    }),
    ("code.deoptimization_parts.2", |layout| {
        layout.code.deoptimization_parts[2] += 1;
        Some(())
    }),
    ("scope_info.positions", |layout| {
        match &mut layout.scope_info.positions {
            Positions::Behind { scopes, .. } => *scopes <<= 1,
            Positions::At(offset) => *offset += SLOT,
        }
        Some(())
    }),
    ("scope_info.positions.class_scope", |layout| {
        match &mut layout.scope_info.positions {
            Positions::Behind { class_scope, .. } => *class_scope += 1,
            Positions::At(_) => return None,
        }
        Some(())
    }),
    ("sizes.wasm_dispatch_table.header", |layout| {
        let (header, _) = layout.sizes.wasm_dispatch_table.as_mut()?;
        *header += u64::from(SLOT);
        Some(())
    }),
    ("sizes.wasm_dispatch_table.entry", |layout| {
        let (_, entry) = layout.sizes.wasm_dispatch_table.as_mut()?;
        *entry += u64::from(SLOT);
        Some(())
    }),
    ("sizes.instruction_stream.code", |layout| {
        match &mut layout.sizes.instruction_stream {
            InstructionStreamSize::InCode { code, .. } => *code += SLOT,
            _ => return None,
        }
        Some(())
    }),
    ("sizes.instruction_stream.instruction_size", |layout| {
        use InstructionStreamSize::{Body, InCode, Inside};
        match &mut layout.sizes.instruction_stream {
            Inside {
                instruction_size, ..
            }
            | InCode {
                instruction_size, ..
            } => *instruction_size += SLOT,
            Body { body_size, .. } => *body_size += SLOT,
        }
        Some(())
    }),
    ("sizes.instruction_stream.metadata_size", |layout| {
        use InstructionStreamSize::{Body, InCode, Inside};
        match &mut layout.sizes.instruction_stream {
            Inside { metadata_size, .. } | InCode { metadata_size, .. } => *metadata_size += SLOT,
            Body { .. } => return None,
        }
        Some(())
    }),
    ("sizes.instruction_stream.header", |layout| {
        use InstructionStreamSize::{Body, InCode, Inside};
        match &mut layout.sizes.instruction_stream {
            // More than the alignment of code, which would hide it.
            Inside { header, .. } | InCode { header, .. } | Body { header, .. } => *header += 64,
        }
        Some(())
    }),
];

fn without_first_line(lines: &'static str) -> Option<&'static str> {
    lines.split_once('\n').map(|(_, others)| others)
}

/// Each constant of `layout`: its name, and the layout in which it is shifted by a slot, a part of one, or one, or turned off.
pub fn shifted(layout: &Layout) -> Vec<(String, Layout)> {
    let single = [
        OFFSETS_IN_ISOLATE,
        OFFSETS,
        OPTIONAL_OFFSETS,
        HEADER_SIZES,
        OFFSETS_OF_BYTES,
        OFFSETS_OF_QUARTERS,
        COUNTS,
        OPTIONAL_COUNTS,
        SWITCHES,
        INNER,
    ];
    let single = single.into_iter().flatten().filter_map(|(name, shift)| {
        let mut wrong = *layout;
        shift(&mut wrong)?;
        Some(((*name).to_owned(), wrong))
    });
    single
        .chain(shifted_fields(layout))
        .chain(shifted_tags(layout))
        .collect()
}

fn shifted_fields(layout: &Layout) -> impl Iterator<Item = (String, Layout)> + '_ {
    (0..layout.fields.len()).map(|index| {
        let mut fields = layout.fields.to_vec();
        let field = &mut fields[index];
        // The slot behind often holds the like.
        field.offset -= SLOT;
        let name = format!("fields.{:?}.{}", field.kind, field.name);
        let mut wrong = *layout;
        wrong.fields = fields.leak();
        (name, wrong)
    })
}

fn shifted_tags(layout: &Layout) -> impl Iterator<Item = (String, Layout)> + '_ {
    (0..layout.tags.len()).map(|index| {
        let mut tags = layout.tags.to_vec();
        let tag = &mut tags[index];
        let name = format!("tags.{:?}.{}", tag.kind, tag.offset);
        tag.offset += SLOT;
        let mut wrong = *layout;
        wrong.tags = tags.leak();
        (name, wrong)
    })
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
