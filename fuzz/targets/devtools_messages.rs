//! The messages of an inspector while it gives a snapshot, one a line. Whatever they are, the snapshot is what the chunks before
//! the reply hold, or there is an error.

#![no_main]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use node_oom_heapdump::inspector::{Error, HeldIsolate, Peer, Session, Transport};
use serde_json::Value;
use serde_json::value::RawValue;
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

/// The same, by a reader of any JSON. What a message has no use for is not looked into: it may be a number beyond any range.
fn chunks_before_the_reply(text: &str) -> String {
    text.lines()
        .map(fields)
        .take_while(|message| value(message, "id") != SNAPSHOT_REQUEST)
        .filter(|message| value(message, "id").is_null())
        .filter(|message| value(message, "method") == "HeapProfiler.addHeapSnapshotChunk")
        .filter_map(|message| {
            let parameters = fields(message.get("params")?.get());
            Some(value(&parameters, "chunk").as_str()?.to_owned())
        })
        .collect()
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

fn fields(object: &str) -> Fields<'_> {
    serde_json::from_str(object).unwrap_or_default()
}

fn value(fields: &Fields, name: &str) -> Value {
    let field = fields.get(name);
    field.map_or(Value::Null, |raw| {
        serde_json::from_str(raw.get()).unwrap_or_default()
    })
}
