//! Telling threads apart without asking the system or allocating, for threads of Rust's and of V8's.

/// A thread, as long as it lives.
#[derive(PartialEq, Eq)]
pub struct ThreadMark(usize);

impl ThreadMark {
    /// That of the calling thread.
    pub fn of_this_thread() -> Self {
        thread_local! {
            static MARK: u8 = const { 0 };
        }
        MARK.with(|mark| Self(std::ptr::from_ref(mark).addr()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_threads_that_live_have_two_marks() {
        let here = ThreadMark::of_this_thread();
        std::thread::scope(|scope| {
            let there = scope.spawn(ThreadMark::of_this_thread).join().unwrap();
            assert!(here != there);
        });
        assert!(here == ThreadMark::of_this_thread());
    }
}
