//! A helper that is told to end takes its temporary files with it.

pub use on_this_system::Doom;

#[cfg(unix)]
mod on_this_system {
    use std::ffi::{CString, OsStr};
    use std::os::fd::{AsFd, AsRawFd};
    use std::os::unix::ffi::OsStrExt;
    use std::ptr::null_mut;
    use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

    use crate::dump::folder::Folder;

    /// A file that is removed should SIGTERM, SIGHUP or SIGINT end this process before the value is dropped.
    ///
    /// A process that is killed (SIGKILL) leaves its file; the next dump then takes another temporary name.
    #[derive(Debug)]
    pub struct Doom {
        slot: Option<&'static Slot>,
    }

    #[derive(Debug)]
    struct Slot {
        folder: AtomicI32,
        name: AtomicPtr<libc::c_char>,
    }

    /// The snapshot and the summary. What finds no place is merely not removed.
    static DOOMED: [Slot; 2] = [Slot::EMPTY, Slot::EMPTY];

    impl Doom {
        /// Dooms the file `name` in `folder`, which must stay open longer.
        pub fn new(folder: &Folder, name: &OsStr) -> Doom {
            for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT] {
                // SAFETY: the handler calls nothing but unlinkat, signal and raise, all async-signal-safe.
                unsafe {
                    libc::signal(signal, remove_and_die as *const () as libc::sighandler_t);
                }
            }
            let name = CString::new(name.as_bytes()).ok();
            Doom {
                slot: name.and_then(|name| Slot::occupy(folder, name)),
            }
        }
    }

    impl Slot {
        #[expect(
            clippy::declare_interior_mutable_const,
            reason = "the initial value of a static"
        )]
        const EMPTY: Slot = Slot {
            folder: AtomicI32::new(-1),
            name: AtomicPtr::new(null_mut()),
        };

        fn occupy(folder: &Folder, name: CString) -> Option<&'static Slot> {
            let name = name.into_raw();
            let free = DOOMED.iter().find(|slot| {
                let taken = slot.name.compare_exchange(
                    null_mut(),
                    name,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                );
                taken.is_ok()
            });
            match free {
                Some(slot) => slot
                    .folder
                    .store(folder.as_fd().as_raw_fd(), Ordering::Release),
                // SAFETY: the pointer is that of `into_raw` and went nowhere.
                None => drop(unsafe { CString::from_raw(name) }),
            }
            free
        }
    }

    impl Drop for Doom {
        fn drop(&mut self) {
            if let Some(slot) = self.slot {
                slot.folder.store(-1, Ordering::Release);
                // The name is never freed: a signal that is being handled may be reading it. There are few in a helper's life.
                slot.name.store(null_mut(), Ordering::Release);
            }
        }
    }

    /// Dies of the same signal as without a handler, so that the parent sees the truth.
    extern "C" fn remove_and_die(signal: libc::c_int) {
        for slot in &DOOMED {
            let (folder, name) = (
                slot.folder.load(Ordering::Acquire),
                slot.name.load(Ordering::Acquire),
            );
            if folder >= 0 && !name.is_null() {
                // SAFETY: a name in `DOOMED` is NUL-terminated and never freed; the call is async-signal-safe.
                unsafe { libc::unlinkat(folder, name, 0) };
            }
        }
        // SAFETY: both calls are async-signal-safe.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
}

#[cfg(not(unix))]
mod on_this_system {
    use std::ffi::OsStr;

    use crate::dump::folder::Folder;

    /// Other systems have no such signals.
    #[derive(Debug)]
    pub struct Doom;

    impl Doom {
        /// Does nothing.
        pub fn new(_: &Folder, _: &OsStr) -> Doom {
            Doom
        }
    }
}
