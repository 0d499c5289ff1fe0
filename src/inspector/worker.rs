//! The isolate of a worker thread, which is reached through the session of its main thread.
//!
//! Node's `NodeWorker` domain (src/inspector/worker_agent.cc) wraps every message of a worker's session in one of the
//! main thread's. A worker's own inspector has no address.

use std::time::Duration;

use serde_json::json;
use tungstenite::Utf8Bytes;

use super::protocol::Incoming;
use super::{Error, ISOLATE_PATIENCE, Session, Transport, WebSocketTransport};

/// Carries messages to a worker and back.
pub struct WorkerTransport<'a> {
    main: &'a mut Session<WebSocketTransport>,
    session: String,
}

/// Opens a session with the worker whose `threadId` is `thread`.
///
/// `on_sent` is called when the first request to that isolate is on its way.
///
/// # Errors
/// [`Error::NoSuchWorker`].
pub fn attach_to_worker(
    main: &mut Session<WebSocketTransport>,
    thread: u32,
    on_sent: impl FnOnce(),
) -> Result<Session<WorkerTransport<'_>>, Error> {
    let peer = main.transport().peer().clone();
    let session = find_worker(main, thread)?.ok_or_else(|| Error::NoSuchWorker {
        peer: peer.clone(),
        thread,
    })?;
    let mut worker = Session::new(WorkerTransport { main, session });
    // A title is for people; only the isolate itself knows for sure.
    if worker.evaluate("require('worker_threads').threadId", on_sent)? == json!(thread) {
        Ok(worker)
    } else {
        Err(Error::NoSuchWorker { peer, thread })
    }
}

/// Attaches to all workers, which are announced before the reply, and picks the session of one.
fn find_worker(
    main: &mut Session<WebSocketTransport>,
    thread: u32,
) -> Result<Option<String>, Error> {
    const ENABLE: &str = "NodeWorker.enable";
    let enable = main.send(ENABLE, json!({ "waitForDebuggerOnStart": false }))?;
    let mut found = None;
    loop {
        match main.next(ISOLATE_PATIENCE)? {
            Incoming::AttachedToWorker { session, title } if thread_in(&title) == Some(thread) => {
                found = Some(session)
            }
            Incoming::Reply { id, result } if id == enable => {
                return result.map(|_| found).map_err(|reason| Error::Refused {
                    method: ENABLE,
                    reason,
                });
            }
            _ => {}
        }
    }
}

/// The `threadId` in the title of a worker: `Worker 3`, since Node 20 `[worker 3] <name>`.
fn thread_in(title: &str) -> Option<u32> {
    let digits = title.trim_start_matches(|character: char| !character.is_ascii_digit());
    let end = digits
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().ok()
}

impl Transport for WorkerTransport<'_> {
    fn send(&mut self, message: String) -> Result<(), Error> {
        let parameters = json!({ "sessionId": self.session, "message": message });
        self.main
            .send("NodeWorker.sendMessageToWorker", parameters)
            .map(drop)
    }

    fn receive(&mut self, silence: Duration) -> Result<Utf8Bytes, Error> {
        loop {
            match self.main.next(silence)? {
                Incoming::FromWorker { session, message } if session == self.session => {
                    return Ok(message.into());
                }
                Incoming::DetachedFromWorker { session } if session == self.session => {
                    return Err(Error::WorkerEnded);
                }
                _ => {}
            }
        }
    }
}

impl Drop for WorkerTransport<'_> {
    fn drop(&mut self) {
        // Lets go of all workers. If the connection is lost, the inspector has done so.
        let _ = self.main.send("NodeWorker.disable", json!({}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_of_a_worker_is_in_its_title() {
        for (title, thread) in [
            ("Worker 3", 3),
            ("[worker 12] pool 7", 12),
            ("[worker 1]", 1),
        ] {
            assert_eq!(thread_in(title), Some(thread));
        }
        assert_eq!(thread_in("worker"), None);
    }
}
