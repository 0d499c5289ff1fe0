//! One isolate: how full it is, and the callbacks V8 makes for it.

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

use super::symbols::{
    Functions, GcCallback, HeapSpaceStatistics, HeapStatistics, InterruptCallback,
    NearHeapLimitCallback, RawIsolate, UnsupportedHost,
};

/// `kGCTypeMarkSweepCompact` (v8-callbacks.h), unchanged from V8 10.2 to 14.6. Epilogues of incremental marking (8) run
/// while the heap is not consistent, so only full collections are asked for.
const GC_TYPE_MARK_COMPACT: u32 = 4;

/// Where the young generation is among the isolate's heap spaces, as indexes for `GetHeapSpaceStatistics`.
#[derive(Debug, Clone, Copy)]
pub struct YoungSpaces {
    new_space: Option<usize>,
    new_large_object_space: Option<usize>,
}

/// How much of the old generation is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldGenerationUse {
    /// Bytes in objects.
    pub used: u64,
    /// Bytes committed for the spaces they lie in.
    pub committed: u64,
}

/// A space of the heap, in bytes.
#[derive(Debug, Clone)]
pub struct HeapSpaceUse {
    /// `old_space`, `large_object_space`, …
    pub name: String,
    /// Taken from the system.
    pub size: u64,
    /// In objects.
    pub used: u64,
    /// Resident.
    pub physical: u64,
}

/// The isolate of the thread that made this value. All methods must be called on that thread.
#[derive(Clone, Copy)]
pub struct Isolate {
    raw: NonNull<RawIsolate>,
    functions: &'static Functions,
}

/// An isolate, as another thread may use it.
pub struct RemoteIsolate(Isolate);

// SAFETY: the one method is allowed on any thread.
unsafe impl Send for RemoteIsolate {}
// SAFETY: as above.
unsafe impl Sync for RemoteIsolate {}

impl RemoteIsolate {
    /// Where V8 keeps it.
    pub fn address(&self) -> usize {
        self.0.address()
    }

    /// Has V8 call `callback` on the isolate's thread as soon as it runs JavaScript. No JavaScript may run in the callback.
    /// An idle isolate calls it when it wakes, and one in a long built-in function when that has ended.
    ///
    /// # Safety
    /// The isolate must not have ended.
    pub unsafe fn request_interrupt(&self, callback: InterruptCallback) {
        let Isolate { raw, functions } = self.0;
        // SAFETY: the caller vouches for the isolate; V8 takes a lock of its own (`Isolate::RequestInterrupt`).
        unsafe { (functions.request_interrupt)(raw.as_ptr(), callback, std::ptr::null_mut()) }
    }
}

impl Isolate {
    /// The isolate entered on this thread.
    pub fn current() -> Result<Self, UnsupportedHost> {
        let functions = Functions::of_this_process()?;
        // SAFETY: a static function without arguments that reads a thread-local variable.
        let raw = unsafe { (functions.try_get_current)() };
        NonNull::new(raw)
            .map(|raw| Self { raw, functions })
            .ok_or(UnsupportedHost::NoIsolate)
    }

    pub(super) fn raw(&self) -> *mut RawIsolate {
        self.raw.as_ptr()
    }

    /// What other threads may do with it.
    pub fn remote(&self) -> RemoteIsolate {
        RemoteIsolate(*self)
    }

    /// Where V8 keeps it.
    pub fn address(&self) -> usize {
        self.raw.as_ptr().addr()
    }

    /// `heap_size_limit` in bytes: old generation plus the reserve of the young one.
    pub fn heap_size_limit(&self) -> u64 {
        self.heap_statistics().heap_size_limit() as u64
    }

    /// Finds the young generation's spaces by their names, which are the same in all versions.
    pub fn young_spaces(&self) -> YoungSpaces {
        let index_of = |name: &CStr| {
            (0..self.number_of_heap_spaces()).find(|&index| self.has_name(index, name))
        };
        YoungSpaces {
            new_space: index_of(c"new_space"),
            new_large_object_space: index_of(c"new_large_object_space"),
        }
    }

    /// What the old generation holds: all spaces without the young ones. Allocates nothing and takes no lock, so that it
    /// may be called from V8's callbacks; 0.3 to 0.9 microseconds.
    pub fn old_generation_use(&self, young: YoungSpaces) -> OldGenerationUse {
        let all = self.heap_statistics();
        let young_space = |index: Option<usize>| {
            index.map_or_else(HeapSpaceStatistics::zeroed, |index| {
                self.heap_space_statistics(index)
            })
        };
        let new_space = young_space(young.new_space);
        let new_large_objects = young_space(young.new_large_object_space);
        OldGenerationUse {
            used: all
                .used_heap_size()
                .saturating_sub(new_space.used + new_large_objects.used) as u64,
            committed: all
                .total_heap_size()
                .saturating_sub(new_space.size + new_large_objects.size)
                as u64,
        }
    }

