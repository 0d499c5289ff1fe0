//! V8 12.4, Node 22: the first trusted objects, own classes for arrays that were plain ones, root groups in alphabetical order.

use super::kind::Kind::*;
use super::*;
use crate::snapshot::Format;

pub(super) const LAYOUT: Layout = Layout {
    version: (12, 4),
    root_names: include_str!("roots/v12_4.txt"),
    native_context_slots: include_str!("native_contexts/v12_4.txt"),
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
        table: 592,
        table_group: "(Strong root list)",
        microtask_group: "(Micro tasks)",
        builtins: 0x9688,
        builtin_count: 2304,
        handle_scope_data: 0x200,
        handle_scope_implementer: 0xedb8,
        exit_frame: 0x110,
        global_handles: 0xedd8,
        global_handle_nodes: 8,
        eternal_handles: 0xee60,
        startup_object_cache: 0x100e0,
        shareable_object_cache: 0x100f8,
    },
    page: PageLayout {
        heap: 0xdea0,
        owner: PageOwner::Header(24),
        flags: 0,
        shared_flag: 1,
    },
    function: FunctionLayout {
        shared: 32,
        bytecode_constant_pool: 40,
        ..super::v11_3::LAYOUT.function
    },
    code: CodeLayout {
        deoptimization_data: 8,
        position_table: 16,
        baseline: 10,
        // maglev 11, turbofan 12
        deoptimizing_kinds: 1 << 11 | 1 << 12,
        ..super::v11_3::LAYOUT.code
    },
    scope_info: ScopeInfoLayout {
        module_variable_count_in_front: true,
        ..super::v11_3::LAYOUT.scope_info
    },
    sizes: SizeLayout {
        object_boilerplate_description: 32,
        script_context_table: 32,
        bytecode_array: 64,
        wasm_dispatch_table: Some((16, 24)),
        instruction_stream: InstructionStreamSize::Body {
            body_size: 24,
            header: 32,
        },
        ..super::v11_3::LAYOUT.sizes
    },
    fields: FIELDS,
    tags: TAGS,
    snapshot: SnapshotTraits {
        format: Format::WITH_OBJECT_SHAPE,
        tags_trusted_code: true,
        meta_map_has_native_context: true,
        ..super::v11_3::LAYOUT.snapshot
    },
    ..super::v11_3::LAYOUT
};

const FIELDS: &[Field] = updated!(
    Field,
    super::v11_3::LAYOUT.fields,
    gone: &[(JsGlobalProxy, "native_context"), (SharedFunctionInfo, "script_or_debug_info"), (Code, "relocation_info")],
    new: &[
        field(JsFunction, "code", 24),
        field(JsFunction, "shared", 32),
        field(JsFunction, "context", 40),
        field(JsFunction, "feedback_cell", 48),
        field(JsGlobalObject, "global_proxy", 24),
        field(SharedFunctionInfo, "script", 32),
        field(AccessorInfo, "data", 16),
        field(Code, "instruction_stream", 32),
        field(InstructionStream, "code", 8),
        field(InstructionStream, "relocation_info", 16),
    ],
);

const TAGS: &[Tag] = updated!(
    Tag,
    super::v11_3::LAYOUT.tags,
    gone: &[(JsFunction, "(shared function info)"), (Code, "(code relocation info)")],
    new: &[
        tag_as(NodeType::Code, InstructionStream, 8, "(code)"),
        tag_as(NodeType::Code, BytecodeArray, 32, "(handler table)"),
        tag_as(NodeType::Code, BytecodeArray, 24, "(source position table)"),
        tag_as(NodeType::Code, InstructionStream, 16, "(code relocation info)"),
    ],
);
