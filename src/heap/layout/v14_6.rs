//! V8 14.6, Node 26: each isolate has its own dispatch table, holes are their own class over unmapped memory, symbols say their
//! visibility, globals are named.

use super::kind::Kind::*;
use super::*;

pub(super) const LAYOUT: Layout = Layout {
    version: (14, 6),
    root_names: include_str!("roots/v14_6.txt"),
    root_groups: &[
        "(Bootstrapper)",
        "(Builtins)",
        "(Client heap)",
        "(Code flusher)",
        "(Compilation cache)",
        "(Debugger)",
        "(Extensions)",
        "(Eternal handles)",
        "(External strings)",
        "(Global handles)",
        "(Handle scope)",
        "(Identity map)",
        "(Micro tasks)",
        "(Read-only roots)",
        "(Relocatable)",
        "(Retain maps)",
        "(Shareable object cache)",
        "(SharedStruct type registry)",
        "(Smi roots)",
        "(Stack roots)",
        "(Startup object cache)",
        "(Internalized strings)",
        "(Strong root list)",
        "(Strong roots)",
        "(Thread manager)",
        "(Traced handles)",
        "(Weak roots)",
        "(Write barrier)",
    ],
    roots: RootsLayout {
        table: 688,
        table_group: "(Strong root list)",
        microtask_group: "(Micro tasks)",
        builtins: 0xa798,
        builtin_count: 2415,
        handle_scope_data: 0x230,
        handle_scope_implementer: 0x100b0,
        global_handles: 0x100d0,
        global_handle_nodes: 8,
        eternal_handles: 0x10140,
        startup_object_cache: 0x113c8,
        shareable_object_cache: 0x113e0,
    },
    page: PageLayout {
        heap: 0xf3c0,
        ..super::v13_6::LAYOUT.page
    },
    descriptors: DescriptorLayout {
        entries: 32,
        ..super::v13_6::LAYOUT.descriptors
    },
    properties: PropertyLayout {
        symbol_flags: SymbolFlags::Visibility,
        ..super::v13_6::LAYOUT.properties
    },
    function: FunctionLayout {
        code: CodeReference::DispatchHandle {
            offset: 24,
            table: DispatchTablePlace::Isolate(0x268),
        },
        ..super::v13_6::LAYOUT.function
    },
    code: CodeLayout {
        baseline: 11,
        // maglev 12, turbofan 13
        deoptimizing_kinds: 1 << 12 | 1 << 13,
        ..super::v13_6::LAYOUT.code
    },
    scope_info: ScopeInfoLayout {
        has_unused_parameter_bits: true,
        ..super::v13_6::LAYOUT.scope_info
    },
    sizes: SizeLayout {
        wasm_dispatch_table: (40, 16),
        ..super::v13_6::LAYOUT.sizes
    },
    fields: [super::v10_2::COMMON_FIELDS, FIELDS],
    tags: [super::v10_2::COMMON_TAGS, TAGS],
    snapshot: SnapshotTraits {
        no_edges_to_holes: true,
        names_globals: true,
        native_context_extension: "global_object",
        ..super::v13_6::LAYOUT.snapshot
    },
    ..super::v13_6::LAYOUT
};

const FIELDS: &[Field] = &[
    field(JsFunction, "shared", 32),
    field(JsFunction, "context", 40),
    field(JsFunction, "feedback_cell", 48),
    field(JsGlobalObject, "global_proxy", 24),
    field(JsTypedArray, "buffer", 32),
    field(JsDataView, "buffer", 32),
    field(JsDisposableStack, "stack", 24),
    field(JsDisposableStack, "error", 40),
    field(JsDisposableStack, "error_message", 48),
    field(SharedFunctionInfo, "trusted_function_data", 8),
    field(SharedFunctionInfo, "untrusted_function_data", 16),
    field(SharedFunctionInfo, "name_or_scope_info", 24),
    field(
        SharedFunctionInfo,
        "raw_outer_scope_info_or_feedback_metadata",
        32,
    ),
    field(SharedFunctionInfo, "script", 40),
    field(DescriptorArray, "enum_cache", 24),
    field(AccessorInfo, "data", 8),
    field(AccessorInfo, "name", 16),
    field(Code, "instruction_stream", 32),
    field(InstructionStream, "code", 8),
    field(InstructionStream, "relocation_info", 16),
    field(WasmInstanceObject, "trusted_data", 24),
    field(WasmInstanceObject, "module_object", 32),
    field(WasmInstanceObject, "exports", 40),
    field(WasmModuleObject, "managed_native_module", 24),
    field(WasmModuleObject, "script", 32),
    weak_field(WeakCell, "target", 24),
    weak_field(WeakCell, "unregister_token", 32),
];

const TAGS: &[Tag] = &[
    tag_as(NodeType::ObjectShape, EnumCache, 8, "(enum cache)"),
    tag_as(NodeType::ObjectShape, EnumCache, 16, "(enum cache)"),
    tag_as(NodeType::Code, InstructionStream, 8, "(code)"),
    tag_as(NodeType::Code, Script, 88, "(infos)"),
    tag_as(NodeType::Code, Script, 136, "(host-defined options)"),
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
