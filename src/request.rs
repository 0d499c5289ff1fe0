//! What the addon asks of the helper, and what the helper answers.
//!
//! The addon puts a [`DumpRequest`] on the helper's command line and reads [`Answer`]s from its standard output.
//! Both ends are in this file, so they cannot come to disagree. It knows nothing of how a dump is made.

use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The helper's subcommand that serves a [`DumpRequest`].
pub const DUMP_COMMAND: &str = "dump";

/// The helper's subcommand that finds the suspects of a snapshot, for the helper.
pub const SUSPECTS_COMMAND: &str = "suspects";

/// Where the DevTools protocol of a process is spoken. Always on the loopback interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InspectorAddress {
    /// The websocket of the running inspector, as `inspector.url()` gives it: `ws://127.0.0.1:9229/<uuid>`.
    Url(String),
    /// The port to ask for it, when no inspector was active at the time of arming.
    Port(u16),
}

/// Where the bytes of a snapshot come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// V8's own generator, over the DevTools protocol.
    Inspector(InspectorAddress),
    /// Our heap reader in a frozen child, whose frames (see [`crate::frames`]) come on standard input.
    FrozenChild,
}

/// What the user wants of a dump's files beside their name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOptions {
    /// Which program is dumped: by this the dumps that count for `keep` are known.
    pub program: String,
    /// Whether the snapshot is compressed, by gzip.
    pub gzip: bool,
    /// How many dumps of the program stay in the folder; `None` for all.
    pub keep: Option<u32>,
    /// The program that is run when the snapshot is complete, and its arguments; empty for none. `{path}` is the snapshot,
    /// `{summary}` the summary.
    pub exec: Vec<OsString>,
    /// How long that program may run, from the start of the helper.
    pub timeout: Duration,
    /// Whether contents of strings are kept out of the files.
    pub redact: bool,
    /// Whether it is looked for what leaked, where nobody asked for the dump.
    pub suspects: bool,
}

impl Default for FileOptions {
    fn default() -> FileOptions {
        FileOptions {
            program: String::new(),
            gzip: false,
            keep: None,
            exec: Vec::new(),
            timeout: Duration::from_millis(300_000),
            redact: false,
            suspects: false,
        }
    }
}

impl FileOptions {
    fn to_arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec![
            "--program".into(),
            self.program.clone().into(),
            "--timeout".into(),
            self.timeout.as_millis().to_string().into(),
        ];
        if self.gzip {
            arguments.push("--gzip".into());
        }
        if let Some(keep) = self.keep {
            arguments.extend(["--keep".into(), keep.to_string().into()]);
        }
        if self.redact {
            arguments.push("--redact".into());
        }
        if self.suspects {
            arguments.push("--suspects".into());
        }
        for word in &self.exec {
            arguments.extend(["--exec".into(), word.clone()]);
        }
        arguments
    }
}

/// One dump of one isolate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpRequest {
    /// The process whose heap is wanted. The helper leaves any other process alone.
    pub process: u32,
    /// Node's `threadId` of the isolate: 0 for the main thread, else a worker's.
    pub thread: u32,
    /// Where its snapshot comes from.
    pub source: Source,
    /// The absolute path of the snapshot, with its extension. An existing file is kept; the name then gets a suffix.
    pub file: PathBuf,
    /// What else is wanted of its files.
    pub options: FileOptions,
}

