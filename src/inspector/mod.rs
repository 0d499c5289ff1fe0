//! Takes a heap snapshot of a running process through its DevTools protocol.
//!
//! [`connect`] finds the websocket and opens it, [`Session::verify_process`] makes sure who is behind it, and
//! [`HeldIsolate::take_heap_snapshot`] gives the bytes. Knows the protocol, and nothing of files.

mod address;
mod cpu_profile;
mod held_isolate;
#[cfg(target_os = "linux")]
mod of_process;
#[cfg(not(target_os = "linux"))]
#[path = "of_process_elsewhere.rs"]
mod of_process;
mod protocol;
mod session;
mod transport;
mod worker;

pub use cpu_profile::record_cpu_profile;
pub use held_isolate::HeldIsolate;
pub use of_process::of_process;
pub use session::Session;
pub use transport::{Transport, WebSocketTransport};
pub use worker::{WorkerTransport, attach_to_worker};

use std::fmt;
use std::io;
#[cfg(target_os = "linux")]
use std::path::PathBuf;
use std::time::Duration;

use crate::request::InspectorAddress;

/// For what the inspector's own IO thread answers, whatever the application does.
const IO_THREAD_PATIENCE: Duration = Duration::from_secs(5);

/// For what the isolate's thread answers. A native call such as a huge `JSON.parse` runs no interrupt, and the generator
/// of Node 18 (V8 10.2) is quadratic: both can be silent for minutes.
const ISOLATE_PATIENCE: Duration = Duration::from_secs(600);

/// Opens the inspector of `process` at `address`.
///
/// # Errors
/// When nothing, or something that is no Node inspector, answers there.
pub fn connect(
    address: &InspectorAddress,
    process: u32,
) -> Result<Session<WebSocketTransport>, Error> {
    let endpoint = address::find(address)?;
    let transport = WebSocketTransport::open(&endpoint, Peer::Process(process))?;
    Ok(Session::new(transport))
}

/// Opens the inspector at `address`, of whichever process it is; [`Session::verify_process`] tells.
///
/// # Errors
/// When nothing, or something that is no Node inspector, answers there.
pub fn connect_to_any(address: &InspectorAddress) -> Result<Session<WebSocketTransport>, Error> {
    let endpoint = address::find(address)?;
    let peer = Peer::Address(endpoint.socket.to_string());
    Ok(Session::new(WebSocketTransport::open(&endpoint, peer)?))
}

/// The inspector of a process.
#[derive(Debug, PartialEq, Eq)]
pub struct OfProcess {
    /// Where it is.
    pub address: InspectorAddress,
    /// Whether it was opened on our behalf, and should be closed again.
    pub was_opened: bool,
}

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// The process of this id.
    Process(u32),
    /// Whichever process has this host and port.
    Address(String),
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Process(process) => write!(formatter, "process {process}"),
            Peer::Address(address) => write!(formatter, "the process at {address}"),
        }
    }
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not an address that `inspector.url()` gives.
    #[error("{url} is no inspector address; it should look like ws://127.0.0.1:9229/<uuid>")]
    Malformed {
        /// The address that was given.
        url: String,
    },
    /// An inspector on another interface, which anybody there could control.
    #[error(
        "the inspector at {url} is not on the loopback interface; start node with --inspect=127.0.0.1:<port>"
    )]
    NotLoopback {
        /// The address that was given.
        url: String,
    },
    /// Nobody listens.
    #[error(
        "no inspector listens at {address} ({source}); start node with --inspect, or give its port as `port`"
    )]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Somebody listens who does not speak the protocol.
    #[error(
        "what listens at {address} is no Node inspector ({reason}); give the port of node's --inspect as `port`"
    )]
    NoInspector {
        /// Host and port.
        address: String,
        /// What is wrong with its answer.
        reason: String,
    },
    /// Another process, which is left alone.
    #[error(
        "the inspector at {address} belongs to {found}, not to {expected}; \
         start node with --inspect=0 or give the right port as `port`"
    )]
    Stranger {
        /// Host and port.
        address: String,
        /// The process whose heap is wanted.
        expected: Peer,
        /// Who answered.
        found: String,
    },
    /// The connection ended.
    #[error(
        "{peer} ended or closed its inspector before all was received; when memory runs out, a lower threshold leaves more time"
    )]
    Closed {
        /// The process.
        peer: Peer,
    },
    /// The process is alive, but its thread answers nothing.
    #[error("{peer} has sent nothing for {} s; its thread is blocked in a native call, or starved", silence.as_secs())]
    Silent {
        /// The process.
        peer: Peer,
        /// How long was waited.
        silence: Duration,
    },
    /// The websocket's rules were broken.
    #[error("the inspector connection to {peer} broke: {source}; try again")]
    Connection {
        /// The process.
        peer: Peer,
        /// What the websocket said.
        source: Box<tungstenite::Error>,
    },
    /// A message that is no message of the protocol.
    #[error("the inspector sent something that is no DevTools message: {0}; try again")]
    Garbled(#[from] serde_json::Error),
    /// The inspector refused a request.
    #[error("the inspector refused {method}: {reason}; nothing can be taken this way")]
    Refused {
        /// The request.
        method: &'static str,
        /// What the inspector said.
        reason: String,
    },
    /// No such worker, or one that has just ended.
    #[error(
        "{peer} has no worker with threadId {thread} that its inspector can reach; it may have ended"
    )]
    NoSuchWorker {
        /// The process.
        peer: Peer,
        /// Node's `threadId`.
        thread: u32,
    },
    /// No process of that id.
    #[cfg(target_os = "linux")]
    #[error("there is no process {process}; it may have ended, or live in another container")]
    NoProcess {
        /// The process.
        process: u32,
    },
    /// A process of somebody else.
    #[cfg(target_os = "linux")]
    #[error("process {process} may not be looked into ({reason}); run this as the user it runs as")]
    NotReadable {
        /// The process.
        process: u32,
        /// What the operating system said.
        reason: String,
    },
    /// SIGUSR1 would not open an inspector.
    #[cfg(target_os = "linux")]
    #[error(
        "process {process} ({}) is no Node that opens its inspector on SIGUSR1; start it with --inspect and give its port",
        executable.display()
    )]
    IgnoresSignal {
        /// The process.
        process: u32,
        /// The program it runs.
        executable: PathBuf,
    },
    /// SIGUSR1 opened no inspector.
    #[cfg(target_os = "linux")]
    #[error(
        "process {process} did not open its inspector within {} s of SIGUSR1: the program may handle that signal itself, \
         or another process have port 9229, which standard error of the process tells; start it with --inspect=0",
        IO_THREAD_PATIENCE.as_secs()
    )]
    NotOpened {
        /// The process.
        process: u32,
    },
    /// A system that does not tell the ports of a process.
    #[cfg(not(target_os = "linux"))]
    #[error(
        "an inspector can be found by the id of its process on Linux alone; start node with --inspect and give its port"
    )]
    OnlyByPort,
    /// The worker ended while its snapshot was taken.
    #[error(
        "the worker ended before its heap snapshot was complete; a lower threshold leaves more time"
    )]
    WorkerEnded,
}
