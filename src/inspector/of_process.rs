//! Finds the inspector of a process, and opens one where there is none.
//!
//! Node opens its inspector on SIGUSR1, which it handles on a thread of its own (src/inspector_agent.cc): a busy loop
//! does not matter. Which port that is, /proc tells.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use procfs::ProcError;
use procfs::net::TcpState;
use procfs::process::{FDTarget, Process};

use rustix::process::{Pid, Signal, kill_process};

use super::{Error, IO_THREAD_PATIENCE, OfProcess, address};
use crate::request::InspectorAddress;

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Finds the inspector of `process`, or opens it by SIGUSR1 and calls `on_signal` just before.
///
/// # Errors
/// When the process is not there, belongs to somebody else, is no Node, or does not open its inspector.
pub fn of_process(process: u32, on_signal: impl FnOnce()) -> Result<OfProcess, Error> {
    let target = Target::new(process)?;
    let before = target.ports_on_loopback()?;
    let is_inspector = |port: &u16| address::find(&InspectorAddress::Port(*port)).is_ok();
    if let Some(port) = before.iter().copied().find(is_inspector) {
        return Ok(OfProcess {
            address: InspectorAddress::Port(port),
            was_opened: false,
        });
    }
    target.ensure_signal_is_safe()?;
    on_signal();
    target.signal()?;
    let deadline = Instant::now() + IO_THREAD_PATIENCE;
    while Instant::now() < deadline {
        sleep(BETWEEN_LOOKS);
        let now = target.ports_on_loopback()?;
        if let Some(port) = now.difference(&before).copied().find(is_inspector) {
            return Ok(OfProcess {
                address: InspectorAddress::Port(port),
                was_opened: true,
            });
        }
    }
    Err(Error::NotOpened { process })
}

struct Target {
    id: u32,
    process: Process,
}

impl Target {
    fn new(id: u32) -> Result<Target, Error> {
        let missing = || Error::NoProcess { process: id };
        let process = i32::try_from(id).map_err(|_| missing())?;
        let process = Process::new(process).map_err(|error| Error::of_proc(id, error))?;
        Ok(Target { id, process })
    }

    /// The ports on which the process listens and nobody outside can reach it. An inspector's default is among them.
    fn ports_on_loopback(&self) -> Result<BTreeSet<u16>, Error> {
        let failed = |error| Error::of_proc(self.id, error);
        let mut sockets = BTreeSet::new();
        for descriptor in self.process.fd().map_err(failed)? {
            // One that was closed meanwhile is not the inspector's.
            if let Ok(descriptor) = descriptor
                && let FDTarget::Socket(inode) = descriptor.target
            {
                sockets.insert(inode);
            }
        }
        let mut entries = self.process.tcp().map_err(failed)?;
        // A kernel without IPv6 has no such table.
        entries.extend(self.process.tcp6().unwrap_or_default());
        let ours = entries.into_iter().filter(|entry| {
            entry.state == TcpState::Listen
                && entry.local_address.ip().is_loopback()
                && sockets.contains(&entry.inode)
        });
        Ok(ours.map(|entry| entry.local_address.port()).collect())
    }

    /// SIGUSR1 ends a process that does not handle it, and means something else to a program that is not Node.
    fn ensure_signal_is_safe(&self) -> Result<(), Error> {
        let failed = |error| Error::of_proc(self.id, error);
        let executable = self.process.exe().map_err(failed)?;
        let name = executable.file_name().unwrap_or_default();
        let is_node = name == "node" || name == "nodejs";
        let handled = self.process.status().map_err(failed)?.sigcgt;
        let handles_signal = handled & (1 << (Signal::USR1.as_raw() - 1)) != 0;
        if is_node && handles_signal {
            Ok(())
        } else {
            Err(Error::IgnoresSignal {
                process: self.id,
                executable,
            })
        }
    }

    fn signal(&self) -> Result<(), Error> {
        let process =
            Pid::from_raw(self.process.pid).ok_or(Error::NoProcess { process: self.id })?;
        kill_process(process, Signal::USR1).map_err(|error| Error::NotReadable {
            process: self.id,
            reason: error.to_string(),
        })
    }
}

impl Error {
    fn of_proc(process: u32, error: ProcError) -> Error {
        match error {
            ProcError::NotFound(_) => Error::NoProcess { process },
            error => Error::NotReadable {
                process,
                reason: error.to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_not_node_is_never_signalled() {
        let signalled = || panic!("this test process would have been ended by SIGUSR1");
        let error = of_process(std::process::id(), signalled).unwrap_err();
        assert!(matches!(error, Error::IgnoresSignal { .. }), "{error}");
    }

    #[test]
    fn a_process_that_does_not_exist_is_named() {
        let error = of_process(u32::MAX, || {}).unwrap_err().to_string();
        assert!(error.contains("4294967295"), "{error}");
    }
}