impl DumpRequest {
    /// The helper's whole command line after the program's name.
    pub fn to_arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec![
            DUMP_COMMAND.into(),
            "--process".into(),
            self.process.to_string().into(),
            "--thread".into(),
            self.thread.to_string().into(),
            "--file".into(),
            self.file.clone().into(),
        ];
        match &self.source {
            Source::Inspector(InspectorAddress::Url(url)) => {
                arguments.extend(["--inspector-url".into(), url.into()]);
            }
            Source::Inspector(InspectorAddress::Port(port)) => {
                arguments.extend(["--inspector-port".into(), port.to_string().into()]);
            }
            Source::FrozenChild => arguments.push("--frozen-child".into()),
        }
        arguments.extend(self.options.to_arguments());
        arguments
    }

    /// Reads what follows [`DUMP_COMMAND`] on the command line; the reverse of [`DumpRequest::to_arguments`].
    ///
    /// # Errors
    /// Any option that is unknown, missing or out of range.
    #[cfg(feature = "helper")]
    pub fn parse(mut arguments: lexopt::Parser) -> Result<DumpRequest, UsageError> {
        use lexopt::prelude::*;

        let (mut process, mut thread, mut source, mut file) = (None, None, None, None);
        let mut options = FileOptions::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("process") => process = Some(arguments.value()?.parse()?),
                Long("thread") => thread = Some(arguments.value()?.parse()?),
                Long("file") => file = Some(PathBuf::from(arguments.value()?)),
                Long("inspector-url") => {
                    let url = arguments.value()?.string()?;
                    source = Some(Source::Inspector(InspectorAddress::Url(url)));
                }
                Long("inspector-port") => {
                    let port = arguments.value()?.parse()?;
                    source = Some(Source::Inspector(InspectorAddress::Port(port)));
                }
                Long("frozen-child") => source = Some(Source::FrozenChild),
                Long("program") => options.program = arguments.value()?.string()?,
                Long("timeout") => {
                    options.timeout = Duration::from_millis(arguments.value()?.parse()?);
                }
                Long("gzip") => options.gzip = true,
                Long("keep") => options.keep = Some(arguments.value()?.parse()?),
                Long("redact") => options.redact = true,
                Long("suspects") => options.suspects = true,
                Long("exec") => options.exec.push(arguments.value()?),
                _ => return Err(argument.unexpected().into()),
            }
        }

        let file = file.ok_or(UsageError::Missing { option: "--file" })?;
        if !file.is_absolute() {
            return Err(UsageError::RelativeFile { file });
        }
        Ok(DumpRequest {
            process: process.ok_or(UsageError::Missing {
                option: "--process",
            })?,
            thread: thread.ok_or(UsageError::Missing { option: "--thread" })?,
            source: source.ok_or(UsageError::Missing {
                option: "--inspector-url, --inspector-port or --frozen-child",
            })?,
            file,
            options,
        })
    }
}

/// Why a command line is no [`DumpRequest`].
#[cfg(feature = "helper")]
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// An unknown option, or a value that is out of range.
    #[error("{0}; see --help")]
    Option(#[from] lexopt::Error),
    /// An option that has no default.
    #[error("{option} is missing; see --help")]
    Missing {
        /// The option, as it is typed.
        option: &'static str,
    },
    /// The helper's working directory is no place to resolve a name against.
    #[error("--file must be an absolute path, not {}", file.display())]
    RelativeFile {
        /// The path that was given.
        file: PathBuf,
    },
}

/// What the helper tells the addon: any number of the first four, then exactly one of the others, and behind `Complete` at most
/// one `Following`. A stream that ends without one of those means that the helper was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The inspector accepted the connection: its requests reach the isolate as soon as it runs JavaScript.
    Connected,
    /// There is a temporary file from now on: of no use should the helper be killed.
    Writing {
        /// Its path.
        file: PathBuf,
    },
    /// The temporary file that was told of last is complete and about to get its final name: the snapshot or, behind `Following`,
    /// what is found in it.
    Naming {
        /// Its path then.
        file: PathBuf,
    },
    /// The temporary file that was told of last is the summary that says so: it is whole, and takes the place of the one before
    /// as soon as the other file has its name.
    Concluding {
        /// Its path then.
        file: PathBuf,
    },
    /// A complete snapshot lies under its final name.
    Complete {
        /// The file's size.
        bytes: u64,
        /// Its path, which differs from the requested one where a file of that name existed.
        file: PathBuf,
    },
    /// The helper goes on with something that takes time, such as the program of the option `exec`.
    Following,
    /// There is no snapshot. The helper has already told people why on standard error.
    Failed {
        /// One sentence: what happened and what to do.
        reason: String,
    },
    /// Likewise, and the reason lies with the frozen child or the inspector: another source may serve.
    SourceFailed {
        /// One sentence: what happened and what to do.
        reason: String,
    },
}

impl Answer {
    /// Sends this answer in one piece: `connected`, `writing <path>`, `naming <path>`, `concluding <path>`,
    /// `complete <bytes> <path>`, `following`, `failed <reason>` or `source-failed <reason>`, ended by NUL.
    ///
    /// A path may hold any byte but NUL, newlines too; only NUL can end it.
    pub fn write_to(&self, output: &mut impl Write) -> io::Result<()> {
        let mut message = match self {
            Answer::Connected => CONNECTED.to_vec(),
            Answer::Following => FOLLOWING.to_vec(),
            Answer::Writing { file } => with_path(WRITING, file),
            Answer::Naming { file } => with_path(NAMING, file),
            Answer::Concluding { file } => with_path(CONCLUDING, file),
            Answer::Complete { bytes, file } => {
                let path = file.as_os_str().as_encoded_bytes();
                [COMPLETE, bytes.to_string().as_bytes(), b" ", path].concat()
            }
            Answer::Failed { reason } => with_reason(FAILED, reason),
            Answer::SourceFailed { reason } => with_reason(SOURCE_FAILED, reason),
        };
        message.push(NUL);
        output.write_all(&message)?;
        output.flush()
    }

