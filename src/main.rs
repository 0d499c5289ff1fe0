//! The helper executable: reads its command line and wires a source of snapshots to the sink.
//!
//! Standard output carries only [`Answer`]s for the addon, standard error the lines for people. Rust's runtime ignores
//! SIGPIPE, so an addon that died with its process does not end a dump.

mod command;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use node_oom_heapdump::dump::{self, Dump, GuardedPipe, NoRoom, Step, Written};
use node_oom_heapdump::frames::{self, Event, FrameError};
use node_oom_heapdump::inspector::{self, HeldIsolate, Session, Transport};
use node_oom_heapdump::message::tell;
use node_oom_heapdump::request::{
    Answer, DUMP_COMMAND, DumpRequest, InspectorAddress, Source, UsageError,
};

const HELP: &str = "\
Heap snapshots of Node processes.

Usage:
  node-oom-heapdump take --port <port> | --url <url> | --pid <pid>   takes a snapshot of a running process
  node-oom-heapdump check <file>                                     tells whether a snapshot is complete
  node-oom-heapdump analyze <file>                                   tells what holds the memory
  node-oom-heapdump diff <before> <after>                            tells what grew between two snapshots
  node-oom-heapdump show <file> <id>                                 shows one object
  node-oom-heapdump path <file> <id>                                 shows what keeps it in memory
  node-oom-heapdump <command> --help
  node-oom-heapdump --help | --version

What the addon calls:
  node-oom-heapdump dump --process <pid> --thread <id> --file <absolute path>
                         (--inspector-url <ws url> | --inspector-port <port> | --frozen-child)
                         [--gzip] [--program <name>] [--keep <number>] [--exec <word>]... [--timeout <ms>] [--redact]
                         [--suspects]

Its options:
  --process <pid>         the process whose heap is wanted; any other is left alone
  --thread <id>           Node's threadId: 0 for the main thread, else a worker's
  --file <path>           where to write; an existing file is kept, and the name gets a number
  --inspector-url <url>   the inspector's websocket, as inspector.url() gives it
  --inspector-port <port> the inspector's port on 127.0.0.1
  --frozen-child          the frames of our own heap reader, which come on standard input
  --gzip                  compress the snapshot; .gz is added to its name
  --program <name>        which program is dumped, for the summary and --keep
  --keep <number>         how many dumps of that program stay in the folder
  --exec <word>           once for each word of a command that is run, without a shell, when the snapshot is complete;
                          {path} is the snapshot, {summary} the summary
  --timeout <ms>          how long that command may run, from the start of this one
  --redact                refuse what may hold the contents of strings
  --suspects              look for what leaked where nobody asked for the dump: <name>.suspects.json

A summary is written beside the snapshot, before it: <name>.summary.json.

Exit codes:
  0  the snapshot is complete, under the name that standard error tells
  1  there is no snapshot; standard error tells why
  2  the command line is wrong
";

fn main() -> ExitCode {
    if let Some(code) = command::run(std::env::args_os()) {
        return code;
    }
    match Command::parse(lexopt::Parser::from_env()) {
        Ok(Command::Dump(request)) => dump(&request),
        Ok(Command::Print(text)) => print(text),
        Err(error) => {
            report(Failure::of_dump(error.to_string()));
            ExitCode::from(command::WRONG_USAGE)
        }
    }
}

