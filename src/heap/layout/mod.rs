//! How V8 lays out its heap, as data: one small module a V8 version ([`v10_2`] to [`v14_6`]), each stating only what differs
//! from the one before. Every offset is in bytes from the object's start; a tagged slot is 8 bytes. Nothing in here reads memory.
//!
//! A fact's source is named where it stands: `v8dbg` (a symbol that every binary exports and that `strip` keeps), a V8
//! source file, or "measured" (found in the running binary and guarded by the self-test or the object-size check).

#[cfg(feature = "oracle")]
pub mod constants;
pub mod debug_constants;
pub mod instance_types;
pub mod kind;
mod meaning;
mod rows;
mod slots;
mod v10_2;
mod v11_3;
mod v12_4;
mod v13_6;
mod v14_6;

pub use self::meaning::{InstanceType, InstanceTypes};
pub use self::slots::Slots;

use self::kind::Kind;
use self::rows::{field, inserted, tag, tag_as, updated, weak_field};
use crate::snapshot::NodeType;

/// The layout of one V8 version.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// V8's major and minor version: `process.versions.v8` up to the second dot.
    pub version: (u32, u32),
    /// The names of the isolate's root table, one a line, in the table's order.
    pub root_names: &'static str,
    /// The names of a native context's slots, one a line, in the slots' order. The last ones hold weakly: [`WEAK_CONTEXT_SLOTS`].
    pub native_context_slots: &'static str,
    /// The names of the groups of roots (V8's enum `Root`), in its order.
    pub root_groups: &'static [&'static str],
    /// Where the isolate keeps its roots.
    pub roots: RootsLayout,
    /// How a page tells whose it is.
    pub page: PageLayout,
    /// Where the parts of a map are.
    pub map: MapLayout,
    /// Where the parts of a descriptor array are.
    pub descriptors: DescriptorLayout,
    /// Numbers and bits of elements kinds, dictionaries and symbols.
    pub properties: PropertyLayout,
    /// Where the parts of functions and of what they share are.
    pub function: FunctionLayout,
    /// Where the parts of machine code are.
    pub code: CodeLayout,
    /// The shape of a scope info.
    pub scope_info: ScopeInfoLayout,
    /// Where the parts of scripts are.
    pub script: ScriptLayout,
    /// Where the parts of array buffers, their views and regular expressions are.
    pub buffer: BufferLayout,
    /// Header sizes and counts that only the size of an object depends on.
    pub sizes: SizeLayout,
    /// What holds its target weakly without a weak tag.
    pub weak: WeakLayout,
    /// Fields whose edge has a name.
    pub fields: &'static [Field],
    /// Fields that lend a name or a type to what they point to.
    pub tags: &'static [Tag],
    /// Where the snapshot of this version differs from that of the others.
    pub snapshot: SnapshotTraits,
}

/// Where the isolate keeps its roots, as offsets in it. But for the root table they are measured: each list is taken only if
/// its shape is right. src/execution/isolate.h, src/execution/isolate-data.h.
#[derive(Debug, Clone, Copy)]
pub struct RootsLayout {
    /// The root table: `Internals::kIsolateRootsOffset`, v8-internal.h.
    pub table: u64,
    /// The group that the writable part of the root table belongs to.
    pub table_group: &'static str,
    /// The group that waiting microtasks belong to.
    pub microtask_group: &'static str,
    /// The table of the builtins' code.
    pub builtins: u64,
    /// The number of builtins.
    pub builtin_count: u64,
    /// Next handle and end of the current block of handles.
    pub handle_scope_data: u64,
    /// Pointer to what keeps the blocks of handles.
    pub handle_scope_implementer: u64,
    /// Pointer to the frame by which the isolate's thread has left JavaScript: `c_entry_fp`, src/execution/thread-local-top.h.
    pub exit_frame: u64,
    /// Pointer to the global handles.
    pub global_handles: u64,
    /// In the global handles: pointer to the space of their nodes.
    pub global_handle_nodes: u64,
    /// Pointer to the eternal handles.
    pub eternal_handles: u64,
    /// Vector of the objects that the start-up snapshot refers to.
    pub startup_object_cache: u64,
    /// Vector of the objects that isolates may share.
    pub shareable_object_cache: u64,
}

