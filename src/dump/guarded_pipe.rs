//! Reading from a pipe whose writer may be silent for long, while the memory of the control group is watched.

use std::io::{self, Read};

use super::headroom::Headroom;

/// Standard input. It is given up, with [`NoRoom`](super::NoRoom) inside of the error, when the memory of the control group is
/// nearly used up.
pub struct GuardedPipe {
    input: Input,
    headroom: Headroom,
}

/// The bare descriptor: what a buffer in between has taken, `poll` does not see.
#[cfg(unix)]
type Input = std::fs::File;

#[cfg(not(unix))]
type Input = io::Stdin;

impl GuardedPipe {
    /// Guards standard input.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn of_standard_input() -> io::Result<GuardedPipe> {
        Ok(GuardedPipe {
            input: standard_input()?,
            headroom: Headroom::of_this_process(),
        })
    }
}

impl Read for GuardedPipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.headroom.check().map_err(io::Error::other)?;
            if has_something(&self.input)? {
                return self.input.read(buffer);
            }
        }
    }
}

#[cfg(unix)]
fn standard_input() -> io::Result<Input> {
    use std::os::fd::AsFd;
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// Waits for bytes or the end until it is time to look after the memory again.
#[cfg(unix)]
fn has_something(input: &Input) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let pause = Timespec {
        tv_sec: 0,
        tv_nsec: super::headroom::INTERVAL.as_nanos() as _,
    };
    match poll(&mut [PollFd::new(input, PollFlags::IN)], Some(&pause)) {
        Err(rustix::io::Errno::INTR) => Ok(false),
        ready => Ok(ready? > 0),
    }
}

#[cfg(not(unix))]
fn standard_input() -> io::Result<Input> {
    Ok(io::stdin())
}

#[cfg(not(unix))]
fn has_something(_: &Input) -> io::Result<bool> {
    Ok(true)
}
