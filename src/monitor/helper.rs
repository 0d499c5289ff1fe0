//! Starting the helper executable and hearing how its dump went.

use std::io::{self, BufReader, PipeReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::remains::Remains;
use crate::frames::FrameWriter;
use crate::message::tell;
use crate::request::{Answer, DumpRequest, FileOptions, InspectorAddress, Source};
use crate::summary::DumpMetadata;

/// A helper that is ready to be started: its command lines stand, so that little is left to do when memory is short.
pub struct Helper {
    executable: PathBuf,
    from_frozen_child: Command,
    from_inspector: Command,
    may_ask_inspector: bool,
}

/// There is no dump, for a reason that lies with the helper.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// The system refused to run the executable.
    #[error("no heap snapshot: the helper {} cannot be started ({source}); {}", executable.display(), remedy(.source))]
    Start {
        /// Where it should be.
        executable: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// It ended without an answer.
    #[error(
        "no heap snapshot: the helper (process {process}) ended before the snapshot was complete ({how}); {left}"
    )]
    Ended {
        /// Its process id.
        process: u32,
        /// Its exit status, in words.
        how: String,
        /// What became of its temporary files.
        left: String,
    },
    /// The isolate's thread has ended before the helper was started.
    #[error("no heap snapshot: the worker has ended before its dump could begin")]
    IsolateEnded,
    /// It gave a reason, which it has told people already.
    #[error("{0}")]
    Failed(String),
    /// Likewise, and the reason lies with what it read from.
    #[error("{0}")]
    SourceFailed(String),
}

fn remedy(refusal: &io::Error) -> &'static str {
    match refusal.raw_os_error() {
        #[cfg(unix)]
        Some(libc::EMFILE | libc::ENFILE) => "raise the limit of open files",
        #[cfg(unix)]
        Some(libc::EAGAIN | libc::ENOMEM) => "allow the process more processes and memory",
        _ => "reinstall the package, or make the file executable",
    }
}

impl HelperError {
    /// Whether people have read it: the helper tells its own failures.
    pub fn was_told(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::SourceFailed(_))
    }

    /// Whether a dump from another source may succeed.
    pub fn is_of_source(&self) -> bool {
        matches!(self, Self::SourceFailed(_) | Self::Ended { .. })
    }
}

impl Helper {
    /// Prepares the command lines for the dumps of `process` and `thread` into `file`. `may_ask_inspector` where the
    /// inspector shall serve should the frozen child fail.
    pub fn new(
        executable: &Path,
        inspector: &InspectorAddress,
        (process, thread): (u32, u32),
        file: &Path,
        options: &FileOptions,
        may_ask_inspector: bool,
    ) -> Self {
        let command = |source| {
            let request = DumpRequest {
                process,
                thread,
                source,
                file: file.to_owned(),
                options: options.clone(),
            };
            prepare(executable, &request)
        };
        Self {
            executable: executable.to_owned(),
            from_frozen_child: command(Source::FrozenChild),
            from_inspector: command(Source::Inspector(inspector.clone())),
            may_ask_inspector,
        }
    }

    /// Whether the inspector shall serve should the frozen child fail.
    pub fn may_ask_inspector(&self) -> bool {
        self.may_ask_inspector
    }

    /// Starts it for the frames of a frozen child that come from `frames`.
    ///
    /// # Errors
    /// [`HelperError::Start`].
    pub fn start(&mut self, frames: PipeReader) -> Result<RunningHelper, HelperError> {
        spawn(&self.executable, &mut self.from_frozen_child, frames.into())
    }

    /// Starts it for the inspector, and tells it `metadata`.
    ///
    /// # Errors
    /// [`HelperError::Start`].
    pub fn ask_inspector(&mut self, metadata: &DumpMetadata) -> Result<RunningHelper, HelperError> {
        // Without descriptors for a pipe the dump goes on, and its summary knows less.
        let Ok((input, output)) = io::pipe() else {
            return spawn(&self.executable, &mut self.from_inspector, Stdio::null());
        };
        let helper = spawn(&self.executable, &mut self.from_inspector, input.into())?;
        // A helper that is gone does not read it, and is reported where it is waited for.
        let _ = FrameWriter::new(output).metadata(metadata);
        Ok(helper)
    }
}

fn spawn(
    executable: &Path,
    command: &mut Command,
    input: Stdio,
) -> Result<RunningHelper, HelperError> {
    let spawned = command.stdin(input).stderr(standard_error()).spawn();
    // The command keeps what it was given; a copy of the pipe left there would never end.
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let failed = |source| HelperError::Start {
        executable: executable.to_owned(),
        source,
    };
    let mut child = spawned.map_err(failed)?;
    let answers = child
        .stdout
        .take()
        .ok_or_else(|| failed(io::Error::other("its output is not connected")))?;
    Ok(RunningHelper {
        child,
        answers: Some(BufReader::new(answers)),
        remains: Remains::default(),
        goes_on: false,
    })
}