    /// Waits for the next answer. `None` is the end of the stream.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when the bytes are no answer, or one that was cut short.
    pub fn read_from(input: &mut impl BufRead) -> io::Result<Option<Answer>> {
        let mut message = Vec::new();
        if input.read_until(NUL, &mut message)? == 0 {
            return Ok(None);
        }
        let answer = message.strip_suffix(&[NUL]).and_then(Answer::parse);
        answer.map(Some).ok_or_else(|| {
            let text = String::from_utf8_lossy(&message);
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the helper's answer was cut short or is none: {text:?}"),
            )
        })
    }

    fn parse(message: &[u8]) -> Option<Answer> {
        if message == CONNECTED {
            Some(Answer::Connected)
        } else if message == FOLLOWING {
            Some(Answer::Following)
        } else if let Some(path) = message.strip_prefix(WRITING) {
            path_from(path).map(|file| Answer::Writing { file })
        } else if let Some(path) = message.strip_prefix(NAMING) {
            path_from(path).map(|file| Answer::Naming { file })
        } else if let Some(path) = message.strip_prefix(CONCLUDING) {
            path_from(path).map(|file| Answer::Concluding { file })
        } else if let Some(rest) = message.strip_prefix(COMPLETE) {
            let space = rest.iter().position(|&byte| byte == b' ')?;
            let bytes = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
            Some(Answer::Complete {
                bytes,
                file: path_from(&rest[space + 1..])?,
            })
        } else {
            let reason = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
            match message.strip_prefix(SOURCE_FAILED) {
                Some(text) => Some(Answer::SourceFailed {
                    reason: reason(text),
                }),
                None => message.strip_prefix(FAILED).map(|text| Answer::Failed {
                    reason: reason(text),
                }),
            }
        }
    }
}

fn with_reason(kind: &[u8], reason: &str) -> Vec<u8> {
    [kind, reason.replace(NUL as char, " ").as_bytes()].concat()
}

fn with_path(kind: &[u8], path: &Path) -> Vec<u8> {
    [kind, path.as_os_str().as_encoded_bytes()].concat()
}

const CONNECTED: &[u8] = b"connected";
const FOLLOWING: &[u8] = b"following";
const WRITING: &[u8] = b"writing ";
const NAMING: &[u8] = b"naming ";
const CONCLUDING: &[u8] = b"concluding ";
const COMPLETE: &[u8] = b"complete ";
const FAILED: &[u8] = b"failed ";
const SOURCE_FAILED: &[u8] = b"source-failed ";
const NUL: u8 = 0;

