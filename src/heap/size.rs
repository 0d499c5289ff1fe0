//! The size of objects whose map does not say it: V8's `HeapObject::SizeFromMap`, src/objects/objects.cc.

use super::layout::kind::Kind;
use super::layout::{InstructionStreamSize, Layout, Positions, ScopeInfoLayout, bits};
use super::memory::{Memory, View};
use super::shape::Shape;
use super::tagged::Tagged;

const TAGGED: u64 = 8;
/// Map and length.
const ARRAY_HEADER: u64 = 16;
/// Machine code is aligned to this. `kCodeAlignment`, src/common/globals.h.
const CODE_ALIGNMENT: u64 = 64;
const DESCRIPTOR_SIZE: u64 = 24;
/// Slot kinds of 5 bits, as many as fit into 4 bytes. src/objects/feedback-vector.h.
const SLOT_KINDS_PER_WORD: u64 = 6;

fn aligned(size: u64) -> u64 {
    size.next_multiple_of(TAGGED)
}

/// The size of the object that `object` begins with; nothing if its kind has no size of its own or the sum is absurd.
#[inline(never)]
pub fn size_in_bytes(
    layout: &'static Layout,
    memory: &Memory,
    shape: &Shape,
    object: View,
) -> Option<u64> {
    let sizes = &layout.sizes;
    // Lengths are below 2^32, so none of these sums can overflow.
    let length = || Tagged(object.word(8)).length();
    let raw_length = || u64::from(object.half_word(8));
    let size = match shape.kind {
        Kind::SeqString => {
            let characters = u64::from(object.half_word(12));
            aligned(ARRAY_HEADER + characters * if shape.is_one_byte() { 1 } else { 2 })
        }
        Kind::FixedArray
        | Kind::HashTable
        | Kind::NameDictionary
        | Kind::GlobalDictionary
        | Kind::NumberDictionary
        | Kind::NameToIndexHashTable
        | Kind::EphemeronHashTable
        | Kind::ClosureFeedbackCellArray
        | Kind::TrustedFixedArray
        | Kind::ProtectedFixedArray
        | Kind::WeakFixedArray
        | Kind::TransitionArray
        | Kind::ExternalPointerArray
        | Kind::EmbedderDataArray
        | Kind::FixedDoubleArray
        | Kind::Context => ARRAY_HEADER + TAGGED * length(),
        // The last word is a native pointer to the microtask queue.
        Kind::NativeContext => ARRAY_HEADER + TAGGED * length() + 8,
        Kind::PropertyArray => {
            ARRAY_HEADER + TAGGED * (length() & bits::PROPERTY_ARRAY_LENGTH_MASK)
        }
        Kind::WeakArrayList | Kind::ArrayList => ARRAY_HEADER + 8 + TAGGED * length(),
        Kind::SloppyArgumentsElements => ARRAY_HEADER + 16 + TAGGED * length(),
        Kind::RegExpMatchInfo => ARRAY_HEADER + 24 + TAGGED * length(),
        Kind::ObjectBoilerplateDescription => {
            sizes.object_boilerplate_description + TAGGED * length()
        }
        Kind::ScriptContextTable => sizes.script_context_table + TAGGED * length(),
        Kind::ByteArray | Kind::TrustedByteArray => aligned(ARRAY_HEADER + length()),
        Kind::BytecodeArray => aligned(sizes.bytecode_array + length()),
        Kind::FeedbackVector => sizes.feedback_vector + TAGGED * raw_length(),
        Kind::FeedbackMetadata => {
            let slots = 4 * raw_length().div_ceil(SLOT_KINDS_PER_WORD);
            let closures = if sizes.feedback_metadata_has_closures {
                2 * u64::from(object.half_word(12))
            } else {
                0
            };
            aligned(ARRAY_HEADER + slots + closures)
        }
        Kind::DescriptorArray => {
            let descriptors = &layout.descriptors;
            u64::from(descriptors.entries)
                + DESCRIPTOR_SIZE * u64::from(object.quarter_word(u64::from(descriptors.count)))
        }
        Kind::PreparseData => preparse_children(object) + TAGGED * u64::from(object.half_word(12)),
        Kind::BigInt => ARRAY_HEADER + 8 * (raw_length() >> 1),
        Kind::CoverageInfo | Kind::DoubleStringCache => ARRAY_HEADER + 16 * raw_length(),
        Kind::WasmDispatchTable => {
            let (header, entry) = sizes.wasm_dispatch_table?;
            header + entry * u64::from(object.half_word(12))
        }
        Kind::WasmDispatchTableForImports => ARRAY_HEADER + 8 + 16 * raw_length(),
        Kind::ScopeInfo => ScopeInfo::new(&layout.scope_info, object).size(),
        Kind::InstructionStream => instruction_stream_size(layout, memory, object)?,
        // Behind the map lies memory that is not mapped.
        Kind::Hole | Kind::WasmNull => 8,
        Kind::SwissNameDictionary => 40,
        _ => return None,
    };
    Some(size)
}

/// Where the children of preparse data start, behind its bytes.
pub fn preparse_children(object: View) -> u64 {
    aligned(ARRAY_HEADER + u64::from(object.half_word(8)))
}

