//! A heap snapshot of an isolate that stands still until its file is safe.

use std::time::{Duration, Instant};

use serde_json::json;

use super::protocol::Incoming;
use super::{Error, IO_THREAD_PATIENCE, ISOLATE_PATIENCE, Session, Transport};

/// An isolate under the debugger. It runs again when this is dropped.
///
/// A process that is out of memory dies as soon as it goes on. It is therefore held until the file is complete.
pub struct HeldIsolate<'a, T: Transport> {
    session: &'a mut Session<T>,
    paused: bool,
}

impl<'a, T: Transport> HeldIsolate<'a, T> {
    /// Takes hold of the isolate behind `session`; it is paused at the latest when its snapshot has been taken.
    pub fn new(session: &'a mut Session<T>) -> HeldIsolate<'a, T> {
        HeldIsolate {
            session,
            paused: false,
        }
    }

    /// Takes a heap snapshot and gives its JSON to `write`, piece by piece. It is complete when this returns.
    ///
    /// # Errors
    /// Those of the protocol, and whatever `write` returns.
    pub fn take_heap_snapshot<E: From<Error>>(
        &mut self,
        mut write: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        // All four are sent before any reply is awaited. Since Node 22 (V8 12.4, v8-heap-profiler-agent-impl.cc) the
        // snapshot is a task of the event loop, which a loop that never yields never reaches; but such a task also runs
        // while the debugger has paused the isolate, and a pause reaches every loop.
        let requests = [
            ("Debugger.enable", json!({})),
            ("HeapProfiler.enable", json!({})),
            // Progress reports crash some versions of Node.
            (TAKE_HEAP_SNAPSHOT, json!({ "reportProgress": false })),
            ("Debugger.pause", json!({})),
        ];
        let mut pending = Vec::with_capacity(requests.len());
        for (method, parameters) in requests {
            pending.push((self.session.send(method, parameters)?, method));
        }
        loop {
            match self.next(ISOLATE_PATIENCE)? {
                Incoming::Chunk(chunk) => write(&chunk)?,
                Incoming::Reply { id, result } => {
                    let Some(&(_, method)) = pending.iter().find(|(of, _)| *of == id) else {
                        continue;
                    };
                    result.map_err(|reason| Error::Refused { method, reason })?;
                    if method == TAKE_HEAP_SNAPSHOT {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
    }

    /// The next message; keeps the books on whether the isolate stands still.
    fn next(&mut self, silence: Duration) -> Result<Incoming, Error> {
        let message = self.session.next(silence)?;
        match message {
            Incoming::Paused => self.paused = true,
            Incoming::Resumed => self.paused = false,
            _ => {}
        }
        Ok(message)
    }

    /// Lets the isolate run. Our own pause may still be on its way, or a `debugger` statement come by, so whatever
    /// pauses it is resumed until the debugger is off.
    fn release(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + IO_THREAD_PATIENCE;
        if self.paused {
            self.session.send(RESUME, json!({}))?;
        }
        let disable = self.session.send("Debugger.disable", json!({}))?;
        loop {
            match self.next(deadline.saturating_duration_since(Instant::now()))? {
                Incoming::Reply { id, .. } if id == disable => return Ok(()),
                Incoming::Paused => drop(self.session.send(RESUME, json!({}))?),
                _ if Instant::now() >= deadline => return Ok(()),
                _ => {}
            }
        }
    }
}

const RESUME: &str = "Debugger.resume";
const TAKE_HEAP_SNAPSHOT: &str = "HeapProfiler.takeHeapSnapshot";

impl<T: Transport> Drop for HeldIsolate<'_, T> {
    fn drop(&mut self) {
        // Where this fails or ends early, the connection is closed next, and an inspector that loses its client resumes
        // the isolate itself.
        let _ = self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Peer;
    use super::*;
    use std::collections::VecDeque;
    use tungstenite::Utf8Bytes;

    /// The other side of a conversation, in the words of Node 24.
    struct Recording {
        incoming: VecDeque<&'static str>,
        sent: Vec<String>,
    }

    impl Transport for &mut Recording {
        fn send(&mut self, message: String) -> Result<(), Error> {
            let message: serde_json::Value = serde_json::from_str(&message)?;
            self.sent
                .push(message["method"].as_str().unwrap_or_default().to_owned());
            Ok(())
        }

        fn receive(&mut self, _silence: Duration) -> Result<Utf8Bytes, Error> {
            self.incoming
                .pop_front()
                .map(Utf8Bytes::from)
                .ok_or(Error::Closed {
                    peer: Peer::Process(1),
                })
        }
    }

    const PAUSED: &str =
        r#"{"method":"Debugger.paused","params":{"callFrames":[],"reason":"other"}}"#;
    const CHUNK: &str = r#"{"method":"HeapProfiler.addHeapSnapshotChunk","params":{"chunk":"{}"}}"#;
    const SNAPSHOT_TAKEN: &str = r#"{"id":3,"result":{}}"#;
    const DISABLED: &str = r#"{"id":6,"result":{}}"#;
    const REQUESTS: [&str; 4] = [
        "Debugger.enable",
        "HeapProfiler.enable",
        "HeapProfiler.takeHeapSnapshot",
        "Debugger.pause",
    ];
    const RELEASE: [&str; 2] = ["Debugger.resume", "Debugger.disable"];

    /// Takes a snapshot and lets go; returns its chunks, or the error, and what was sent until and after that.
    fn take(
        incoming: &[&'static str],
        write: impl Fn() -> Result<(), Error>,
    ) -> (Result<String, Error>, Vec<String>, Vec<String>) {
        let mut recording = Recording {
            incoming: incoming.iter().copied().collect(),
            sent: Vec::new(),
        };
        let mut session = Session::new(&mut recording);
        let mut chunks = String::new();
        let mut isolate = HeldIsolate::new(&mut session);
        let result = isolate.take_heap_snapshot(|chunk| {
            chunks.push_str(chunk);
            write()
        });
        drop(isolate);
        let after = recording.sent.split_off(REQUESTS.len());
        (result.map(|()| chunks), recording.sent, after)
    }

    #[test]
    fn the_pause_is_asked_for_behind_the_snapshot_and_before_any_reply() {
        let (result, sent, _) = take(&[], || Ok(()));
        assert!(matches!(result, Err(Error::Closed { .. })));
        assert_eq!(sent, REQUESTS);
    }

    #[test]
    fn a_snapshot_ends_with_the_reply_to_its_request() {
        let (chunks, _, _) = take(
            &[
                CHUNK,
                r#"{"id":1,"result":{}}"#,
                CHUNK,
                SNAPSHOT_TAKEN,
                CHUNK,
            ],
            || Ok(()),
        );
        assert_eq!(chunks.unwrap(), "{}{}");
    }

    #[test]
    fn a_paused_isolate_is_resumed() {
        let (_, _, after) = take(&[PAUSED, CHUNK, SNAPSHOT_TAKEN, DISABLED], || Ok(()));
        assert_eq!(after, RELEASE);
    }

    #[test]
    fn a_paused_isolate_is_resumed_when_its_snapshot_cannot_be_written() {
        let (result, _, after) = take(&[PAUSED, CHUNK, DISABLED], || Err(Error::WorkerEnded));
        assert!(matches!(result, Err(Error::WorkerEnded)));
        assert_eq!(after, RELEASE);
    }

    #[test]
    fn a_pause_that_comes_late_is_resumed_too() {
        let (_, _, after) = take(
            &[CHUNK, SNAPSHOT_TAKEN, PAUSED, r#"{"id":5,"result":{}}"#],
            || Ok(()),
        );
        assert_eq!(after, ["Debugger.disable", "Debugger.resume"]);
    }

    #[test]
    fn a_refused_request_is_named() {
        let (result, _, _) = take(&[r#"{"error":{"message":"no"},"id":2}"#], || Ok(()));
        assert!(
            result
                .unwrap_err()
                .to_string()
                .contains("HeapProfiler.enable: no")
        );
    }
}
