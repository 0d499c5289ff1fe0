//! Where the calling thread's stack lies: its isolate's handles and frames are there, and nobody else's.

use std::mem::MaybeUninit;
use std::ops::Range;

/// What is called from here on saves registers of V8's frames this far below the present end of the stack, at most.
const SAVED_REGISTERS: usize = 4096;

/// Where the calling thread's stack begins, which is its highest address. The system may read the list of all mappings to
/// find that, so it is asked once. `None` where it does not tell.
pub fn begin() -> Option<usize> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut lowest, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are written before they are read, and destroyed once.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut lowest, &raw mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
    Some((lowest as usize).saturating_add(size))
}

/// The part of the calling thread's stack that is in use; below it lie the remains of finished calls. `begin` is the thread's
/// [`begin`]; without it the range is empty.
pub fn in_use(begin: Option<usize>) -> Range<usize> {
    let here = 0_u8;
    let end_of_use = (&raw const here as usize).saturating_sub(SAVED_REGISTERS);
    end_of_use..begin.unwrap_or(0).max(end_of_use)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds_a_local_of_its_thread() -> bool {
        let local = 0_u8;
        in_use(begin()).contains(&(&raw const local as usize))
    }

    #[test]
    fn a_thread_finds_its_own_locals_on_its_stack() {
        assert!(holds_a_local_of_its_thread());
    }

    #[test]
    fn another_threads_stack_is_another_one() {
        let here = in_use(begin());
        let there = std::thread::spawn(|| (holds_a_local_of_its_thread(), in_use(begin())));
        let (holds, there) = there.join().unwrap();
        assert!(holds && (there.end <= here.start || here.end <= there.start));
    }
}
