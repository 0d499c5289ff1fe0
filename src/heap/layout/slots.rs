//! Which slots of an object are tagged, as far as its kind alone says it. V8's body descriptors,
//! src/objects/objects-body-descriptors-inl.h.

use super::kind::Kind;

/// Which slots of the objects of a kind are tagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slots {
    /// None.
    None,
    /// All behind the map; and none holds weakly without a weak tag.
    BehindMap,
    /// All from the third word on; and none holds weakly without a weak tag.
    BehindHeader,
    /// What the kind has of its own.
    Special,
}

impl Slots {
    /// In the order of their numbers.
    pub const ALL: [Slots; 4] = [
        Slots::None,
        Slots::BehindMap,
        Slots::BehindHeader,
        Slots::Special,
    ];

    /// The slots of objects of `kind`.
    pub fn of(kind: Kind) -> Slots {
        match kind {
            Kind::SeqString
            | Kind::ExternalString
            | Kind::BigInt
            | Kind::HeapNumber
            | Kind::Hole
            | Kind::ByteArray
            | Kind::TrustedByteArray
            | Kind::FixedDoubleArray
            | Kind::ExternalPointerArray
            | Kind::FeedbackMetadata
            | Kind::Foreign
            | Kind::CoverageInfo
            | Kind::DoubleStringCache
            | Kind::SwissNameDictionary
            | Kind::CppHeapExternalObject
            | Kind::WasmNull
            | Kind::Filler => Slots::None,
            Kind::ConsString | Kind::SlicedString | Kind::ThinString | Kind::Symbol => {
                Slots::BehindHeader
            }
            Kind::Oddball
            | Kind::Map
            | Kind::BytecodeArray
            | Kind::Code
            | Kind::InstructionStream
            | Kind::PreparseData
            | Kind::NativeContext
            | Kind::JsWeakRef
            | Kind::WeakCell
            | Kind::AllocationSite
            | Kind::JsFinalizationRegistry
            | Kind::CodeDataContainer => Slots::Special,
            _ => Slots::BehindMap,
        }
    }
}
