//! How messages reach an isolate and come back.

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tungstenite::{Error as WebSocketError, HandshakeError, Message, Utf8Bytes, WebSocket};

use super::address::Endpoint;
use super::{Error, IO_THREAD_PATIENCE, Peer};

/// How often a silent process is asked whether it is still there.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// For the other side's part of a close handshake. It is a courtesy: the inspector lets go of a lost client too.
const FAREWELL: Duration = Duration::from_secs(1);

/// Carries whole messages to one isolate and back.
pub trait Transport {
    /// Sends one message.
    ///
    /// # Errors
    /// When the connection is gone.
    fn send(&mut self, message: String) -> Result<(), Error>;

    /// Waits for the next message, as long as the silence does not exceed `silence`.
    ///
    /// # Errors
    /// [`Error::Silent`] after that time; at once when the connection or the process is gone.
    fn receive(&mut self, silence: Duration) -> Result<Utf8Bytes, Error>;
}

/// The websocket to the inspector of a process, which speaks for its main thread.
pub struct WebSocketTransport {
    socket: WebSocket<TcpStream>,
    address: String,
    peer: Peer,
    /// The read timeout that is set.
    patience: Duration,
}

impl WebSocketTransport {
    /// Connects and shakes hands; both are served by the inspector's IO thread, however busy the application is.
    pub fn open(endpoint: &Endpoint, peer: Peer) -> Result<WebSocketTransport, Error> {
        let address = endpoint.socket.to_string();
        let unreachable = |source| Error::Unreachable {
            address: address.clone(),
            source,
        };
        let stream = TcpStream::connect_timeout(&endpoint.socket, IO_THREAD_PATIENCE)
            .map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        stream
            .set_read_timeout(Some(IO_THREAD_PATIENCE))
            .map_err(unreachable)?;
        stream
            .set_write_timeout(Some(IO_THREAD_PATIENCE))
            .map_err(unreachable)?;

        let (socket, _) = tungstenite::client(&endpoint.url, stream).map_err(|error| {
            let reason = match error {
                HandshakeError::Interrupted(_) => {
                    format!("it did not answer in {} s", IO_THREAD_PATIENCE.as_secs())
                }
                HandshakeError::Failure(error) => error.to_string(),
            };
            Error::NoInspector {
                address: address.clone(),
                reason,
            }
        })?;
        Ok(WebSocketTransport {
            socket,
            address,
            peer,
            patience: IO_THREAD_PATIENCE,
        })
    }

    /// Host and port of the inspector.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The process that is, or should be, behind it.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// From now on the process behind it is known.
    pub(super) fn identify(&mut self, process: u32) {
        self.peer = Peer::Process(process);
    }

    fn error(&self, error: WebSocketError) -> Error {
        match error {
            WebSocketError::ConnectionClosed
            | WebSocketError::AlreadyClosed
            | WebSocketError::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ) => Error::Closed {
                peer: self.peer.clone(),
            },
            WebSocketError::Io(error) if is_disconnection(&error) => Error::Closed {
                peer: self.peer.clone(),
            },
            error => Error::Connection {
                peer: self.peer.clone(),
                source: Box::new(error),
            },
        }
    }
}

impl WebSocketTransport {
    /// Lets the next read end after so long or after a heartbeat, whichever is sooner.
    fn wait_at_most(&mut self, silence: Duration) -> Result<(), Error> {
        let patience = silence.clamp(Duration::from_millis(1), HEARTBEAT);
        if patience == self.patience {
            return Ok(());
        }
        self.patience = patience;
        let set = self.socket.get_ref().set_read_timeout(Some(patience));
        set.map_err(|error| self.error(WebSocketError::Io(error)))
    }
}

impl Transport for WebSocketTransport {
    fn send(&mut self, message: String) -> Result<(), Error> {
        self.socket
            .send(Message::text(message))
            .map_err(|error| self.error(error))
    }

    fn receive(&mut self, silence: Duration) -> Result<Utf8Bytes, Error> {
        let since = Instant::now();
        loop {
            self.wait_at_most(silence.saturating_sub(since.elapsed()))?;
            match self.socket.read() {
                Ok(Message::Text(text)) => return Ok(text),
                Ok(_) => {}
                Err(WebSocketError::Io(error)) if is_nothing_yet(&error) => {
                    if !is_alive(&self.peer) {
                        return Err(Error::Closed {
                            peer: self.peer.clone(),
                        });
                    }
                    if since.elapsed() >= silence {
                        return Err(Error::Silent {
                            peer: self.peer.clone(),
                            silence,
                        });
                    }
                }
                Err(error) => return Err(self.error(error)),
            }
        }
    }
}

impl Drop for WebSocketTransport {
    /// Says good-bye, so that the inspector ends the session at once. Nothing can be done about an error here.
    fn drop(&mut self) {
        let deadline = Instant::now() + FAREWELL;
        if self.socket.close(None).is_ok() {
            while Instant::now() < deadline && self.socket.read().is_ok() {}
        }
    }
}

fn is_nothing_yet(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

fn is_disconnection(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
    )
}

/// Whether the process exists. One of another user does; it only must not be signalled. Where its id is not known the
/// closed connection alone tells.
#[cfg(unix)]
fn is_alive(peer: &Peer) -> bool {
    let Peer::Process(process) = peer else {
        return true;
    };
    let Ok(process) = libc::pid_t::try_from(*process) else {
        return false;
    };
    // SAFETY: signal 0 only asks.
    let result = unsafe { libc::kill(process, 0) };
    result == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

/// Elsewhere the closed connection alone tells.
#[cfg(not(unix))]
fn is_alive(_peer: &Peer) -> bool {
    true
}
