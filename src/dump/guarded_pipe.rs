//! Reading from a pipe whose writer may be silent for long, while the memory of the control group is watched: by the reader as long
//! as it reads, and by a thread while it is busy with what it has read, above all with a disk that takes its time.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use super::headroom::{Headroom, SHORTEST_PAUSE};
use super::preflight::NoRoom;
use super::relay::{Piece, Relay};

/// How much is copied at once where nothing is relayed: it stays in the processor's cache.
const COPIED_BYTES: usize = 64 << 10;

/// Standard input. It is given up, with [`NoRoom`] inside of the error, when the memory of the control group is nearly used up.
pub struct GuardedPipe {
    guarded: Arc<Guarded>,
    /// Absent where there is none, or the pipe gives it nothing.
    relay: Option<Relay>,
    copied: Vec<u8>,
}

/// The bare descriptor: what a buffer in between has taken, `poll` does not see.
#[cfg(unix)]
type Input = std::fs::File;

#[cfg(not(unix))]
type Input = io::Stdin;

/// What reader and thread share. Whoever has the lock watches.
struct Guarded {
    /// Or why it was given up. Its writer sees then that nobody reads any more.
    input: Mutex<Result<Input, NoRoom>>,
    headroom: Arc<Headroom>,
}

impl Guarded {
    /// Does `read` as soon as there is something to read, or nobody to write.
    fn when_ready<T>(&self, read: impl FnOnce(&Input) -> io::Result<T>) -> io::Result<T> {
        let input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        let input = input.as_ref().map_err(Clone::clone);
        let input = input.map_err(io::Error::other)?;
        loop {
            self.headroom.check().map_err(io::Error::other)?;
            if has_something(input, self.headroom.until_next_look())? {
                return read(input);
            }
        }
    }
}

fn watch(guarded: &Weak<Guarded>) {
    while let Some(guarded) = guarded.upgrade() {
        if let Ok(mut input) = guarded.input.try_lock()
            && let Err(no_room) = guarded.headroom.check()
        {
            *input = Err(no_room);
            return;
        }
        let pause = guarded.headroom.until_next_look();
        drop(guarded);
        thread::sleep(pause.max(SHORTEST_PAUSE));
    }
}

impl GuardedPipe {
    /// Takes standard input over: when this is dropped its writer sees that nobody reads any more.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn of_standard_input(headroom: Arc<Headroom>) -> io::Result<GuardedPipe> {
        Ok(GuardedPipe::of(take_standard_input()?, headroom))
    }

    fn of(input: Input, headroom: Arc<Headroom>) -> GuardedPipe {
        let guarded = Arc::new(Guarded {
            input: Mutex::new(Ok(input)),
            headroom,
        });
        let watched = Arc::downgrade(&guarded);
        // Without the thread memory is watched as long as this is read.
        let _ = thread::Builder::new().spawn(move || watch(&watched));
        GuardedPipe {
            guarded,
            relay: Relay::new().ok(),
            copied: Vec::new(),
        }
    }

    /// Takes at most `most` of the next bytes, which nobody needs to look at. An empty piece is the end.
    ///
    /// # Errors
    /// As for [`Read::read`].
    pub fn take(&mut self, most: usize) -> io::Result<Piece<'_>> {
        let GuardedPipe {
            guarded,
            relay,
            copied,
        } = self;
        guarded.when_ready(|mut input| {
            relay.take_if(|relay| relay.fill(input, most).is_err());
            if relay.is_none() {
                copied.resize(most.min(COPIED_BYTES), 0);
                let count = input.read(copied)?;
                copied.truncate(count);
            }
            Ok(())
        })?;
        Ok(match relay {
            Some(relay) => Piece::Relayed(relay),
            None => Piece::Copied(copied),
        })
    }
}

impl Read for GuardedPipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.guarded.when_ready(|mut input| input.read(buffer))
    }
}

#[cfg(unix)]
fn take_standard_input() -> io::Result<Input> {
    use std::os::fd::AsFd;
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(Input::open("/dev/null")?)?;
    Ok(input.into())
}

/// Waits for bytes or the end, at most for `patience`.
#[cfg(unix)]
fn has_something(input: &Input, patience: Duration) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let pause = Timespec {
        tv_sec: 0,
        tv_nsec: patience.subsec_nanos().into(),
    };
    match poll(&mut [PollFd::new(input, PollFlags::IN)], Some(&pause)) {
        Err(rustix::io::Errno::INTR) => Ok(false),
        ready => Ok(ready? > 0),
    }
}

#[cfg(not(unix))]
fn take_standard_input() -> io::Result<Input> {
    Ok(io::stdin())
}

#[cfg(not(unix))]
fn has_something(_: &Input, _: Duration) -> io::Result<bool> {
    Ok(true)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::cgroup::tree::Tree;
    use crate::summary::Reason;
    use std::os::fd::OwnedFd;
    use std::time::Instant;

    #[test]
    fn a_pipe_is_given_up_while_nobody_reads_it() {
        let group = Tree::of_memory_group("guarded-pipe", 100_000_000, 99_000_000, "");
        let headroom = Arc::new(Headroom::below(&group.0));
        let (reader, writer) = io::pipe().unwrap();
        let mut pipe = GuardedPipe::of(OwnedFd::from(reader).into(), Arc::clone(&headroom));
        headroom.keep_reserve_for(Reason::Threshold, std::process::id());
        let start = Instant::now();
        while rustix::io::write(&writer, b"x").is_ok() && start.elapsed().as_secs() < 10 {
            thread::sleep(SHORTEST_PAUSE);
        }
        assert_eq!(
            rustix::io::write(&writer, b"x"),
            Err(rustix::io::Errno::PIPE)
        );
        let error = pipe.read(&mut [0]).unwrap_err();
        assert!(error.to_string().contains("raise the limit"), "{error}");
    }
}