fn instruction_stream_size(layout: &'static Layout, memory: &Memory, object: View) -> Option<u64> {
    let read = |view: View, offset: u16| u64::from(view.half_word(u64::from(offset)));
    let (header, body) = match layout.sizes.instruction_stream {
        InstructionStreamSize::Inside {
            instruction_size,
            metadata_size,
            header,
        } => (
            header,
            read(object, instruction_size) + read(object, metadata_size),
        ),
        InstructionStreamSize::InCode {
            code,
            instruction_size,
            metadata_size,
            header,
        } => {
            let code = Tagged(object.word(u64::from(code))).strong()?;
            let code = memory.view(code, u64::from(metadata_size) + 4)?;
            (
                header,
                read(code, instruction_size) + read(code, metadata_size),
            )
        }
        InstructionStreamSize::Body { body_size, header } => (header, read(object, body_size)),
    };
    Some((header + body).next_multiple_of(CODE_ALIGNMENT))
}

/// A scope info's parts, which are there or not by its flags. src/objects/scope-info.tq.
pub struct ScopeInfo<'m> {
    layout: &'static ScopeInfoLayout,
    object: View<'m>,
    /// See [`bits`].
    pub flags: u32,
}

impl<'m> ScopeInfo<'m> {
    /// The scope info that `object` begins with.
    pub fn new(layout: &'static ScopeInfoLayout, object: View<'m>) -> ScopeInfo<'m> {
        let flags = if layout.flags_are_smi {
            object.half_word(12)
        } else {
            object.half_word(8)
        };
        ScopeInfo {
            layout,
            object,
            flags,
        }
    }

    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    fn scope_type(&self) -> u32 {
        self.flags & bits::SCOPE_TYPE_MASK
    }

    fn is_module(&self) -> bool {
        self.scope_type() == self.layout.module_scope
    }

    /// The number of locals that live in the context.
    pub fn local_count(&self) -> u64 {
        Tagged(self.object.word(u64::from(self.layout.local_count))).length()
    }

    /// Whether the locals' names are in line rather than in a hash table.
    pub fn names_are_inlined(&self) -> bool {
        self.local_count() < bits::SCOPE_MAX_INLINED_NAMES
    }

    /// Where the names, or the slot with their hash table, are.
    pub fn names(&self) -> u64 {
        let behind_count = self.layout.module_variable_count_in_front && self.is_module();
        u64::from(self.layout.names) + if behind_count { TAGGED } else { 0 }
    }

    /// The slots of a context before its first local.
    pub fn context_header_length(&self) -> u64 {
        if self.has_extension_slot() { 3 } else { 2 }
    }

    /// Whether contexts have the slot for an extension object.
    pub fn has_extension_slot(&self) -> bool {
        self.has(bits::SCOPE_HAS_EXTENSION_SLOT)
    }

    /// The `VariableAllocationInfo` of a function expression's own name.
    pub fn function_variable(&self) -> u32 {
        self.flags >> bits::SCOPE_FUNCTION_VARIABLE_SHIFT & 3
    }

    /// Where the function's name and, 8 further, its context slot are.
    pub fn function_name(&self) -> Option<u64> {
        (self.function_variable() != 0).then(|| self.behind_saved_class_variable())
    }

    /// Where the inferred name is.
    pub fn inferred_name(&self) -> Option<u64> {
        self.has(bits::SCOPE_HAS_INFERRED_NAME)
            .then(|| self.behind_function_name())
    }

    /// Behind the locals' names and infos, and the saved class variable.
    fn behind_saved_class_variable(&self) -> u64 {
        let names = if self.names_are_inlined() {
            self.local_count()
        } else {
            1
        };
        let class = if self.has(bits::SCOPE_HAS_SAVED_CLASS_VARIABLE) {
            TAGGED
        } else {
            0
        };
        self.names() + TAGGED * (names + self.local_count()) + class
    }

    fn behind_function_name(&self) -> u64 {
        let function = if self.function_variable() != 0 {
            2 * TAGGED
        } else {
            0
        };
        self.behind_saved_class_variable() + function
    }

    /// Where the start position is, if this scope has one.
    pub fn start_position(&self) -> Option<u64> {
        match self.layout.positions {
            Positions::At(offset) => Some(u64::from(offset)),
            Positions::Behind { .. } => self.has_positions_behind().then(|| {
                let inferred = if self.has(bits::SCOPE_HAS_INFERRED_NAME) {
                    TAGGED
                } else {
                    0
                };
                self.behind_function_name() + inferred
            }),
        }
    }

    fn has_positions_behind(&self) -> bool {
        match self.layout.positions {
            Positions::At(_) => false,
            Positions::Behind {
                scopes,
                class_scope,
            } => {
                let scope_type = self.scope_type();
                scopes >> scope_type & 1 == 1
                    || scope_type == class_scope && !self.has(bits::SCOPE_IS_EMPTY)
            }
        }
    }

    fn size(&self) -> u64 {
        let slots = |present: bool, count: u64| if present { TAGGED * count } else { 0 };
        let layout = self.layout;
        let mut size = self.behind_function_name();
        size += slots(self.has(bits::SCOPE_HAS_INFERRED_NAME), 1);
        size += slots(self.has_positions_behind(), 2);
        size += slots(self.has(bits::SCOPE_HAS_OUTER), 1);
        size += slots(
            layout.has_locals_block_list && self.has(bits::SCOPE_HAS_LOCALS_BLOCK_LIST),
            1,
        );
        if self.is_module() {
            let count_at = if layout.module_variable_count_in_front {
                self.names() - TAGGED
            } else {
                size + TAGGED
            };
            let variables = Tagged(self.object.word(count_at)).length();
            size += slots(true, 1)
                + slots(!layout.module_variable_count_in_front, 1)
                + slots(true, 3 * variables);
        }
        size += slots(
            layout.has_dependent_code && self.has(bits::SCOPE_HAS_DEPENDENT_CODE),
            1,
        );
        size += slots(
            layout.scope_with_unused_parameter_bits == Some(self.scope_type()),
            1,
        );
        size
    }
}
