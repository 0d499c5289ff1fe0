//! What the reader makes of a class of V8: the classes that differ in size, in weakness, in what the snapshot calls them or
//! in the names of their edges. It must not know numbers; those are in the tables of the versions.

/// The kind of a heap object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "a kind is named as V8 names the class")]
pub enum Kind {
    /// No object at all: a number that this V8 gives to no class.
    Unknown,

    SeqString,
    ConsString,
    ExternalString,
    SlicedString,
    ThinString,

    Symbol,
    BigInt,
    HeapNumber,
    Oddball,
    Hole,

    Map,
    DescriptorArray,
    TransitionArray,
    EnumCache,
    PrototypeInfo,
    AccessorInfo,
    AccessorPair,

    FixedArray,
    /// A subclass of `FixedArray` or `HashTable` that the snapshot treats as a plain array.
    HashTable,
    NameDictionary,
    GlobalDictionary,
    NumberDictionary,
    NameToIndexHashTable,
    EphemeronHashTable,
    ClosureFeedbackCellArray,
    ObjectBoilerplateDescription,
    ScriptContextTable,
    ArrayList,
    RegExpMatchInfo,
    TrustedFixedArray,
    ProtectedFixedArray,
    WeakFixedArray,
    WeakArrayList,
    PropertyArray,
    SloppyArgumentsElements,
    ByteArray,
    TrustedByteArray,
    FixedDoubleArray,
    ExternalPointerArray,
    EmbedderDataArray,
    DoubleStringCache,

    Context,
    NativeContext,
    ScopeInfo,
    SharedFunctionInfo,
    UncompiledData,
    InterpreterData,
    PreparseData,
    Script,
    BytecodeArray,
    BytecodeWrapper,
    FeedbackVector,
    FeedbackMetadata,
    FeedbackCell,
    Code,
    CodeDataContainer,
    CodeWrapper,
    InstructionStream,
    /// A fixed-size class that the snapshot counts as code.
    CodeStruct,

    Cell,
    PropertyCell,
    WeakCell,
    AllocationSite,
    ArrayBoilerplateDescription,
    RegExpBoilerplateDescription,
    FunctionTemplateInfo,
    Tuple2,
    Foreign,
    CoverageInfo,
    SwissNameDictionary,
    CppHeapExternalObject,
    WasmNull,
    WasmTypeInfo,
    WasmDispatchTable,
    WasmDispatchTableForImports,
    WasmArray,
    WasmStruct,
    /// Free memory between objects.
    Filler,
    /// A fixed-size class with nothing of its own.
    Struct,

    /// The first kind of a JavaScript receiver; it alone is not a JSObject.
    JsProxy,
    /// A JavaScript object with nothing of its own.
    JsObject,
    JsFunction,
    JsBoundFunction,
    JsWrappedFunction,
    JsRegExp,
    JsArray,
    JsArrayBuffer,
    JsTypedArray,
    JsDataView,
    JsGlobalObject,
    JsGlobalProxy,
    JsMap,
    JsSet,
    JsWeakMap,
    JsWeakSet,
    JsPromise,
    JsGenerator,
    JsWeakRef,
    JsFinalizationRegistry,
    JsPrimitiveWrapper,
    JsDate,
    JsError,
    JsArguments,
    JsArrayIterator,
    JsDisposableStack,
    WasmInstanceObject,
    WasmModuleObject,
}

impl Kind {
    /// The number of kinds: the length of tables indexed by them.
    pub const COUNT: usize = Kind::WasmModuleObject as usize + 1;

    /// Whether objects of this kind are strings.
    pub fn is_string(self) -> bool {
        (Kind::SeqString..=Kind::ThinString).contains(&self)
    }

    /// Whether objects of this kind may be the name of a property.
    pub fn is_name(self) -> bool {
        (Kind::SeqString..=Kind::Symbol).contains(&self)
    }

    /// Whether V8's `IsJSObject` holds.
    pub fn is_js_object(self) -> bool {
        self >= Kind::JsObject
    }

    /// Whether V8's `IsJSReceiver` holds.
    pub fn is_js_receiver(self) -> bool {
        self >= Kind::JsProxy
    }
}