/// Only what `posix_spawn` can do is asked for: a fork would copy Node's page tables.
fn prepare(executable: &Path, request: &DumpRequest) -> Command {
    let mut command = Command::new(executable);
    command.args(request.to_arguments()).stdout(Stdio::piped());
    // A group of its own: Ctrl-C at the terminal ends the application, and the dump of it goes on.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
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

/// A complete snapshot.
pub struct Snapshot {
    /// Where it is.
    pub file: PathBuf,
    /// The size of that file.
    pub bytes: u64,
}

/// A helper at work.
pub struct RunningHelper {
    child: Child,
    /// Closed when it has ended.
    answers: Option<BufReader<ChildStdout>>,
    /// What it would leave if it were killed.
    remains: Remains,
    /// Whether it goes on behind a complete snapshot.
    goes_on: bool,
}

impl RunningHelper {
    /// Its process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the snapshot is complete, or will never be. `connected` is called when the helper talks to the inspector.
    /// Afterwards the helper has ended, unless it still has something to do: see [`RunningHelper::wait`].
    ///
    /// # Errors
    /// A [`HelperError`], which has been told already if [`HelperError::was_told`]. The helper has ended then.
    pub fn hear_of_snapshot(&mut self, connected: impl Fn()) -> Result<Snapshot, HelperError> {
        let mut complete = None;
        let error = loop {
            match self.next_answer() {
                Ok(Some(Answer::Connected)) => connected(),
                Ok(Some(
                    Answer::Writing { .. } | Answer::Naming { .. } | Answer::Concluding { .. },
                )) => {}
                Ok(Some(Answer::Complete { file, bytes })) => {
                    self.remains.note_named();
                    complete = Some(Snapshot { file, bytes });
                }
                Ok(Some(Answer::Following)) => {
                    if let Some(snapshot) = complete {
                        self.goes_on = true;
                        return Ok(snapshot);
                    }
                }
                Ok(Some(Answer::Failed { reason })) => break HelperError::Failed(reason),
                Ok(Some(Answer::SourceFailed { reason })) => {
                    break HelperError::SourceFailed(reason);
                }
                Ok(None) | Err(_) => {
                    let (how, _) = self.end();
                    let Some(snapshot) = complete else {
                        return self.look_after(how);
                    };
                    // Killed or not, it has said what matters; a temporary file can only be that of a summary.
                    self.remains.remove();
                    return Ok(snapshot);
                }
            }
        };
        self.end();
        Err(error)
    }

    /// Waits for its end: after a complete snapshot it looks for what leaked and runs the program of the option `exec`.
    pub fn wait(mut self) {
        while let Ok(Some(_)) = self.next_answer() {}
        let (how, is_success) = self.end();
        if self.goes_on && !is_success {
            self.conclude();
            tell(&format!(
                "the helper (process {}) ended ({how}) when the heap snapshot was complete, so what follows it, such as the \
                 program of the option exec, may not have come to its end; {}",
                self.process(),
                describe_left(&self.remains.remove())
            ));
        }
    }

    /// What there is of a snapshot whose helper was killed.
    fn look_after(&self, how: String) -> Result<Snapshot, HelperError> {
        let process = self.process();
        let snapshot = self.remains.snapshot();
        self.conclude();
        let left = describe_left(&self.remains.remove());
        if let Some(snapshot) = &snapshot {
            tell(&format!(
                "heap snapshot is complete: {}; the helper (process {process}) ended ({how}) before it could say so",
                snapshot.file.display()
            ));
        }
        snapshot.ok_or(HelperError::Ended { process, how, left })
    }

    /// Says in the summary what the helper could not say any more.
    fn conclude(&self) {
        if let Err((summary, error)) = self.remains.conclude() {
            tell(&format!(
                "{} does not tell of a file that is complete: {error}",
                summary.display()
            ));
        }
    }

    /// What it says next. What it would leave if it were killed is noted.
    fn next_answer(&mut self) -> io::Result<Option<Answer>> {
        let answer = self.answers.as_mut().map_or(Ok(None), Answer::read_from)?;
        match &answer {
            Some(Answer::Writing { file }) => self.remains.note_writing(file.clone()),
            Some(Answer::Naming { file }) => self.remains.note_naming(file.clone()),
            Some(Answer::Concluding { file }) => self.remains.note_concluding(file.clone()),
            _ => {}
        }
        Ok(answer)
    }

    /// How it ended, in words, and whether it said that all is well. Nothing of it is left then.
    fn end(&mut self) -> (String, bool) {
        let ended = self.child.wait();
        self.answers = None;
        match ended {
            Ok(status) => (status.to_string(), status.success()),
            // An application that waits for any child may have reaped it before us.
            Err(error) => (error.to_string(), true),
        }
    }
}

fn describe_left(files: &[(PathBuf, io::Error)]) -> String {
    if files.is_empty() {
        return "its temporary files are removed".to_owned();
    }
    let names = files
        .iter()
        .map(|(file, error)| format!("{} ({error})", file.display()));
    format!(
        "remove by hand what it has left: {}",
        names.collect::<Vec<_>>().join(", ")
    )
}
