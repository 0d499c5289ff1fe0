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

    /// Lets the isolate run. A pause may still be on its way, or a `debugger` statement come by, so resume until the
    /// debugger is off.
    fn release(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + IO_THREAD_PATIENCE;
        let mut resume = self.paused;
        let mut disable = None;
        loop {
            if resume {
                self.session.send("Debugger.resume", json!({}))?;
            }
            let disable = match disable {
                Some(id) => id,
                None => *disable.insert(self.session.send("Debugger.disable", json!({}))?),
            };
            let message = self.next(deadline.saturating_duration_since(Instant::now()))?;
            if matches!(message, Incoming::Reply { id, .. } if id == disable) {
                return Ok(());
            }
            resume = message == Incoming::Paused;
        }
    }
}

const TAKE_HEAP_SNAPSHOT: &str = "HeapProfiler.takeHeapSnapshot";

impl<T: Transport> Drop for HeldIsolate<'_, T> {
    fn drop(&mut self) {
        // Only a lost connection can fail here, and an inspector that loses its client resumes the isolate itself.
        let _ = self.release();
    }
}
