//! Requests and their replies, over any transport.

use std::time::Duration;

use serde_json::{Value, json};

use super::protocol::{self, Incoming};
use super::{Error, ISOLATE_PATIENCE, Transport, WebSocketTransport};

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
    /// Makes sure that the isolate behind this session runs in the process it was opened for.
    ///
    /// `on_sent` is called as soon as the request is on its way: from then on the isolate has something to answer.
    ///
    /// # Errors
    /// [`Error::Stranger`] when it is another process.
    pub fn verify_process(&mut self, on_sent: impl FnOnce()) -> Result<(), Error> {
        let expected = self.transport.process();
        let found = self.evaluate("process.pid", on_sent)?;
        if found == json!(expected) {
            return Ok(());
        }
        let found = match found.as_u64() {
            Some(process) => format!("process {process}"),
            None => "no Node process".into(),
        };
        Err(Error::Stranger {
            address: self.transport.address().to_owned(),
            expected,
            found,
        })
    }
}
