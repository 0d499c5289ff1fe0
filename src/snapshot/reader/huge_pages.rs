//! Memory for columns: a number of each node or edge, read in any order. Pages of 2 MB save faults when a column is filled, and
//! walks of the page tables when it is asked. It does not know what a column holds.

/// Asks for huge pages below what `column` has room for and has not touched yet. Where the system has none to give, or does
/// not know them, everything is as before.
pub fn in_huge_pages<T>(column: Vec<T>) -> Vec<T> {
    #[cfg(target_os = "linux")]
    advise(column.as_ptr() as usize, column.capacity() * size_of::<T>());
    column
}

/// An empty column with room for so many numbers.
pub fn with_room<T>(count: usize) -> Vec<T> {
    in_huge_pages(Vec::with_capacity(count))
}

#[cfg(target_os = "linux")]
fn advise(start: usize, length: usize) {
    /// As large as they are on x86-64 and, with small pages of 4 KB, on arm64.
    const HUGE: usize = 2 << 20;
    let (first, end) = (start.next_multiple_of(HUGE), (start + length) / HUGE * HUGE);
    if first < end {
        // SAFETY: the range lies within the column, and how large its pages are changes nothing of what it holds.
        unsafe { libc::madvise(first as *mut _, end - first, libc::MADV_HUGEPAGE) };
    }
}
