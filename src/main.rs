//! The helper executable: reads its command line and wires a source of snapshots to the sink.
//!
//! Standard output carries only [`Answer`]s for the addon, standard error the lines for people. Rust's runtime ignores
//! SIGPIPE, so an addon that died with its process does not end a dump.

use std::process::ExitCode;
use std::time::Instant;

use node_oom_heapdump::command::{self, profile, take};
use node_oom_heapdump::dump::{self, Sink, Written};
use node_oom_heapdump::frames::{self, Event, FrameError};
use node_oom_heapdump::inspector::{self, HeldIsolate, Session, Transport};
use node_oom_heapdump::message::{megabytes, tell};
use node_oom_heapdump::request::{
    Answer, DUMP_COMMAND, DumpRequest, InspectorAddress, Source, UsageError,
};

const HELP: &str = "\
Heap snapshots of Node processes.

Usage:
  node-oom-heapdump take --port <port> | --url <url> | --pid <pid>   a snapshot of a running process
  node-oom-heapdump <command> --help
  node-oom-heapdump --help | --version

What the addon calls:
  node-oom-heapdump dump --process <pid> --thread <id> --file <absolute path>
                         (--inspector-url <ws url> | --inspector-port <port> | --frozen-child)

Its options:
  --process <pid>         the process whose heap is wanted; any other is left alone
  --thread <id>           Node's threadId: 0 for the main thread, else a worker's
  --file <path>           where to write; an existing file is kept, and the name gets a number
  --inspector-url <url>   the inspector's websocket, as inspector.url() gives it
  --inspector-port <port> the inspector's port on 127.0.0.1
  --frozen-child          the frames of our own heap reader, which come on standard input

Exit codes:
  0  the snapshot is complete, under the name that standard error tells
  1  there is no snapshot; standard error tells why
  2  the command line is wrong
";

fn main() -> ExitCode {
    match Command::parse(lexopt::Parser::from_env()) {
        Ok(Command::Dump(request)) => dump(&request),
        Ok(Command::Take(arguments)) => take::run(arguments),
        Ok(Command::Profile(arguments)) => profile::run(arguments),
        Ok(Command::Print(text)) => command::print(text),
        Err(error) => {
            report(Failure::of_dump(error.to_string()));
            ExitCode::from(command::USAGE)
        }
    }
}

enum Command {
    Dump(DumpRequest),
    Take(lexopt::Parser),
    Profile(lexopt::Parser),
    Print(&'static str),
}

impl Command {
    fn parse(mut arguments: lexopt::Parser) -> Result<Command, UsageError> {
        use lexopt::prelude::*;

        match arguments.next()? {
            Some(Value(command)) if command == DUMP_COMMAND => {
                DumpRequest::parse(arguments).map(Command::Dump)
            }
            Some(Value(command)) if command == take::NAME => Ok(Command::Take(arguments)),
            Some(Value(command)) if command == profile::NAME => Ok(Command::Profile(arguments)),
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

fn dump(request: &DumpRequest) -> ExitCode {
    match write_snapshot(request) {
        Ok(()) => ExitCode::SUCCESS,
        Err(mut failure) => {
            let whose = describe(request);
            failure.reason = format!("no heap snapshot of {whose}: {}", failure.reason);
            report(failure);
            ExitCode::FAILURE
        }
    }
}

/// The whole dump; an error names the temporary file if even that could not be removed.
fn write_snapshot(request: &DumpRequest) -> Result<(), Failure> {
    let mut dump = Dump {
        request,
        start: Instant::now(),
        sink: Sink::create(&request.file).map_err(|error| Failure::of_dump(error.to_string()))?,
    };
    dump.take().map_err(|error| Failure {
        reason: match dump.sink.discard() {
            Ok(()) => error.to_string(),
            Err(leftover) => format!("{error}; also, {leftover}"),
        },
        is_of_source: !matches!(error, Error::Dump(_)),
    })
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

struct Dump<'a> {
    request: &'a DumpRequest,
    start: Instant,
    sink: Sink,
}

impl Dump<'_> {
    fn take(&mut self) -> Result<(), Error> {
        match &self.request.source {
            Source::FrozenChild => self.stream_from_frozen_child(),
            Source::Inspector(address) => self.stream_from_inspector(address),
        }
    }

    fn stream_from_frozen_child(&mut self) -> Result<(), Error> {
        frames::read_snapshot(std::io::stdin().lock(), |event| match event {
            Event::Metadata(_) | Event::Summary(_) => Ok(()),
            Event::Chunk(chunk) => self.sink.write(chunk).map_err(Error::from),
            Event::BeginAgain { reason } => {
                tell(&reason);
                self.sink.begin_again().map_err(Error::from)
            }
        })?;
        self.complete()
    }

    fn stream_from_inspector(&mut self, address: &InspectorAddress) -> Result<(), Error> {
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

    /// Holds the isolate until the file is complete and reported: it may be about to die of what the snapshot shows.
    fn stream_from(&mut self, session: &mut Session<impl Transport>) -> Result<(), Error> {
        let mut isolate = HeldIsolate::new(session);
        isolate
            .take_heap_snapshot(|chunk| self.sink.write(chunk.as_bytes()).map_err(Error::from))?;
        self.complete()
    }

    fn complete(&mut self) -> Result<(), Error> {
        let Written { file, bytes } = self.sink.complete()?;
        tell(&format!(
            "heap snapshot of {} is complete: {} ({} MB in {:.1} s)",
            describe(self.request),
            file.display(),
            megabytes(bytes),
            self.start.elapsed().as_secs_f64()
        ));
        answer(&Answer::Complete { bytes, file });
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Inspector(#[from] inspector::Error),
    #[error(transparent)]
    Frames(#[from] FrameError),
    #[error(transparent)]
    Dump(#[from] dump::Error),
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
