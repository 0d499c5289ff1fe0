//! Takes a heap snapshot of a running process through its DevTools protocol.
//!
//! [`connect`] finds the websocket and opens it, [`Session::verify_process`] makes sure who is behind it, and
//! [`HeldIsolate::take_heap_snapshot`] gives the bytes. Knows the protocol, and nothing of files.

mod address;
mod held_isolate;
mod protocol;
mod session;
mod transport;
mod worker;

pub use held_isolate::HeldIsolate;
pub use session::Session;
pub use transport::{Transport, WebSocketTransport};
pub use worker::{WorkerTransport, attach_to_worker};

use std::io;
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
    Ok(Session::new(WebSocketTransport::open(&endpoint, process)?))
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
        "the inspector at {address} belongs to {found}, not to process {expected}; \
         start node with --inspect=0 or give the right port as `port`"
    )]
    Stranger {
        /// Host and port.
        address: String,
        /// The process whose heap is wanted.
        expected: u32,
        /// Who answered.
        found: String,
    },
    /// The connection ended.
    #[error(
        "process {process} ended or closed its inspector before its heap snapshot was complete; a lower threshold leaves more time"
    )]
    Closed {
        /// The process.
        process: u32,
    },
    /// The process is alive, but its thread answers nothing.
    #[error("process {process} has sent nothing for {} s; its thread is blocked in a native call, or starved", silence.as_secs())]
    Silent {
        /// The process.
        process: u32,
        /// How long was waited.
        silence: Duration,
    },
    /// The websocket's rules were broken.
    #[error("the inspector connection to process {process} broke: {source}; try again")]
    Connection {
        /// The process.
        process: u32,
        /// What the websocket said.
        source: Box<tungstenite::Error>,
    },
    /// A message that is no message of the protocol.
    #[error("the inspector sent something that is no DevTools message: {0}; try again")]
    Garbled(#[from] serde_json::Error),
    /// The inspector refused a request.
    #[error("the inspector refused {method}: {reason}; no heap snapshot can be taken this way")]
    Refused {
        /// The request.
        method: &'static str,
        /// What the inspector said.
        reason: String,
    },
    /// No such worker, or one that has just ended.
    #[error(
        "process {process} has no worker with threadId {thread} that its inspector can reach; it may have ended"
    )]
    NoSuchWorker {
        /// The process.
        process: u32,
        /// Node's `threadId`.
        thread: u32,
    },
    /// The worker ended while its snapshot was taken.
    #[error(
        "the worker ended before its heap snapshot was complete; a lower threshold leaves more time"
    )]
    WorkerEnded,
}
