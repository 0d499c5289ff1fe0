//! V8 13.6, Node 24: functions find their code through the dispatch table, function data splits in trusted and untrusted.

use super::kind::Kind::*;
use super::*;
use crate::snapshot::Format;

pub(super) const LAYOUT: Layout = Layout {
    version: (13, 6),
    root_names: include_str!("roots/v13_6.txt"),
    native_context_slots: include_str!("native_contexts/v13_6.txt"),
    roots: RootsLayout {
        table: 640,
        table_group: "(Strong root list)",
        microtask_group: "(Micro tasks)",
        builtins: 0xa4f0,
        builtin_count: 2384,
        handle_scope_data: 0x230,
        handle_scope_implementer: 0xfcf0,
        exit_frame: 0x140,
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
        dispatch: Some(DispatchLayout {
            handle: 24,
            table: DispatchTablePlace::Process,
        }),
        name_or_scope_info: 24,
        script: 40,
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
        wasm_dispatch_table: Some((40, 24)),
        ..super::v12_4::LAYOUT.sizes
    },
    fields: FIELDS,
    tags: TAGS,
    snapshot: SnapshotTraits {
        format: Format::WITHOUT_TRACE_NODE_ID,
        wrappers_are_code: true,
        read_only_is_free: true,
        external_text_counts: true,
        ..super::v12_4::LAYOUT.snapshot
    },
    ..super::v12_4::LAYOUT
};

const FIELDS: &[Field] = updated!(
    Field,
    super::v12_4::LAYOUT.fields,
    gone: &[(JsFunction, "code"), (SharedFunctionInfo, "function_data"), (FeedbackVector, "optimized code")],
    new: &[
        field(JsGlobalObject, "global_proxy", 32),
        field(JsTypedArray, "buffer", 32),
        field(JsDataView, "buffer", 32),
        field(SharedFunctionInfo, "trusted_function_data", 8),
        field(SharedFunctionInfo, "untrusted_function_data", 16),
        field(SharedFunctionInfo, "name_or_scope_info", 24),
        field(SharedFunctionInfo, "raw_outer_scope_info_or_feedback_metadata", 32),
        field(SharedFunctionInfo, "script", 40),
        field(WasmInstanceObject, "trusted_data", 24),
        field(WasmInstanceObject, "module_object", 32),
        field(WasmInstanceObject, "exports", 40),
        field(WasmModuleObject, "managed_native_module", 24),
        field(WasmModuleObject, "script", 32),
    ],
);

const TAGS: &[Tag] = updated!(
    Tag,
    super::v12_4::LAYOUT.tags,
    gone: &[(Script, "(shared function infos)"), (RegExpBoilerplateDescription, "(RegExp data)")],
    new: &[
        tag_as(NodeType::Code, Script, 88, "(infos)"),
        tag_as(NodeType::Code, RegExpBoilerplateDescription, 8, "(RegExpData)"),
    ],
);