/// How a page of 256 KB tells whose it is. src/heap/basic-memory-chunk.h, memory-chunk.h, base-page.h.
#[derive(Debug, Clone, Copy)]
pub struct PageLayout {
    /// In the isolate: its heap. V8's exported `Isolate::GetHeapStatistics` begins with this addition.
    pub heap: u64,
    /// Where the page has the address of its heap.
    pub owner: PageOwner,
    /// In the page: its flags, a word.
    pub flags: u16,
    /// The flag of pages that isolates share: `IN_WRITABLE_SHARED_SPACE`.
    pub shared_flag: u64,
}

/// Where a page has the address of its heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageOwner {
    /// In its header.
    Header(u16),
    /// In what its header points to, outside of the page.
    Metadata {
        /// In the header: the pointer.
        metadata: u16,
        /// There: the heap.
        heap: u16,
    },
}

/// `Map`, src/objects/map.tq. All but the sizes and the validity cell are in `v8dbg`.
#[derive(Debug, Clone, Copy)]
pub struct MapLayout {
    /// Size of an instance in words, 0 where it varies; one byte.
    pub instance_size_in_words: u16,
    /// Where in-object properties start, in words; one byte.
    pub inobject_properties_start: u16,
    /// The instance type; two bytes.
    pub instance_type: u16,
    /// One byte; see [`bits`].
    pub bit_field: u16,
    /// One byte; see [`bits`].
    pub bit_field2: u16,
    /// Four bytes; see [`bits`].
    pub bit_field3: u16,
    /// The prototype.
    pub prototype: u16,
    /// Constructor, back pointer or native context.
    pub constructor: u16,
    /// The descriptor array.
    pub descriptors: u16,
    /// The code that depends on the map.
    pub dependent_code: u16,
    /// Transitions or prototype info.
    pub transitions: u16,
}

/// What describes machine code: `Code`, and in 10.2 the instruction stream itself. src/objects/code.h.
#[derive(Debug, Clone, Copy)]
pub struct CodeLayout {
    /// Code to its instruction stream; embedded builtins have none. Where there is no `Code` yet, the stream has the fields.
    pub instruction_stream: Option<u16>,
    /// Deoptimization data, or interpreter data in baseline code.
    pub deoptimization_data: u16,
    /// Source positions, or bytecode offsets in baseline code.
    pub position_table: u16,
    /// Four bytes, the kind in the lowest four bits.
    pub flags: u16,
    /// The number of the kind BASELINE; `v8dbg_CodeKindBaseline`.
    pub baseline: u32,
    /// The kinds with deoptimization data, a mask of `1 << kind`.
    pub deoptimizing_kinds: u32,
    /// Elements of the deoptimization data that belong to it alone: translations, literals, inlining positions.
    pub deoptimization_parts: [u16; 3],
}

/// `DescriptorArray`, src/objects/descriptor-array.tq.
#[derive(Debug, Clone, Copy)]
pub struct DescriptorLayout {
    /// The number of all descriptors; two bytes.
    pub count: u16,
    /// The first entry: three slots of key, details and value.
    pub entries: u16,
}

/// Numbers that say how properties and elements are kept.
#[derive(Debug, Clone, Copy)]
pub struct PropertyLayout {
    /// The elements kind of a dictionary.
    pub dictionary_elements: u8,
    /// Slots before the first entry of a name dictionary, counted from the array's first element.
    pub name_dictionary_prefix: u16,
    /// How a symbol says that it is private.
    pub symbol_flags: SymbolFlags,
}