#[cfg(unix)]
fn path_from(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
fn path_from(bytes: &[u8]) -> Option<PathBuf> {
    String::from_utf8(bytes.to_vec()).ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(answers: &[Answer]) -> Vec<Answer> {
        let mut stream = Vec::new();
        for answer in answers {
            answer.write_to(&mut stream).unwrap();
        }
        let mut input = stream.as_slice();
        std::iter::from_fn(|| Answer::read_from(&mut input).unwrap()).collect()
    }

    fn complete(file: impl Into<PathBuf>) -> Answer {
        Answer::Complete {
            bytes: 112_345_678,
            file: file.into(),
        }
    }

    #[test]
    fn a_stream_of_answers_reads_as_it_was_written() {
        let answers = [
            Answer::Connected,
            Answer::Writing {
                file: "/var/dumps/x.heapsnapshot.part".into(),
            },
            Answer::Naming {
                file: "/var/dumps/x.heapsnapshot".into(),
            },
            Answer::Concluding {
                file: "/var/dumps/x.summary.json".into(),
            },
            complete("/var/dumps/x.heapsnapshot"),
            Answer::Following,
        ];
        assert_eq!(read_back(&answers), answers);
    }

    #[test]
    fn a_path_may_hold_spaces_and_newlines() {
        for path in [
            "/tmp/a b  c.heapsnapshot ",
            "/tmp/a\nconnected\nfailed b",
            "/tmp/ends with\n",
        ] {
            assert_eq!(read_back(&[complete(path)]), [complete(path)]);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_need_not_be_utf_8() {
        use std::os::unix::ffi::OsStringExt;
        let path = OsString::from_vec(b"/tmp/\xff\xfe.heapsnapshot".to_vec());
        assert_eq!(read_back(&[complete(&path)]), [complete(&path)]);
    }

    #[test]
    fn a_reason_is_kept_word_by_word() {
        let failed = Answer::Failed {
            reason: "no space left: free some,\nor choose another folder".into(),
        };
        let source_failed = Answer::SourceFailed {
            reason: "the frozen child was killed".into(),
        };
        for answer in [failed, source_failed] {
            assert_eq!(
                read_back(&[Answer::Connected, answer.clone()]),
                [Answer::Connected, answer]
            );
        }
    }

    #[test]
    fn an_answer_is_read_before_the_stream_ends() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut reader = io::BufReader::new(reader);
        for answer in [Answer::Connected, complete("/tmp/x")] {
            answer.write_to(&mut writer).unwrap();
            assert_eq!(Answer::read_from(&mut reader).unwrap(), Some(answer));
        }
    }

    #[test]
    fn an_answer_cut_short_is_an_error() {
        for cut in [
            "connec",
            "complete 12",
            "complete 12 /tmp/x",
            "complete x /tmp/y\0",
            "failed\0",
            "hello\0",
        ] {
            let error = Answer::read_from(&mut cut.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{cut}");
        }
    }

    #[test]
    fn a_helper_that_says_nothing_gives_no_answer() {
        assert_eq!(Answer::read_from(&mut io::empty()).unwrap(), None);
    }

    #[cfg(feature = "helper")]
    mod command_line {
        use super::super::*;

        fn parse(arguments: &[&str]) -> Result<DumpRequest, UsageError> {
            DumpRequest::parse(lexopt::Parser::from_args(arguments))
        }

        fn request(source: Source, file: impl Into<PathBuf>) -> DumpRequest {
            DumpRequest {
                process: 4711,
                thread: 3,
                source,
                file: file.into(),
                options: FileOptions::default(),
            }
        }

        fn arguments_after_the_command(request: &DumpRequest) -> lexopt::Parser {
            lexopt::Parser::from_args(request.to_arguments().into_iter().skip(1))
        }

        #[test]
        fn the_helper_understands_what_the_addon_asks() {
            let url = InspectorAddress::Url(
                "ws://127.0.0.1:9229/0f2c936f-b1cd-4ac9-aab3-f63b0f33d55e".into(),
            );
            for source in [
                Source::Inspector(url),
                Source::Inspector(InspectorAddress::Port(9229)),
                Source::FrozenChild,
            ] {
                let request = request(source, "/tmp/-x y%n\n=.heapsnapshot");
                assert_eq!(
                    DumpRequest::parse(arguments_after_the_command(&request)).unwrap(),
                    request
                );
            }
        }

        #[test]
        fn the_helper_understands_what_is_wanted_of_the_files() {
            let options = FileOptions {
                program: "/srv/a b.js".into(),
                gzip: true,
                keep: Some(3),
                exec: ["--cp", "-x", "{path}", ""].map(OsString::from).to_vec(),
                timeout: Duration::from_millis(1500),
                redact: true,
                suspects: true,
            };
            let request = DumpRequest {
                options,
                ..request(Source::FrozenChild, "/tmp/x")
            };
            assert_eq!(
                DumpRequest::parse(arguments_after_the_command(&request)).unwrap(),
                request
            );
        }

        #[cfg(unix)]
        #[test]
        fn the_file_need_not_be_utf_8() {
            use std::os::unix::ffi::OsStringExt;
            let request = request(
                Source::FrozenChild,
                OsString::from_vec(b"/tmp/\xff".to_vec()),
            );
            assert_eq!(
                DumpRequest::parse(arguments_after_the_command(&request)).unwrap(),
                request
            );
        }

        #[test]
        fn what_is_missing_is_named() {
            let rules: [(&[&str], &str); 4] = [
                (
                    &["--thread", "0", "--file", "/x", "--inspector-port", "1"],
                    "--process",
                ),
                (
                    &["--process", "1", "--file", "/x", "--inspector-port", "1"],
                    "--thread",
                ),
                (
                    &["--process", "1", "--thread", "0", "--inspector-port", "1"],
                    "--file",
                ),
                (
                    &["--process", "1", "--thread", "0", "--file", "/x"],
                    "--inspector-url",
                ),
            ];
            for (arguments, missing) in rules {
                assert!(
                    parse(arguments).unwrap_err().to_string().contains(missing),
                    "{missing}"
                );
            }
        }

        #[test]
        fn a_relative_file_is_refused() {
            let error = parse(&[
                "--process",
                "1",
                "--thread",
                "0",
                "--file",
                "x",
                "--inspector-port",
                "1",
            ])
            .unwrap_err();
            assert!(matches!(error, UsageError::RelativeFile { .. }));
        }

        #[test]
        fn an_unknown_option_is_refused() {
            assert!(
                parse(&["--proces", "1"])
                    .unwrap_err()
                    .to_string()
                    .contains("--proces")
            );
        }
    }
}
