//! `take`: a heap snapshot of any running Node process, over its inspector.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use lexopt::prelude::*;

use super::progress::Progress;
use super::{CommandError, FAILED, print};
use node_oom_heapdump::dump::{self, Encoding, Place, Sink, Written};
use node_oom_heapdump::inspector::{self, HeldIsolate, OfProcess, Session, WebSocketTransport};
use node_oom_heapdump::message::tell;
use node_oom_heapdump::request::InspectorAddress;

/// What `take --help` prints.
const HELP: &str = "\
node-oom-heapdump take - writes a heap snapshot of a running Node process

Usage:
  node-oom-heapdump take (--port <port> | --url <url> | --pid <pid>) [--output <file>] [--gzip]

Options:
  --port <port>         the inspector's port on 127.0.0.1, as given to node --inspect
  --url <url>           the inspector's websocket, as node prints it: ws://127.0.0.1:9229/<uuid>;
                        only the loopback interface is used
  --pid <pid>           the process; if its inspector is not open, SIGUSR1 opens it on 127.0.0.1,
                        and it is closed again at the end (Linux)
  -o, --output <file>   where to write; .heapsnapshot is added if missing, an existing file is kept
                        and the name gets a number. Default: heap-<pid>-<milliseconds since 1970>.heapsnapshot
  --gzip                compress the snapshot; .gz is added to its name
  -h, --help            prints this

V8's own generator makes the snapshot inside that process: it stops until it is done, and needs several
times its heap in memory. Where the process loads node-oom-heapdump, its createHeapSnapshot() needs neither.

The path of the snapshot is printed on standard output, everything else on standard error.

Exit codes:
  0  the snapshot is complete
  1  there is no snapshot; standard error tells why
  2  the command line is wrong

Examples:
  node-oom-heapdump take --port 9229
  node-oom-heapdump take --pid 4711 -o before-deploy
";

/// Does what the rest of the command line asks for.
///
/// # Errors
/// When the command line is wrong, or standard output is closed.
pub fn run(arguments: lexopt::Parser) -> Result<ExitCode, CommandError> {
    let usage = |error: UsageError| CommandError::Usage(error.to_string(), "take");
    let Some(request) = Request::parse(arguments).map_err(usage)? else {
        print(HELP)?;
        return Ok(ExitCode::SUCCESS);
    };
    match take(&request) {
        Ok(written) => {
            print(&format!("{}\n", written.file.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            tell(&format!("no heap snapshot: {error}"));
            Ok(ExitCode::from(FAILED))
        }
    }
}

/// Whose heap is wanted.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Inspector(InspectorAddress),
    Process(u32),
}

#[derive(Debug, PartialEq, Eq)]
struct Request {
    target: Target,
    output: Option<PathBuf>,
    encoding: Encoding,
}

impl Request {
    /// `None` when help is asked for.
    fn parse(mut arguments: lexopt::Parser) -> Result<Option<Request>, UsageError> {
        let (mut target, mut output) = (None, None);
        let mut encoding = Encoding::Plain;
        while let Some(argument) = arguments.next()? {
            let named = match argument {
                Long("port") => {
                    Target::Inspector(InspectorAddress::Port(arguments.value()?.parse()?))
                }
                Long("url") => {
                    Target::Inspector(InspectorAddress::Url(arguments.value()?.string()?))
                }
                Long("pid") => Target::Process(arguments.value()?.parse()?),
                Short('o') | Long("output") => {
                    output = Some(PathBuf::from(arguments.value()?));
                    continue;
                }
                Long("gzip") => {
                    encoding = Encoding::Gzip;
                    continue;
                }
                Short('h') | Long("help") => return Ok(None),
                _ => return Err(argument.unexpected().into()),
            };
            if target.replace(named).is_some() {
                return Err(UsageError::OneTarget);
            }
        }
        let target = target.ok_or(UsageError::OneTarget)?;
        Ok(Some(Request {
            target,
            output,
            encoding,
        }))
    }

    /// The absolute path of the snapshot of `process`.
    fn file(&self, process: u32) -> Result<PathBuf, Error> {
        let name = match &self.output {
            Some(output) => with_extension(output.clone().into_os_string()),
            None => format!("heap-{process}-{}{EXTENSION}", milliseconds_since_1970()).into(),
        };
        std::path::absolute(name).map_err(Error::WorkingDirectory)
    }
}

const EXTENSION: &str = ".heapsnapshot";

/// `x`, `x.heapsnapshot` and `x.heapsnapshot.gz` are one name; whether the file is compressed is another question.
fn with_extension(mut name: OsString) -> OsString {
    if let Some(name) = name
        .to_str()
        .and_then(|name| name.strip_suffix(".heapsnapshot.gz"))
    {
        return format!("{name}{EXTENSION}").into();
    }
    if !name.as_encoded_bytes().ends_with(EXTENSION.as_bytes()) {
        name.push(EXTENSION);
    }
    name
}

fn milliseconds_since_1970() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
}

