//! V8 14.6, Node 26: each isolate has its own dispatch table, holes are their own class over unmapped memory, symbols say their
//! visibility, globals are named.

use super::kind::Kind::*;
use super::*;

pub(super) const LAYOUT: Layout = Layout {
    version: (14, 6),
    root_names: include_str!("roots/v14_6.txt"),
    native_context_slots: include_str!("native_contexts/v14_6.txt"),
    root_groups: &inserted::<28>(super::v13_6::LAYOUT.root_groups, 11, "(Identity map)"),
    roots: RootsLayout {
        table: 688,
        table_group: "(Strong root list)",
        microtask_group: "(Micro tasks)",
        builtins: 0xa798,
        builtin_count: 2415,
        handle_scope_data: 0x230,
        handle_scope_implementer: 0x100b0,
        exit_frame: 0x148,
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
        dispatch: Some(DispatchLayout {
            handle: 24,
            table: DispatchTablePlace::Isolate(0x268),
        }),
        ..super::v13_6::LAYOUT.function
    },
    code: CodeLayout {
        baseline: 11,
        // maglev 12, turbofan 13
        deoptimizing_kinds: 1 << 12 | 1 << 13,
        ..super::v13_6::LAYOUT.code
    },
    scope_info: ScopeInfoLayout {
        scope_with_unused_parameter_bits: Some(4),
        ..super::v13_6::LAYOUT.scope_info
    },
    sizes: SizeLayout {
        wasm_dispatch_table: Some((40, 16)),
        ..super::v13_6::LAYOUT.sizes
    },
    fields: FIELDS,
    tags: TAGS,
    snapshot: SnapshotTraits {
        no_edges_to_holes: true,
        names_globals: true,
        ..super::v13_6::LAYOUT.snapshot
    },
    ..super::v13_6::LAYOUT
};

const FIELDS: &[Field] = updated!(
    Field,
    super::v13_6::LAYOUT.fields,
    gone: &[],
    new: &[
        field(JsDisposableStack, "stack", 24),
        field(JsDisposableStack, "error", 40),
        field(JsDisposableStack, "error_message", 48),
        field(DescriptorArray, "enum_cache", 24),
        field(AccessorInfo, "data", 8),
        field(AccessorInfo, "name", 16),
        weak_field(WeakCell, "target", 24),
        weak_field(WeakCell, "unregister_token", 32),
    ],
);

const TAGS: &[Tag] = updated!(
    Tag,
    super::v13_6::LAYOUT.tags,
    gone: &[],
    new: &[
        tag_as(NodeType::Code, Script, 136, "(host-defined options)"),
    ],
);
