//! Finds V8's functions in the running process, all of them or none.
//!
//! Names resolved at run time let one compiled addon serve Node 18 to 26, and let `require` fail with a sentence where a
//! host (Bun, Deno) has no V8 of its own. The mangled names are the same from V8 10.2 to 14.6: read from the symbol tables
//! of the official Node binaries (`nm -D`; the Windows names from the export table of `node.exe`).

use std::ffi::{CStr, c_char, c_void};
use std::sync::OnceLock;

/// The class `v8::Isolate`. Only its address is ever used.
#[repr(C)]
pub struct RawIsolate {
    _opaque: [u8; 0],
}

/// `v8::Isolate::GCCallbackWithData`: isolate, `GCType` bits, `GCCallbackFlags` bits, data.
pub type GcCallback = unsafe extern "C" fn(*mut RawIsolate, u32, u32, *mut c_void);

/// `v8::NearHeapLimitCallback`: data, current limit, initial limit, all in bytes; returns the new limit.
pub type NearHeapLimitCallback = unsafe extern "C" fn(*mut c_void, usize, usize) -> usize;

/// `v8::InterruptCallback`: isolate, data.
pub type InterruptCallback = unsafe extern "C" fn(*mut RawIsolate, *mut c_void);

/// `v8::HeapStatistics` (v8-statistics.h): nine `size_t`, a padded `bool`, four or five `size_t`. The buffer is larger than
/// any version's structure, so V8 may add fields behind those that are read here.
#[repr(C)]
pub struct HeapStatistics {
    words: [usize; 32],
}

impl HeapStatistics {
    /// All zero, as V8's own constructor leaves it.
    pub const fn zeroed() -> Self {
        Self { words: [0; 32] }
    }

    /// `total_heap_size`: bytes committed for all spaces.
    pub fn total_heap_size(&self) -> usize {
        self.words[0]
    }

    /// `used_heap_size`: bytes in objects of all spaces, garbage that was not yet collected included.
    pub fn used_heap_size(&self) -> usize {
        self.words[4]
    }

    /// `external_memory`: bytes outside of the heap that its objects hold.
    pub fn external_memory(&self) -> usize {
        self.words[7]
    }

    /// `heap_size_limit`: the largest old generation plus three of the largest semi-space (`Heap::MaxReserved`, heap.cc).
    pub fn heap_size_limit(&self) -> usize {
        self.words[5]
    }
}

/// `v8::HeapSpaceStatistics` (v8-statistics.h), five words in all versions.
#[repr(C)]
pub struct HeapSpaceStatistics {
    name: *const c_char,
    /// `space_size`: bytes committed.
    pub size: usize,
    /// `space_used_size`: bytes in objects.
    pub used: usize,
    available: usize,
    /// `physical_space_size`: bytes resident.
    pub physical: usize,
}

impl HeapSpaceStatistics {
    /// All zero, as V8's own constructor leaves it.
    pub const fn zeroed() -> Self {
        Self {
            name: std::ptr::null(),
            size: 0,
            used: 0,
            available: 0,
            physical: 0,
        }
    }

    /// `space_name`.
    pub fn name(&self) -> Option<&'static CStr> {
        // SAFETY: a name that is not null is a C string that V8 never frees (`Heap::GetSpaceName`).
        (!self.name.is_null()).then(|| unsafe { CStr::from_ptr(self.name) })
    }
}

/// The running host cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum UnsupportedHost {
    /// A V8 function that the watch needs is not exported by the running program.
    #[error(
        "this JavaScript runtime does not export V8's function {symbol}, so its garbage collector cannot be watched: run the program with Node 18 or newer"
    )]
    MissingSymbol {
        /// The mangled name that was looked for.
        symbol: &'static str,
    },
    /// The running program could not be opened to look for V8's functions.
    #[error(
        "the functions of the running program cannot be looked up ({0}), so V8's garbage collector cannot be watched"
    )]
    NoSymbolTable(String),
    /// The calling thread runs no JavaScript.
    #[error(
        "there is no V8 isolate on this thread, so there is no heap to watch: load the module from JavaScript"
    )]
    NoIsolate,
}

