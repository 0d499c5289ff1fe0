//! V8 11.3, Node 20: machine code splits into `Code` and `InstructionStream`, array buffers get a detach key.

use super::kind::Kind::*;
use super::*;
use crate::snapshot::Format;

pub(super) const LAYOUT: Layout = Layout {
    version: (11, 3),
    root_names: include_str!("roots/v11_3.txt"),
    root_groups: &[
        "(Internalized strings)",
        "(External strings)",
        "(Read-only roots)",
        "(Strong roots)",
        "(Smi roots)",
        "(Bootstrapper)",
        "(Stack roots)",
        "(Relocatable)",
        "(Debugger)",
        "(Compilation cache)",
        "(Handle scope)",
        "(Builtins)",
        "(Global handles)",
        "(Traced handles)",
        "(Eternal handles)",
        "(Thread manager)",
        "(Strong roots)",
        "(Extensions)",
        "(Code flusher)",
        "(Startup object cache)",
        "(Read-only object cache)",
        "(Shareable object cache)",
        "(Weak collections)",
        "(Wrapper tracing)",
        "(Write barrier)",
        "(Retain maps)",
        "(Client heap)",
        "(Unknown)",
    ],
    roots: RootsLayout {
        table: 496,
        table_group: "(Strong roots)",
        microtask_group: "(Strong roots)",
        builtins: 0x8e78,
        builtin_count: 2182,
        handle_scope_data: 0xe390,
        handle_scope_implementer: 0xe3b0,
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
        is_in_instruction_stream: false,
        instruction_stream: 32,
        flags: 48,
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
        native_context_slots: 1,
        next_code_link: None,
        ..super::v10_2::LAYOUT.weak
    },
    fields: [super::v10_2::COMMON_FIELDS, FIELDS],
    tags: [super::v10_2::COMMON_TAGS, TAGS],
    snapshot: SnapshotTraits {
        format: Format::WITH_WASM_OBJECT,
        object_shapes: true,
        ..super::v10_2::LAYOUT.snapshot
    },
    ..super::v10_2::LAYOUT
};

const FIELDS: &[Field] = &[
    field(JsFunction, "shared", 24),
    field(JsFunction, "context", 32),
    field(JsFunction, "feedback_cell", 40),
    field(JsFunction, "code", 48),
    field(JsGlobalObject, "global_proxy", 32),
    field(JsGlobalProxy, "native_context", 24),
    field(JsTypedArray, "buffer", 24),
    field(JsDataView, "buffer", 24),
    field(SharedFunctionInfo, "function_data", 8),
    field(SharedFunctionInfo, "name_or_scope_info", 16),
    field(
        SharedFunctionInfo,
        "raw_outer_scope_info_or_feedback_metadata",
        24,
    ),
    field(SharedFunctionInfo, "script_or_debug_info", 32),
    field(DescriptorArray, "enum_cache", 16),
    field(AccessorInfo, "name", 8),
    field(AccessorInfo, "data", 16),
    field(Code, "relocation_info", 8),
    field(InstructionStream, "code", 8),
    weak_field(FeedbackVector, "optimized code", 48),
    weak_field(WeakCell, "target", 16),
    weak_field(WeakCell, "unregister_token", 24),
];

const TAGS: &[Tag] = &[
    tag_as(NodeType::ObjectShape, EnumCache, 8, "(enum cache)"),
    tag_as(NodeType::ObjectShape, EnumCache, 16, "(enum cache)"),
    tag(JsFunction, 24, "(shared function info)"),
    tag_as(NodeType::Code, Script, 88, "(shared function infos)"),
    tag_as(NodeType::Code, Script, 128, "(host-defined options)"),
    tag_as(
        NodeType::Code,
        RegExpBoilerplateDescription,
        8,
        "(RegExp data)",
    ),
    tag_as(NodeType::Code, BytecodeArray, 24, "(handler table)"),
    tag_as(NodeType::Code, BytecodeArray, 32, "(source position table)"),
    tag_as(NodeType::Code, Code, 8, "(code relocation info)"),
];
