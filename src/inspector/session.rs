//! Requests and their replies, over any transport.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::protocol::{self, Incoming};
use super::{Error, ISOLATE_PATIENCE, Peer, Transport, WebSocketTransport};

/// A conversation with one isolate.
pub struct Session<T> {
    transport: T,
    last_id: u64,
}

impl<T: Transport> Session<T> {
    /// Begins a conversation.
    pub fn new(transport: T) -> Session<T> {
        Session {
            transport,
            last_id: 0,
        }
    }

    /// Evaluates an expression in the isolate and returns its value, `null` if it has none that JSON knows.
    pub(super) fn evaluate(
        &mut self,
        expression: &str,
        on_sent: impl FnOnce(),
    ) -> Result<Value, Error> {
        const EVALUATE: &str = "Runtime.evaluate";
        // The command line API lends `require`, which a module has not.
        let parameters = json!({ "expression": expression, "returnByValue": true, "includeCommandLineAPI": true });
        let id = self.send(EVALUATE, parameters)?;
        on_sent();
        let reply = self.reply(EVALUATE, id)?;
        Ok(reply.pointer("/result/value").cloned().unwrap_or_default())
    }

    /// Sends a request and waits for its result.
    pub(super) fn request(
        &mut self,
        method: &'static str,
        parameters: Value,
    ) -> Result<Value, Error> {
        let id = self.send(method, parameters)?;
        self.reply(method, id)
    }

    /// Passes over whatever comes for so long.
    pub(super) fn listen_for(&mut self, duration: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + duration;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.next(left) {
                Err(Error::Silent { .. }) => return Ok(()),
                Err(error) => return Err(error),
                Ok(_) if left.is_zero() => return Ok(()),
                Ok(_) => {}
            }
        }
    }

    /// Sends a request and returns its id, under which the reply will come.
    pub(super) fn send(&mut self, method: &'static str, parameters: Value) -> Result<u64, Error> {
        self.last_id += 1;
        let message = json!({ "id": self.last_id, "method": method, "params": parameters });
        self.transport.send(message.to_string())?;
        Ok(self.last_id)
    }

    /// Waits for the next message of any kind.
    pub(super) fn next(&mut self, silence: Duration) -> Result<Incoming, Error> {
        let text = self.transport.receive(silence)?;
        Ok(protocol::parse(&text)?)
    }

    /// Waits for the reply to request `id`. Events that come before it are passed over.
    pub(super) fn reply(&mut self, method: &'static str, id: u64) -> Result<Value, Error> {
        loop {
            match self.next(ISOLATE_PATIENCE)? {
                Incoming::Reply { id: of, result } if of == id => {
                    return result.map_err(|reason| Error::Refused { method, reason });
                }
                _ => {}
            }
        }
    }

    pub(super) fn transport(&self) -> &T {
        &self.transport
    }
}

impl Session<WebSocketTransport> {
    /// Makes sure that the isolate behind this session runs in the process it was opened for, and returns that one's id,
    /// by its own word: in a container it is the id inside.
    ///
    /// `on_sent` is called as soon as the request is on its way: from then on the isolate has something to answer.
    ///
    /// # Errors
    /// [`Error::Stranger`] when it is another process, or none of Node.
    pub fn verify_process(&mut self, on_sent: impl FnOnce()) -> Result<u32, Error> {
        let found = self.evaluate("process.pid", on_sent)?;
        let found = found.as_u64().and_then(|process| process.try_into().ok());
        match (self.transport.peer(), found) {
            (Peer::Process(expected), Some(process)) if *expected == process => Ok(process),
            (Peer::Address(_), Some(process)) => {
                self.transport.identify(process);
                Ok(process)
            }
            (expected, found) => Err(Error::Stranger {
                address: self.transport.address().to_owned(),
                expected: expected.clone(),
                found: found.map_or("no Node process".into(), |process| {
                    Peer::Process(process).to_string()
                }),
            }),
        }
    }

    /// Closes the inspector behind this session, with the session.
    ///
    /// # Errors
    /// Those of the protocol.
    pub fn close_inspector(mut self) -> Result<(), Error> {
        // It waits until its sessions have ended, so this one must not wait for it.
        let close = "void setTimeout(require('inspector').close).unref()";
        self.evaluate(close, || {}).map(drop)
    }
}
