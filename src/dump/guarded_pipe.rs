//! Reading from a pipe whose writer may be silent for long, while the memory of the control group is watched.

use std::io::{self, Read};
use std::rc::Rc;
use std::time::Duration;

use super::headroom::Headroom;
use super::relay::{Piece, Relay};

/// How much is copied at once where nothing is relayed: it stays in the processor's cache.
const COPIED_BYTES: usize = 64 << 10;

/// Standard input. It is given up, with [`NoRoom`](super::NoRoom) inside of the error, when the memory of the control group is
/// nearly used up.
pub struct GuardedPipe {
    input: Input,
    headroom: Rc<Headroom>,
    /// Absent where there is none, or the pipe gives it nothing.
    relay: Option<Relay>,
    copied: Vec<u8>,
}

/// The bare descriptor: what a buffer in between has taken, `poll` does not see.
#[cfg(unix)]
type Input = std::fs::File;

#[cfg(not(unix))]
type Input = io::Stdin;

impl GuardedPipe {
    /// Takes standard input over: when this is dropped its writer sees that nobody reads any more.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn of_standard_input(headroom: Rc<Headroom>) -> io::Result<GuardedPipe> {
        Ok(GuardedPipe {
            input: take_standard_input()?,
            headroom,
            relay: Relay::new().ok(),
            copied: Vec::new(),
        })
    }

    /// Takes at most `most` of the next bytes, which nobody needs to look at. An empty piece is the end.
    ///
    /// # Errors
    /// As for [`Read::read`].
    pub fn take(&mut self, most: usize) -> io::Result<Piece<'_>> {
        self.wait()?;
        self.relay
            .take_if(|relay| relay.fill(&self.input, most).is_err());
        if let Some(relay) = &mut self.relay {
            return Ok(Piece::Relayed(relay));
        }
        self.copied.resize(most.min(COPIED_BYTES), 0);
        let count = self.input.read(&mut self.copied)?;
        Ok(Piece::Copied(&self.copied[..count]))
    }

    /// Waits until there is something to read, or nobody to write.
    fn wait(&mut self) -> io::Result<()> {
        loop {
            self.headroom.check().map_err(io::Error::other)?;
            if has_something(&self.input, self.headroom.until_next_look())? {
                return Ok(());
            }
        }
    }
}

impl Read for GuardedPipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait()?;
        self.input.read(buffer)
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