    /// Asks V8 to call `callback` at the end of each mark-compact.
    ///
    /// # Safety
    /// `data` must stay valid until [`Self::remove_mark_compact_epilogue`] or the end of the isolate.
    pub unsafe fn add_mark_compact_epilogue(&self, callback: GcCallback, data: *mut c_void) {
        // SAFETY: the isolate is alive and entered on this thread; the caller vouches for `data`.
        unsafe {
            (self.functions.add_gc_epilogue_callback)(
                self.raw.as_ptr(),
                callback,
                data,
                GC_TYPE_MARK_COMPACT,
            )
        }
    }

    /// Undoes [`Self::add_mark_compact_epilogue`].
    ///
    /// # Safety
    /// The isolate must not have ended.
    pub unsafe fn remove_mark_compact_epilogue(&self, callback: GcCallback, data: *mut c_void) {
        // SAFETY: the caller vouches for the isolate; V8 compares the pair with those it has and follows neither.
        unsafe { (self.functions.remove_gc_epilogue_callback)(self.raw.as_ptr(), callback, data) }
    }

    /// Asks V8 to call `callback` before it gives up for lack of memory. V8 calls only the one added last.
    ///
    /// # Safety
    /// The callback must not be installed yet (V8 ends the process when one is added twice), and `data` must stay valid
    /// until it is removed.
    pub unsafe fn add_near_heap_limit_callback(
        &self,
        callback: NearHeapLimitCallback,
        data: *mut c_void,
    ) {
        // SAFETY: the isolate is alive and entered on this thread; the caller vouches for the rest.
        unsafe { (self.functions.add_near_heap_limit_callback)(self.raw.as_ptr(), callback, data) }
    }

    /// Removes `callback` and leaves the heap limit as it is.
    ///
    /// # Safety
    /// The callback must be installed: V8 ends the process when an absent one is removed.
    pub unsafe fn remove_near_heap_limit_callback(&self, callback: NearHeapLimitCallback) {
        const KEEP_THE_LIMIT: usize = 0;
        // SAFETY: the isolate is alive; the caller vouches that the callback is installed.
        unsafe {
            (self.functions.remove_near_heap_limit_callback)(
                self.raw.as_ptr(),
                callback,
                KEEP_THE_LIMIT,
            )
        }
    }

    /// Lets V8 take a raised heap limit back once the heap is smaller than `share` of the limit it began with.
    pub fn automatically_restore_initial_heap_limit(&self, share: f64) {
        // SAFETY: the isolate is alive; the call only stores a number in its heap.
        unsafe {
            (self.functions.automatically_restore_initial_heap_limit)(self.raw.as_ptr(), share)
        }
    }

    /// Collects all garbage and shrinks the young generation to its smallest size (`Heap::CollectAllAvailableGarbage`).
    /// Allowed in a near-heap-limit callback, which it may call again.
    pub fn low_memory_notification(&self) {
        // SAFETY: the isolate is alive and entered on this thread.
        unsafe { (self.functions.low_memory_notification)(self.raw.as_ptr()) }
    }

    /// Bytes outside of the heap that its objects hold.
    pub fn external_memory(&self) -> u64 {
        self.heap_statistics().external_memory() as u64
    }

    /// All spaces of the heap.
    pub fn heap_spaces(&self) -> Vec<HeapSpaceUse> {
        (0..self.number_of_heap_spaces())
            .map(|index| {
                let space = self.heap_space_statistics(index);
                HeapSpaceUse {
                    name: space
                        .name()
                        .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
                    size: space.size as u64,
                    used: space.used as u64,
                    physical: space.physical as u64,
                }
            })
            .collect()
    }

    fn heap_statistics(&self) -> HeapStatistics {
        let mut statistics = HeapStatistics::zeroed();
        // SAFETY: the isolate is alive and the buffer is larger than V8's structure.
        unsafe { (self.functions.get_heap_statistics)(self.raw.as_ptr(), &mut statistics) };
        statistics
    }

    fn number_of_heap_spaces(&self) -> usize {
        // SAFETY: the isolate is alive; V8 returns a constant.
        unsafe { (self.functions.number_of_heap_spaces)(self.raw.as_ptr()) }
    }

    fn heap_space_statistics(&self, index: usize) -> HeapSpaceStatistics {
        let mut statistics = HeapSpaceStatistics::zeroed();
        // SAFETY: the isolate is alive; V8 leaves the buffer as it is when the index is out of range.
        unsafe {
            (self.functions.get_heap_space_statistics)(self.raw.as_ptr(), &mut statistics, index)
        };
        statistics
    }

    fn has_name(&self, index: usize, name: &CStr) -> bool {
        self.heap_space_statistics(index).name() == Some(name)
    }
}