/// Where a symbol's flags keep what kind of private it is. src/objects/symbol.h, name.tq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolFlags {
    /// Bit 0 private, bit 4 private name.
    Bits,
    /// Two bits: public, internal, field, brand.
    Visibility,
}

/// `JSFunction` and `SharedFunctionInfo`.
#[derive(Debug, Clone, Copy)]
pub struct FunctionLayout {
    /// JSFunction to SharedFunctionInfo.
    pub shared: u16,
    /// JSFunction to its prototype or initial map, in functions that have the slot.
    pub prototype_or_initial_map: u16,
    /// How a JSFunction finds its machine code where it has no slot for it.
    pub dispatch: Option<DispatchLayout>,
    /// SharedFunctionInfo to bytecode, baseline code or what is not compiled yet.
    pub function_data: u16,
    /// SharedFunctionInfo to its name, or to the scope info that has it.
    pub name_or_scope_info: u16,
    /// SharedFunctionInfo to its script.
    pub script: u16,
    /// UncompiledData to its start position; four bytes.
    pub uncompiled_start_position: u16,
    /// UncompiledData to its inferred name.
    pub uncompiled_inferred_name: u16,
    /// BytecodeArray to its constant pool.
    pub bytecode_constant_pool: u16,
}

/// How a JSFunction refers to its machine code where it has no slot for it (leaptiering). src/sandbox/js-dispatch-table.h.
#[derive(Debug, Clone, Copy)]
pub struct DispatchLayout {
    /// JSFunction's handle into the dispatch table; four bytes.
    pub handle: u16,
    /// Where the table is.
    pub table: DispatchTablePlace,
}

/// Where the dispatch table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DispatchTablePlace {
    /// All isolates have one together, and nothing tells where. src/init/isolate-group.h.
    Process,
    /// Each isolate has its own, whose address is at this offset in it: `Internals::kIsolateJSDispatchTableOffset`,
    /// v8-internal.h.
    Isolate(u64),
}

/// `ScopeInfo`, src/objects/scope-info.tq: a header, then parts that are there or not by the flags.
#[derive(Debug, Clone, Copy)]
pub struct ScopeInfoLayout {
    /// Whether the flags at offset 8 are a Smi or a raw word.
    pub flags_are_smi: bool,
    /// The number of context locals, a Smi.
    pub local_count: u16,
    /// The first local's name. Module scopes that keep their variable count in front have it here, and names 8 further.
    pub names: u16,
    /// Whether a module scope keeps its variable count in front of the names or behind the module info.
    pub module_variable_count_in_front: bool,
    /// Number of this scope type.
    pub module_scope: u32,
    /// Where a function's start and end position are.
    pub positions: Positions,
    /// Whether a list of names that block an outer lookup may follow.
    pub has_locals_block_list: bool,
    /// Whether dependent code may follow (flag 4).
    pub has_dependent_code: bool,
    /// The scope type, that of functions, which ends with the bits of unused parameters.
    pub scope_with_unused_parameter_bits: Option<u32>,
}

/// Where a scope info keeps its start and end position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Positions {
    /// Behind the optional parts, in scopes of these types (a mask of `1 << type`); in class scopes unless they are empty.
    Behind {
        /// The scope types that always have it.
        scopes: u32,
        /// The number of class scopes.
        class_scope: u32,
    },
    /// In every scope info, at this offset.
    At(u16),
}

/// `Script`, src/objects/script.tq.
#[derive(Debug, Clone, Copy)]
pub struct ScriptLayout {
    /// The source text.
    pub source: u16,
    /// The name, mostly a string.
    pub name: u16,
    /// Line of the first character in an enclosing document, a Smi.
    pub line_offset: u16,
    /// Column of the first character in an enclosing document, a Smi.
    pub column_offset: u16,
    /// The script's number, a Smi.
    pub id: u16,
}

