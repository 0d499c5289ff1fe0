//! V8 11.3, Node 20: machine code splits into `Code` and `InstructionStream`, array buffers get a detach key.

use super::kind::Kind::*;
use super::*;
use crate::snapshot::Format;

pub(super) const LAYOUT: Layout = Layout {
    version: (11, 3),
    root_names: include_str!("roots/v11_3.txt"),
    native_context_slots: include_str!("native_contexts/v11_3.txt"),
    root_groups: &inserted::<28>(super::v10_2::LAYOUT.root_groups, 13, "(Traced handles)"),
    roots: RootsLayout {
        table: 496,
        table_group: "(Strong roots)",
        microtask_group: "(Strong roots)",
        builtins: 0x8e78,
        builtin_count: 2182,
        handle_scope_data: 0xe390,
        handle_scope_implementer: 0xe3b0,
        exit_frame: 0x180,
        global_handles: 0xe3d0,
        global_handle_nodes: 8,
        eternal_handles: 0xe3e0,
        startup_object_cache: 0xf658,
        shareable_object_cache: 0xf670,
    },
    page: PageLayout {
        heap: 0xd2c0,
        owner: PageOwner::Header(16),
        flags: 8,
        shared_flag: 1,
    },
    properties: PropertyLayout {
        dictionary_elements: 13,
        name_dictionary_prefix: 6,
        ..super::v10_2::LAYOUT.properties
    },
    code: CodeLayout {
        instruction_stream: Some(32),
        ..super::v10_2::LAYOUT.code
    },
    scope_info: ScopeInfoLayout {
        // as before, and shadow realm 8
        positions: Positions::Behind {
            scopes: 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 8,
            class_scope: 0,
        },
        ..super::v10_2::LAYOUT.scope_info
    },
    buffer: BufferLayout {
        byte_length: 32,
        backing_store: 48,
        flags: 64,
        ..super::v10_2::LAYOUT.buffer
    },
    sizes: SizeLayout {
        feedback_vector: 56,
        bytecode_array: 54,
        instruction_stream: InstructionStreamSize::InCode {
            code: 8,
            instruction_size: 56,
            metadata_size: 60,
            header: 16,
        },
        ..super::v10_2::LAYOUT.sizes
    },
    weak: WeakLayout {
        next_code_link: None,
        ..super::v10_2::LAYOUT.weak
    },
    fields: FIELDS,
    tags: TAGS,
    snapshot: SnapshotTraits {
        format: Format::WITH_WASM_OBJECT,
        object_shapes: true,
        ..super::v10_2::LAYOUT.snapshot
    },
    ..super::v10_2::LAYOUT
};

const FIELDS: &[Field] = updated!(
    Field,
    super::v10_2::LAYOUT.fields,
    gone: &[(AccessorInfo, "expected_receiver_type"), (AccessorInfo, "setter"), (AccessorInfo, "getter"), (InstructionStream, "relocation_info")],
    new: &[
        field(Code, "relocation_info", 8),
        weak_field(FeedbackVector, "optimized code", 48),
    ],
);

const TAGS: &[Tag] = updated!(
    Tag,
    super::v10_2::LAYOUT.tags,
    gone: &[(InstructionStream, "(code relocation info)")],
    new: &[
        tag_as(NodeType::ObjectShape, PrototypeInfo, 16, "(prototype users)"),
        tag_as(NodeType::ObjectShape, PrototypeInfo, 24, "(prototype chain enum cache)"),
        tag_as(NodeType::ObjectShape, TransitionArray, 16, "(prototype transitions)"),
        tag_as(NodeType::ObjectShape, Map, 56, "(prototype validity cell)"),
        tag_as(NodeType::ObjectShape, EnumCache, 8, "(enum cache)"),
        tag_as(NodeType::ObjectShape, EnumCache, 16, "(enum cache)"),
        tag_as(NodeType::Code, Script, 128, "(host-defined options)"),
        tag_as(NodeType::Code, Code, 8, "(code relocation info)"),
    ],
);
