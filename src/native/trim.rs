//! What the C library keeps of freed memory goes back to the system before a process that waits is dumped, for the dump needs it.

/// Gives it back. V8's marking leaves the more of it the larger the heap is. That takes time as well, so it is for a process that
/// waits for its dump anyway.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back_freed_memory() {
    // SAFETY: takes the allocator's own locks and touches nothing but memory that nobody has allocated.
    unsafe { libc::malloc_trim(0) };
}

/// Other C libraries have no such call.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back_freed_memory() {}