fn take(request: &Request) -> Result<Written, Error> {
    match &request.target {
        Target::Inspector(address) => {
            write_snapshot(&mut inspector::connect_to_any(address)?, request)
        }
        Target::Process(process) => {
            let OfProcess {
                address,
                was_opened,
            } = inspector::of_process(*process, || {
                tell(&format!(
                    "the inspector of process {process} is not open: SIGUSR1 opens it on 127.0.0.1 until the snapshot is done"
                ));
            })?;
            let mut session = inspector::connect_to_any(&address)?;
            let written = write_snapshot(&mut session, request);
            if was_opened && let Err(error) = session.close_inspector() {
                tell(&format!(
                    "the inspector of process {process} may still be open: {error}"
                ));
            }
            written
        }
    }
}

fn write_snapshot(
    session: &mut Session<WebSocketTransport>,
    request: &Request,
) -> Result<Written, Error> {
    let process = session.verify_process(|| {})?;
    let place = Place::of(&request.file(process)?, request.encoding)?;
    let mut sink = Sink::create(&place)?;
    tell(&format!("taking a heap snapshot of process {process}"));
    let start = Instant::now();
    let mut progress = Progress::begin();
    HeldIsolate::new(session).take_heap_snapshot(|chunk| {
        progress.advance(chunk.len());
        sink.write(chunk.as_bytes()).map_err(Error::from)
    })?;
    drop(progress);
    let written = sink.complete()?;
    let whose = format!("process {process}");
    tell(&dump::describe_complete(&whose, &written, start.elapsed()));
    Ok(written)
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Inspector(#[from] inspector::Error),
    #[error(transparent)]
    Dump(#[from] dump::Error),
    #[error("the working directory cannot be read ({0}): give --output as an absolute path")]
    WorkingDirectory(io::Error),
}

#[derive(Debug, thiserror::Error)]
enum UsageError {
    #[error("{0}")]
    Option(#[from] lexopt::Error),
    #[error("give one of --port, --url and --pid")]
    OneTarget,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Request>, UsageError> {
        Request::parse(lexopt::Parser::from_args(arguments))
    }

    fn target(arguments: &[&str]) -> Target {
        parse(arguments).unwrap().unwrap().target
    }

    #[test]
    fn a_process_is_named_by_port_url_or_id() {
        let port = InspectorAddress::Port(9230);
        let url = InspectorAddress::Url("ws://127.0.0.1:9229/0f2c".into());
        assert_eq!(target(&["--port", "9230"]), Target::Inspector(port));
        assert_eq!(
            target(&["--url", "ws://127.0.0.1:9229/0f2c"]),
            Target::Inspector(url)
        );
        assert_eq!(target(&["--pid=4711"]), Target::Process(4711));
    }

    #[test]
    fn exactly_one_process_must_be_named() {
        for arguments in [&["-o", "x"][..], &["--pid", "1", "--port", "9229"]] {
            assert!(matches!(parse(arguments), Err(UsageError::OneTarget)));
        }
    }

    #[test]
    fn a_port_or_an_id_out_of_range_is_refused() {
        for arguments in [["--port", "65536"], ["--port", "x"], ["--pid", "-1"]] {
            assert!(matches!(parse(&arguments), Err(UsageError::Option(_))));
        }
    }

    #[test]
    fn help_is_given_whatever_comes_with_it() {
        assert_eq!(parse(&["--pid", "1", "--help"]).unwrap(), None);
    }

    #[test]
    fn a_file_gets_the_extension_that_devtools_asks_for() {
        for (output, file) in [
            ("/d/x", "/d/x.heapsnapshot"),
            ("/d/y.heapsnapshot", "/d/y.heapsnapshot"),
            ("/d/z.heapsnapshot.gz", "/d/z.heapsnapshot"),
        ] {
            let request = parse(&["--pid", "1", "-o", output]).unwrap().unwrap();
            assert_eq!(request.file(1).unwrap(), PathBuf::from(file));
        }
    }

    #[test]
    fn a_file_without_a_name_is_called_after_the_process() {
        let request = parse(&["--pid", "1"]).unwrap().unwrap();
        let file = request.file(4711).unwrap();
        assert!(file.is_absolute());
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(
            name.starts_with("heap-4711-") && name.ends_with(EXTENSION),
            "{name}"
        );
    }
}
