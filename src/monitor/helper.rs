//! Starting the helper executable and hearing how its dump went.

use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use super::signals::spawn_without_signals;
use crate::message::tell;
use crate::request::{Answer, DumpRequest};
use crate::watch::{Stage, Watch};

/// A helper that is ready to be started: its command line stands, so that little is left to do when memory is short.
pub struct Helper {
    command: Command,
    executable: PathBuf,
}

/// The helper could not be started.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// The system refused to run the executable.
    #[error("no heap snapshot: the helper {} cannot be started ({source}); reinstall the package, or make the file executable", executable.display())]
    Start {
        /// Where it should be.
        executable: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// It ended without an answer.
    #[error(
        "no heap snapshot: the helper (process {process}) ended before the snapshot was complete ({how})"
    )]
    Ended {
        /// Its process id.
        process: u32,
        /// Its exit status, in words.
        how: String,
    },
}

impl Helper {
    /// Prepares the command line. Only what `posix_spawn` can do is asked for: a fork would copy Node's page tables.
    pub fn new(executable: &Path, request: &DumpRequest) -> Self {
        let mut command = Command::new(executable);
        command
            .args(request.to_arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        // A group of its own: Ctrl-C at the terminal ends the application, and the dump of it goes on.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Self {
            command,
            executable: executable.to_owned(),
        }
    }

    /// Starts it.
    pub fn start(&mut self) -> Result<RunningHelper, HelperError> {
        let failed = |source| HelperError::Start {
            executable: self.executable.clone(),
            source,
        };
        let mut child = self
            .command
            .stderr(standard_error())
            .spawn()
            .map_err(failed)?;
        let answers = child
            .stdout
            .take()
            .ok_or_else(|| failed(io::Error::other("its output is not connected")))?;
        Ok(RunningHelper { child, answers })
    }
}

/// Standard error as it is now. Node marks its standard descriptors close-on-exec, so an inherited one would be closed;
/// a copy passes. Without one the dump goes on unannounced.
#[cfg(unix)]
fn standard_error() -> Stdio {
    use std::os::fd::AsFd;
    io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .map_or_else(|_| Stdio::null(), Stdio::from)
}

#[cfg(not(unix))]
fn standard_error() -> Stdio {
    Stdio::inherit()
}

/// A helper at work.
pub struct RunningHelper {
    child: Child,
    answers: ChildStdout,
}

impl RunningHelper {
    /// Hears the helper out on a thread of its own, so that the dumps of several isolates do not wait for each other.
    pub fn attend(self, watch: Arc<Watch>) {
        let for_thread = Arc::clone(&watch);
        if let Err(error) =
            spawn_without_signals("oom-heapdump", move || self.hear_out(&for_thread))
        {
            // The helper works on without us; the isolate is let go, for nobody would tell it when the dump is done.
            let reason = format!(
                "the helper cannot be waited for ({error}): raise the limit of threads or processes"
            );
            tell(&reason);
            watch.dump_failed(reason);
        }
    }

    fn hear_out(mut self, watch: &Watch) {
        let mut answers = BufReader::new(&mut self.answers);
        let verdict = loop {
            match Answer::read_from(&mut answers) {
                Ok(Some(Answer::Connected)) => watch.dump.set(Stage::Connected),
                Ok(Some(Answer::Complete { file, .. })) => break Ok(file),
                Ok(Some(Answer::Failed { reason })) => break Err(Some(reason)),
                Ok(None) | Err(_) => break Err(None),
            }
        };
        let process = self.child.id();
        let how = match self.child.wait() {
            Ok(status) => status.to_string(),
            // An application that waits for any child may have reaped it before us.
            Err(error) => error.to_string(),
        };
        match verdict {
            Ok(file) => watch.dump_completed(file),
            Err(Some(reason)) => watch.dump_failed(reason),
            Err(None) => {
                let error = HelperError::Ended { process, how }.to_string();
                tell(&error);
                watch.dump_failed(error);
            }
        }
    }
}
