//! The messages of an inspector while it gives a snapshot, one a line. Whatever they are, the snapshot is what the chunks before
//! the reply hold, or there is an error.

#![no_main]

use std::collections::VecDeque;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use node_oom_heapdump::inspector::{Error, HeldIsolate, Peer, Session, Transport};
use serde_json::Value;
use tungstenite::Utf8Bytes;

/// The id of the request for the snapshot, the third one that is sent.
const SNAPSHOT_REQUEST: u64 = 3;

struct Messages<'a>(VecDeque<&'a str>);

impl Transport for &mut Messages<'_> {
    fn send(&mut self, _message: String) -> Result<(), Error> {
        Ok(())
    }

    fn receive(&mut self, _silence: Duration) -> Result<Utf8Bytes, Error> {
        let peer = Peer::Process(1);
        self.0
            .pop_front()
            .map(Utf8Bytes::from)
            .ok_or(Error::Closed { peer })
    }
}

fuzz_target!(|text: &str| {
    let mut messages = Messages(text.lines().collect());
    let mut session = Session::new(&mut messages);
    let mut isolate = HeldIsolate::new(&mut session);
    let mut snapshot = String::new();
    let taken = isolate.take_heap_snapshot(|chunk| {
        snapshot.push_str(chunk);
        Ok::<(), Error>(())
    });
    drop(isolate);
    if taken.is_ok() {
        assert_eq!(snapshot, chunks_before_the_reply(text));
    }
});

/// The same, by a reader of any JSON.
fn chunks_before_the_reply(text: &str) -> String {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or(Value::Null))
        .take_while(|message: &Value| message["id"] != SNAPSHOT_REQUEST)
        .filter(|message| message["id"].is_null())
        .filter(|message| message["method"] == "HeapProfiler.addHeapSnapshotChunk")
        .filter_map(|message| Some(message["params"]["chunk"].as_str()?.to_owned()))
        .collect()
}