enum Command {
    Dump(DumpRequest),
    Print(&'static str),
}

impl Command {
    fn parse(mut arguments: lexopt::Parser) -> Result<Command, UsageError> {
        use lexopt::prelude::*;

        match arguments.next()? {
            Some(Value(command)) if command == DUMP_COMMAND => {
                DumpRequest::parse(arguments).map(Command::Dump)
            }
            Some(Long("help") | Short('h')) => Ok(Command::Print(HELP)),
            Some(Long("version") | Short('V')) => {
                Ok(Command::Print(concat!(env!("CARGO_PKG_VERSION"), "\n")))
            }
            Some(argument) => Err(argument.unexpected().into()),
            None => Err(UsageError::Missing {
                option: "a command",
            }),
        }
    }
}

fn print(text: &str) -> ExitCode {
    match command::print(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn dump(request: &DumpRequest) -> ExitCode {
    be_killed_first();
    match Course::begin(request).and_then(|course| course.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(mut failure) => {
            let whose = describe(request);
            failure.reason = format!("no heap snapshot of {whose}: {}", failure.reason);
            report(failure);
            ExitCode::FAILURE
        }
    }
}

/// Under memory pressure the kernel ends this process, never the application.
fn be_killed_first() {
    // Linux only. A refusal leaves the helper as likely to be killed as the application, and the dump goes on.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

/// Why there is no snapshot, as people are told.
struct Failure {
    reason: String,
    /// Whether it lies with what the snapshot was read from.
    is_of_source: bool,
}

impl Failure {
    fn of_dump(reason: String) -> Self {
        Self {
            reason,
            is_of_source: false,
        }
    }
}

/// The way of a snapshot from its source to its file.
struct Course<'a> {
    request: &'a DumpRequest,
    start: Instant,
    dump: Dump<'a>,
}

impl<'a> Course<'a> {
    fn begin(request: &'a DumpRequest) -> Result<Self, Failure> {
        let dump = Dump::begin(&request.file, &request.options, Rc::new(tell_step))
            .map_err(|error| Failure::of_dump(error.to_string()))?;
        Ok(Self {
            request,
            start: Instant::now(),
            dump,
        })
    }

    /// An error tells also what could not be removed, and where the summary is.
    fn run(mut self) -> Result<(), Failure> {
        let taken = match &self.request.source {
            Source::FrozenChild => self.stream_from_frozen_child(),
            Source::Inspector(_) if self.request.options.redact => Err(Error::CannotRedact),
            Source::Inspector(address) => self.stream_from_inspector(address),
        };
        match taken {
            Ok(written) => {
                if self.dump.is_followed() {
                    answer(&Answer::Following);
                }
                self.dump.finish(&written);
                Ok(())
            }
            Err(error) => Err(Failure {
                is_of_source: !matches!(error, Error::Dump(_)),
                reason: self.dump.fail(error.to_string()),
            }),
        }
    }

    fn stream_from_frozen_child(&mut self) -> Result<Written, Error> {
        let headroom = self.dump.headroom();
        let input = GuardedPipe::of_standard_input(headroom).map_err(FrameError::Read)?;
        frames::read_snapshot(input, |event| {
            match event {
                Event::Metadata(metadata) => self.dump.note_metadata(*metadata),
                Event::Summary(heap) => self.dump.note_heap(heap),
                Event::Chunk(chunk) => self.dump.write(chunk)?,
                Event::InnerChunk { input, length } => self.pass(input, length)?,
                Event::BeginAgain { reason } => {
                    tell(&reason);
                    self.dump.begin_again()?;
                }
            }
            Ok::<(), Error>(())
        })?;
        self.complete()
    }

    /// Has the next `length` bytes of the pipe go into the snapshot.
    fn pass(&mut self, pipe: &mut GuardedPipe, length: usize) -> Result<(), Error> {
        let mut left = length;
        while left > 0 {
            let piece = pipe.take(left).map_err(FrameError::Read)?;
            if piece.is_empty() {
                return Err(FrameError::Ended.into());
            }
            left -= piece.len();
            self.dump.pass(piece)?;
        }
        Ok(())
    }

    fn stream_from_inspector(&mut self, address: &InspectorAddress) -> Result<Written, Error> {
        self.hear_metadata();
        let connected = || answer(&Answer::Connected);
        let DumpRequest {
            process, thread, ..
        } = self.request;
        let mut main_thread = inspector::connect(address, *process)?;
        if *thread == 0 {
            main_thread.verify_process(connected)?;
            self.stream_from(&mut main_thread)
        } else {
            main_thread.verify_process(|| {})?;
            self.stream_from(&mut inspector::attach_to_worker(
                &mut main_thread,
                *thread,
                connected,
            )?)
        }
    }

    /// What the addon tells on standard input where no frozen child speaks; a person at a terminal tells nothing.
    fn hear_metadata(&mut self) {
        if io::stdin().is_terminal() {
            return;
        }
        // The frames end after the metadata, which is no snapshot and no failure here.
        let _ = frames::read_snapshot(io::stdin().lock(), |event| {
            if let Event::Metadata(metadata) = event {
                self.dump.note_metadata(*metadata);
            }
            Ok::<(), FrameError>(())
        });
    }

    /// Holds the isolate until the file is complete and reported: it may be about to die of what the snapshot shows.
    fn stream_from(&mut self, session: &mut Session<impl Transport>) -> Result<Written, Error> {
        let mut isolate = HeldIsolate::new(session);
        isolate
            .take_heap_snapshot(|chunk| self.dump.write(chunk.as_bytes()).map_err(Error::from))?;
        self.complete()
    }

    fn complete(&mut self) -> Result<Written, Error> {
        let written = self.dump.complete()?;
        let whose = describe(self.request);
        tell(&dump::describe_complete(
            &whose,
            &written,
            self.start.elapsed(),
        ));
        answer(&Answer::Complete {
            bytes: written.bytes,
            file: written.file.clone(),
        });
        Ok(written)
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Inspector(#[from] inspector::Error),
    #[error(transparent)]
    Frames(FrameError),
    #[error(transparent)]
    Dump(#[from] dump::Error),
    #[error(
        "the inspector cannot redact, and what it gives is not written; leave the option redact out to have it"
    )]
    CannotRedact,
}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Error {
        match error {
            FrameError::Read(error) => match error.downcast::<NoRoom>() {
                Ok(no_room) => Error::Dump(no_room.into()),
                Err(error) => Error::Frames(FrameError::Read(error)),
            },
            error => Error::Frames(error),
        }
    }
}

fn report(
    Failure {
        reason,
        is_of_source,
    }: Failure,
) {
    tell(&reason);
    answer(&if is_of_source {
        Answer::SourceFailed { reason }
    } else {
        Answer::Failed { reason }
    });
}

fn tell_step(step: Step<'_>) {
    answer(&match step {
        Step::Writing(file) => Answer::Writing { file: file.into() },
        Step::Naming(file) => Answer::Naming { file: file.into() },
        Step::Concluding(file) => Answer::Concluding { file: file.into() },
    });
}

/// An addon that is gone needs no answer; the dump goes on for the people who find its file.
fn answer(answer: &Answer) {
    let _ = answer.write_to(&mut std::io::stdout());
}

fn describe(request: &DumpRequest) -> String {
    match request.thread {
        0 => format!("process {}", request.process),
        thread => format!("worker {thread} of process {}", request.process),
    }
}
