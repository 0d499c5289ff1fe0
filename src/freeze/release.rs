//! A copy-on-write child gives its memory back before it ends.
//!
//! What a process holds while it ends, the kernel can take from it no more and has not freed yet, which takes the longer the more
//! it is and the lower the priority. When the control group is full in that moment, nobody but the application is left to be
//! killed. A child that lives is killed before the application (`oom_score_adj`), which then waits for the memory.

use std::cmp::Reverse;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// What the calling process gives back, or null.
static HOLDINGS: AtomicPtr<Vec<Range<usize>>> = AtomicPtr::new(ptr::null_mut());

/// Has [`release`] give back the image of V8's heap and what the child has allocated. Large ranges go first: those of objects
/// that the application has outgrown are the child's alone, and a growing array may need them at once.
///
/// # Safety
/// All of it is the process' own copy, and neither the stack nor the code of [`release`].
pub(super) unsafe fn release_at_end(image: &[Range<usize>], arena: Range<usize>) {
    let mut holdings = image.to_vec();
    holdings.sort_unstable_by_key(|range| Reverse(range.len()));
    // With it the list goes, so it is the last one.
    holdings.push(arena);
    HOLDINGS.store(Box::leak(Box::new(holdings)), Ordering::Relaxed);
}

/// Gives back what can be; the caller must then end the process. Nothing here allocates or takes a lock.
pub(super) fn release() {
    // SAFETY: null, or what `release_at_end` has leaked.
    let Some(holdings) = (unsafe { HOLDINGS.load(Ordering::Relaxed).as_ref() }) else {
        return;
    };
    for Range { start, end } in holdings.iter().cloned() {
        // SAFETY: the memory is this process' own, and nobody reads it any more.
        unsafe { libc::madvise(start as *mut _, end - start, libc::MADV_DONTNEED) };
    }
}

#[cfg(test)]
mod tests {
    use super::super::clone::{Memory, Process, State};
    use super::super::quarters::Quarters;
    use super::*;
    use std::ffi::{c_int, c_void};
    use std::slice;

    /// What the child finds in place of the byte that `image` began with.
    extern "C" fn release_and_look(image: *mut c_void) -> c_int {
        // SAFETY: the test passes the range, of which this process has a copy; nothing else is in that memory.
        unsafe {
            let image = &*image.cast::<Range<usize>>();
            release_at_end(slice::from_ref(image), 0..0);
            release();
            libc::_exit((image.start as *const u8).read_volatile().into())
        }
    }

    #[test]
    fn the_image_is_given_back_while_the_child_lives_and_the_application_keeps_its_own() {
        const SIZE: usize = 1 << 20;
        let mut memory = vec![7_u8; SIZE];
        let start = (memory.as_mut_ptr() as usize).next_multiple_of(4096);
        let mut image = start..start + SIZE / 2;
        let quarters = Quarters::map().unwrap();
        // SAFETY: the child touches nothing but its own copies and ends.
        let process = unsafe {
            let argument = (&raw mut image).cast();
            Process::start(
                Memory::Copied,
                &quarters.stack(),
                release_and_look,
                argument,
            )
        };
        assert_eq!(process.unwrap().join(), State::Ended(0));
        assert!(memory.iter().all(|&byte| byte == 7));
    }
}