/// Array buffers, views, regular expressions.
#[derive(Debug, Clone, Copy)]
pub struct BufferLayout {
    /// JSArrayBuffer: length in bytes, raw.
    pub byte_length: u16,
    /// JSArrayBuffer: address of the memory, raw.
    pub backing_store: u16,
    /// JSArrayBuffer: four bytes of flags.
    pub flags: u16,
    /// JSRegExp to its source text.
    pub regexp_source: u16,
}

/// What only the size of an object depends on.
#[derive(Debug, Clone, Copy)]
pub struct SizeLayout {
    /// Bytes before the first element.
    pub object_boilerplate_description: u64,
    /// Bytes before the first element.
    pub script_context_table: u64,
    /// Bytes before the first slot of a feedback vector.
    pub feedback_vector: u64,
    /// Bytes before the first bytecode.
    pub bytecode_array: u64,
    /// Whether feedback metadata ends with two bytes for each closure, their count at offset 12.
    pub feedback_metadata_has_closures: bool,
    /// Bytes before the first entry of WebAssembly's dispatch table, and of an entry; earlier ones are no heap objects.
    pub wasm_dispatch_table: Option<(u64, u64)>,
    /// How the size of machine code is found.
    pub instruction_stream: InstructionStreamSize,
}

/// How the size of an object of machine code is found. src/objects/code.h, instruction-stream.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionStreamSize {
    /// The sizes of instructions and of metadata, four bytes each, are in it.
    Inside {
        /// Size of the instructions.
        instruction_size: u16,
        /// Size of the metadata.
        metadata_size: u16,
        /// Bytes before the instructions.
        header: u64,
    },
    /// They are in the `Code` that a slot points to.
    InCode {
        /// The slot with the `Code`.
        code: u16,
        /// Size of the instructions.
        instruction_size: u16,
        /// Size of the metadata.
        metadata_size: u16,
        /// Bytes before the instructions.
        header: u64,
    },
    /// Their sum is in it.
    Body {
        /// Size of both.
        body_size: u16,
        /// Bytes before the instructions.
        header: u64,
    },
}

/// Slots that hold their target weakly without a weak tag.
#[derive(Debug, Clone, Copy)]
pub struct WeakLayout {
    /// JSFinalizationRegistry's link of the dirty ones.
    pub finalization_registry_next_dirty: u16,
    /// CodeDataContainer's link of all code, where there is one.
    pub next_code_link: Option<u16>,
    /// An allocation site of more bytes than this ends with the link of all sites.
    pub allocation_site_without_link: u64,
}

/// A field whose edge has a name.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The kind of the object that has it.
    pub kind: Kind,
    /// The name of the edge.
    pub name: &'static str,
    /// Where it is.
    pub offset: u16,
    /// Whether the target is held weakly although the slot has no weak tag.
    pub weak: bool,
}

/// A field that lends a name to what it points to if that has none, and a node type if it says so.
#[derive(Debug, Clone, Copy)]
pub struct Tag {
    /// The kind of the object that has the field.
    pub kind: Kind,
    /// Where the field is.
    pub offset: u16,
    /// The name.
    pub name: &'static str,
    /// The node type.
    pub node_type: Option<NodeType>,
}

/// Where the snapshot of one V8 version differs from that of another. src/profiler/heap-snapshot-generator.cc.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotTraits {
    /// The columns and types of the file.
    pub format: crate::snapshot::Format,
    /// Whether maps and what belongs to them are of type "object shape".
    pub object_shapes: bool,
    /// Whether shared infos and instruction streams are named after what they are for: from 12.4 on.
    pub tags_trusted_code: bool,
    /// Whether the wrappers of trusted code and bytecode are of type "code".
    pub wrappers_are_code: bool,
    /// Whether read-only objects are given no size.
    pub read_only_is_free: bool,
    /// Whether the text of an external string counts as the string's size.
    pub external_text_counts: bool,
    /// Whether internal and hidden edges never lead to any hole, rather than to the hole in arrays alone.
    pub no_edges_to_holes: bool,
    /// Whether maps of maps name their native context.
    pub meta_map_has_native_context: bool,
    /// Whether the global object's name says so, and the root's shortcuts lead to native contexts.
    pub names_globals: bool,
}

