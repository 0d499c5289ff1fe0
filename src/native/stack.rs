//! Where the calling thread's stack lies: its isolate's handles and frames are there, and nobody else's.

use std::mem::MaybeUninit;
use std::ops::Range;

/// What is called from here on saves registers of V8's frames this far below the present end of the stack, at most.
const SAVED_REGISTERS: usize = 4096;

/// The stack of one thread.
#[derive(Debug, Clone, Copy)]
pub struct Stack {
    lowest: usize,
    end: usize,
}

impl Stack {
    /// The calling thread's. To find the main thread's the system reads the list of all mappings, so it should be asked once.
    /// Empty where it does not tell.
    pub fn of_this_thread() -> Stack {
        let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
        let (mut lowest, mut size) = (std::ptr::null_mut(), 0);
        // SAFETY: the attributes are written before they are read, and destroyed once.
        unsafe {
            if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) == 0 {
                libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut lowest, &raw mut size);
                libc::pthread_attr_destroy(attributes.as_mut_ptr());
            }
        }
        let lowest = lowest as usize;
        let end = lowest.saturating_add(size);
        Stack { lowest, end }
    }

    /// The part in use, where the calling thread is the stack's; below it lie the remains of finished calls. All of it where
    /// another thread calls.
    pub fn in_use(&self) -> Range<usize> {
        let here = 0_u8;
        let here = &raw const here as usize;
        match (self.lowest..self.end).contains(&here) {
            true => here.saturating_sub(SAVED_REGISTERS)..self.end,
            false => self.lowest..self.end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds_a_local_of_its_thread() -> bool {
        let local = 0_u8;
        Stack::of_this_thread()
            .in_use()
            .contains(&(&raw const local as usize))
    }

    #[test]
    fn a_thread_finds_its_own_locals_on_its_stack() {
        assert!(holds_a_local_of_its_thread());
    }

    #[test]
    fn to_another_thread_all_of_a_stack_is_in_use() {
        let stack = Stack::of_this_thread();
        let from_here = stack.in_use();
        let from_there = std::thread::spawn(move || stack.in_use()).join().unwrap();
        assert_eq!(from_there.end, from_here.end);
        assert!(from_there.start < from_here.start);
    }

    #[test]
    fn another_threads_stack_is_another_one() {
        let here = Stack::of_this_thread().in_use();
        let there = std::thread::spawn(|| {
            (
                holds_a_local_of_its_thread(),
                Stack::of_this_thread().in_use(),
            )
        });
        let (holds, there) = there.join().unwrap();
        assert!(holds && (there.end <= here.start || here.end <= there.start));
    }
}
