//! How messages reach an isolate and come back.

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tungstenite::{Error as WebSocketError, HandshakeError, Message, Utf8Bytes, WebSocket};

use super::address::Endpoint;
use super::{Error, IO_THREAD_PATIENCE};

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
    process: u32,
}

impl WebSocketTransport {
    /// Connects and shakes hands; both are served by the inspector's IO thread, however busy the application is.
    pub fn open(endpoint: &Endpoint, process: u32) -> Result<WebSocketTransport, Error> {
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
        socket
            .get_ref()
            .set_read_timeout(Some(HEARTBEAT))
            .map_err(unreachable)?;
        Ok(WebSocketTransport {
            socket,
            address,
            process,
        })
    }

    /// Host and port of the inspector.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The process that should be behind it.
    pub fn process(&self) -> u32 {
        self.process
    }

    fn error(&self, error: WebSocketError) -> Error {
        match error {
            WebSocketError::ConnectionClosed
            | WebSocketError::AlreadyClosed
            | WebSocketError::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ) => Error::Closed {
                process: self.process,
            },
            WebSocketError::Io(error) if is_disconnection(&error) => Error::Closed {
                process: self.process,
            },
            error => Error::Connection {
                process: self.process,
                source: Box::new(error),
            },
        }
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
            match self.socket.read() {
                Ok(Message::Text(text)) => return Ok(text),
                Ok(_) => {}
                Err(WebSocketError::Io(error)) if is_nothing_yet(&error) => {
                    if !is_alive(self.process) {
                        return Err(Error::Closed {
                            process: self.process,
                        });
                    }
                    if since.elapsed() >= silence {
                        return Err(Error::Silent {
                            process: self.process,
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

/// Whether the process exists. One of another user does; it only must not be signalled.
#[cfg(unix)]
fn is_alive(process: u32) -> bool {
    let Ok(process) = libc::pid_t::try_from(process) else {
        return false;
    };
    // SAFETY: signal 0 only asks.
    let result = unsafe { libc::kill(process, 0) };
    result == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

/// Elsewhere the closed connection alone tells.
#[cfg(not(unix))]
fn is_alive(_process: u32) -> bool {
    true
}