/// Bits of the map's bit fields, of property details and of scope info flags: the same in all versions.
/// src/objects/map.h, property-details.h, scope-info.tq; those of properties and descriptors are in `v8dbg`.
#[expect(missing_docs, reason = "the names are V8's")]
pub mod bits {
    pub const NON_INSTANCE_PROTOTYPE: u8 = 1;
    pub const HAS_PROTOTYPE_SLOT: u8 = 1 << 7;
    pub const NEW_TARGET_IS_BASE: u8 = 1;
    pub const ELEMENTS_KIND_SHIFT: u32 = 2;
    pub const OWN_DESCRIPTORS_SHIFT: u32 = 10;
    pub const OWN_DESCRIPTORS_MASK: u32 = 0x3ff;
    pub const IS_PROTOTYPE_MAP: u32 = 1 << 20;
    pub const IS_DICTIONARY_MAP: u32 = 1 << 21;

    pub const PROPERTY_IS_ACCESSOR: u32 = 1;
    pub const PROPERTY_IN_DESCRIPTOR: u32 = 1 << 5;
    pub const REPRESENTATION_SHIFT: u32 = 6;
    pub const REPRESENTATION_MASK: u32 = 7;
    pub const REPRESENTATION_SMI: u32 = 1;
    pub const REPRESENTATION_DOUBLE: u32 = 2;
    pub const FIELD_INDEX_SHIFT: u32 = 19;
    pub const FIELD_INDEX_MASK: u32 = 0x3ff;
    pub const PROPERTY_ARRAY_LENGTH_MASK: u64 = 0x3ff;

    pub const SCOPE_TYPE_MASK: u32 = 0xf;
    pub const SCOPE_HAS_DEPENDENT_CODE: u32 = 1 << 4;
    pub const SCOPE_IS_STRICT: u32 = 1 << 5;
    pub const SCOPE_IS_DECLARATION: u32 = 1 << 6;
    pub const SCOPE_HAS_SAVED_CLASS_VARIABLE: u32 = 1 << 10;
    pub const SCOPE_FUNCTION_VARIABLE_SHIFT: u32 = 12;
    pub const SCOPE_HAS_INFERRED_NAME: u32 = 1 << 14;
    pub const SCOPE_HAS_OUTER: u32 = 1 << 22;
    pub const SCOPE_HAS_EXTENSION_SLOT: u32 = 1 << 26;
    pub const SCOPE_HAS_LOCALS_BLOCK_LIST: u32 = 1 << 28;
    pub const SCOPE_IS_EMPTY: u32 = 1 << 29;
    /// With more locals than this the names are in a hash table.
    pub const SCOPE_MAX_INLINED_NAMES: u64 = 75;
}

/// `FunctionVariableBits`: a function expression's own name lives in its context.
pub const FUNCTION_VARIABLE_IN_CONTEXT: u32 = 2;

/// The native context's slots that hold weakly. src/objects/contexts.h.
pub const WEAK_CONTEXT_SLOTS: [&str; 3] = [
    "optimized_code_list",
    "deoptimized_code_list",
    "next_context_link",
];

impl Layout {
    /// All layouts, oldest first.
    pub const ALL: [&'static Layout; 5] = [
        &v10_2::LAYOUT,
        &v11_3::LAYOUT,
        &v12_4::LAYOUT,
        &v13_6::LAYOUT,
        &v14_6::LAYOUT,
    ];

    /// The layout of the V8 that calls itself `version`, e.g. `12.4.254.21-node.56`.
    pub fn of(version: &str) -> Option<&'static Layout> {
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
        let wanted = (numbers.next()??, numbers.next()??);
        Self::ALL
            .into_iter()
            .find(|layout| layout.version == wanted)
    }
}
