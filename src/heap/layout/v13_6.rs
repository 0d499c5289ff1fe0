//! V8 13.6, Node 24: functions find their code through the dispatch table, function data splits in trusted and untrusted.

use super::kind::Kind::*;
use super::*;
use crate::snapshot::Format;

pub(super) const LAYOUT: Layout = Layout {
    version: (13, 6),
    root_names: include_str!("roots/v13_6.txt"),
    roots: RootsLayout {
        table: 640,
        table_group: "(Strong root list)",
        microtask_group: "(Micro tasks)",
        builtins: 0xa4f0,
        builtin_count: 2384,
        handle_scope_data: 0x230,
        handle_scope_implementer: 0xfcf0,
        global_handles: 0xfd10,
        global_handle_nodes: 8,
        eternal_handles: 0xfd80,
        startup_object_cache: 0x11018,
        shareable_object_cache: 0x11030,
    },
    page: PageLayout {
        heap: 0xeff8,
        owner: PageOwner::Metadata {
            metadata: 8,
            heap: 64,
        },
        flags: 0,
        shared_flag: 1,
    },
    function: FunctionLayout {
        code: CodeReference::DispatchHandle {
            offset: 24,
            table: DispatchTablePlace::Process,
        },
        untrusted_function_data: Some(16),
        name_or_scope_info: 24,
        script: 40,
        function_token_offset: 52,
        ..super::v12_4::LAYOUT.function
    },
    code: CodeLayout {
        flags: 52,
        deoptimization_parts: [0, 3, 8],
        ..super::v12_4::LAYOUT.code
    },
    scope_info: ScopeInfoLayout {
        flags_are_smi: false,
        names: 48,
        module_scope: 5,
        function_scope: 4,
        positions: Positions::At(32),
        has_locals_block_list: false,
        has_dependent_code: true,
        ..super::v12_4::LAYOUT.scope_info
    },
    buffer: BufferLayout {
        byte_length: 40,
        backing_store: 56,
        flags: 72,
        ..super::v12_4::LAYOUT.buffer
    },
    sizes: SizeLayout {
        feedback_vector: 48,
        feedback_metadata_has_closures: true,
        wasm_dispatch_table: (40, 24),
        ..super::v12_4::LAYOUT.sizes
    },
    fields: [super::v10_2::COMMON_FIELDS, FIELDS],
    tags: [super::v10_2::COMMON_TAGS, TAGS],
    snapshot: SnapshotTraits {
        format: Format::WITHOUT_TRACE_NODE_ID,
        wrappers_are_code: true,
        read_only_is_free: true,
        external_text_counts: true,
        ..super::v12_4::LAYOUT.snapshot
    },
    ..super::v12_4::LAYOUT
};

const FIELDS: &[Field] = &[
    field(JsFunction, "shared", 32),
    field(JsFunction, "context", 40),
    field(JsFunction, "feedback_cell", 48),
    field(JsGlobalObject, "global_proxy", 24),
    field(JsTypedArray, "buffer", 32),
    field(JsDataView, "buffer", 32),
    field(SharedFunctionInfo, "trusted_function_data", 8),
    field(SharedFunctionInfo, "untrusted_function_data", 16),
    field(SharedFunctionInfo, "name_or_scope_info", 24),
    field(
        SharedFunctionInfo,
        "raw_outer_scope_info_or_feedback_metadata",
        32,
    ),
    field(SharedFunctionInfo, "script", 40),
    field(DescriptorArray, "enum_cache", 16),
    field(AccessorInfo, "name", 8),
    field(AccessorInfo, "data", 16),
    field(Code, "instruction_stream", 32),
    field(InstructionStream, "code", 8),
    field(InstructionStream, "relocation_info", 16),
    field(WasmInstanceObject, "trusted_data", 24),
    field(WasmInstanceObject, "module_object", 32),
    field(WasmInstanceObject, "exports", 40),
    field(WasmModuleObject, "managed_native_module", 24),
    field(WasmModuleObject, "script", 32),
    weak_field(WeakCell, "target", 16),
    weak_field(WeakCell, "unregister_token", 24),
];

const TAGS: &[Tag] = &[
    tag_as(NodeType::ObjectShape, EnumCache, 8, "(enum cache)"),
    tag_as(NodeType::ObjectShape, EnumCache, 16, "(enum cache)"),
    tag_as(NodeType::Code, InstructionStream, 8, "(code)"),
    tag_as(NodeType::Code, Script, 88, "(infos)"),
    tag_as(NodeType::Code, Script, 128, "(host-defined options)"),
    tag_as(
        NodeType::Code,
        RegExpBoilerplateDescription,
        8,
        "(RegExpData)",
    ),
    tag_as(NodeType::Code, BytecodeArray, 32, "(handler table)"),
    tag_as(NodeType::Code, BytecodeArray, 24, "(source position table)"),
    tag_as(
        NodeType::Code,
        InstructionStream,
        16,
        "(code relocation info)",
    ),
];