/// Declares the table of functions: a row has the field, the mangled name (Itanium; MSVC for Windows) and the signature.
macro_rules! v8_functions {
    ($($field:ident: $itanium:literal, $msvc:literal, fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// V8's functions, found in the running program.
        pub struct Functions {
            $(pub $field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            fn resolve(program: &Program) -> Result<Self, UnsupportedHost> {
                Ok(Self {
                    $($field: {
                        let symbol = if cfg!(windows) { $msvc } else { $itanium };
                        // SAFETY: the name determines the C++ signature, which is the one of this row.
                        unsafe { program.function(symbol)? }
                    },)*
                })
            }
        }
    };
}

v8_functions! {
    try_get_current: "_ZN2v87Isolate13TryGetCurrentEv", "?TryGetCurrent@Isolate@v8@@SAPEAV12@XZ",
        fn() -> *mut RawIsolate;
    add_gc_epilogue_callback: "_ZN2v87Isolate21AddGCEpilogueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_S2_",
        "?AddGCEpilogueCallback@Isolate@v8@@QEAAXP6AXPEAV12@W4GCType@2@W4GCCallbackFlags@2@PEAX@Z31@Z",
        fn(*mut RawIsolate, GcCallback, *mut c_void, u32);
    remove_gc_epilogue_callback: "_ZN2v87Isolate24RemoveGCEpilogueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_",
        "?RemoveGCEpilogueCallback@Isolate@v8@@QEAAXP6AXPEAV12@W4GCType@2@W4GCCallbackFlags@2@PEAX@Z3@Z",
        fn(*mut RawIsolate, GcCallback, *mut c_void);
    add_near_heap_limit_callback: "_ZN2v87Isolate24AddNearHeapLimitCallbackEPFmPvmmES1_",
        "?AddNearHeapLimitCallback@Isolate@v8@@QEAAXP6A_KPEAX_K1@Z0@Z",
        fn(*mut RawIsolate, NearHeapLimitCallback, *mut c_void);
    remove_near_heap_limit_callback: "_ZN2v87Isolate27RemoveNearHeapLimitCallbackEPFmPvmmEm",
        "?RemoveNearHeapLimitCallback@Isolate@v8@@QEAAXP6A_KPEAX_K1@Z1@Z",
        fn(*mut RawIsolate, NearHeapLimitCallback, usize);
    automatically_restore_initial_heap_limit: "_ZN2v87Isolate36AutomaticallyRestoreInitialHeapLimitEd",
        "?AutomaticallyRestoreInitialHeapLimit@Isolate@v8@@QEAAXN@Z",
        fn(*mut RawIsolate, f64);
    request_interrupt: "_ZN2v87Isolate16RequestInterruptEPFvPS0_PvES2_",
        "?RequestInterrupt@Isolate@v8@@QEAAXP6AXPEAV12@PEAX@Z1@Z",
        fn(*mut RawIsolate, InterruptCallback, *mut c_void);
    low_memory_notification: "_ZN2v87Isolate21LowMemoryNotificationEv",
        "?LowMemoryNotification@Isolate@v8@@QEAAXXZ",
        fn(*mut RawIsolate);
    get_heap_statistics: "_ZN2v87Isolate17GetHeapStatisticsEPNS_14HeapStatisticsE",
        "?GetHeapStatistics@Isolate@v8@@QEAAXPEAVHeapStatistics@2@@Z",
        fn(*mut RawIsolate, *mut HeapStatistics);
    number_of_heap_spaces: "_ZN2v87Isolate18NumberOfHeapSpacesEv",
        "?NumberOfHeapSpaces@Isolate@v8@@QEAA_KXZ",
        fn(*mut RawIsolate) -> usize;
    get_heap_space_statistics: "_ZN2v87Isolate22GetHeapSpaceStatisticsEPNS_19HeapSpaceStatisticsEm",
        "?GetHeapSpaceStatistics@Isolate@v8@@QEAA_NPEAVHeapSpaceStatistics@2@_K@Z",
        fn(*mut RawIsolate, *mut HeapSpaceStatistics, usize) -> bool;
}

impl Functions {
    /// The functions of the running program, looked up once.
    pub fn of_this_process() -> Result<&'static Self, UnsupportedHost> {
        static FUNCTIONS: OnceLock<Functions> = OnceLock::new();
        if let Some(functions) = FUNCTIONS.get() {
            return Ok(functions);
        }
        let functions = Self::resolve(&Program::open()?)?;
        Ok(FUNCTIONS.get_or_init(|| functions))
    }
}

/// Finds the integers that V8 exports for debuggers in the running program: `v8dbg_TaggedSize` and the like. Where nothing can
/// be looked up, or the name is not theirs, there are none.
pub fn debug_constants() -> impl Fn(&str) -> Option<i32> {
    let program = Program::open().ok();
    move |symbol| program.as_ref()?.debug_constant(symbol)
}

/// The running program and the libraries it has loaded, where V8 may be one of them (`libnode.so`).
pub(super) struct Program {
    #[cfg(unix)]
    library: libloading::os::unix::Library,
    #[cfg(windows)]
    library: libloading::os::windows::Library,
}

impl Program {
    pub(super) fn open() -> Result<Self, UnsupportedHost> {
        #[cfg(unix)]
        let library = libloading::os::unix::Library::this();
        #[cfg(windows)]
        let library = libloading::os::windows::Library::this()
            .map_err(|error| UnsupportedHost::NoSymbolTable(error.to_string()))?;
        Ok(Self { library })
    }

    /// # Safety
    /// `F` must be a function pointer of the signature that `symbol` names.
    pub(super) unsafe fn function<F: Copy>(
        &self,
        symbol: &'static str,
    ) -> Result<F, UnsupportedHost> {
        // SAFETY: the caller vouches for the signature; the program itself is never unloaded.
        let found = unsafe { self.library.get::<F>(symbol) };
        found
            .map(|function| *function)
            .map_err(|_| UnsupportedHost::MissingSymbol { symbol })
    }

    fn debug_constant(&self, symbol: &str) -> Option<i32> {
        if !symbol.starts_with("v8dbg_") {
            return None;
        }
        // SAFETY: V8 defines all symbols of this prefix as `int` (tools/gen-postmortem-metadata.py); only the address is taken.
        let address = unsafe { self.library.get::<*const i32>(symbol) }.ok()?;
        // SAFETY: as above; the program itself is never unloaded, and nobody writes to its constants.
        Some(unsafe { **address })
    }
}
