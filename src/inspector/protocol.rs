//! The messages of the DevTools protocol that a dump needs; all others are [`Incoming::Other`].
//!
//! Domains `Debugger`, `HeapProfiler` and `Runtime` are V8's (src/inspector/*.pdl), `NodeWorker` is Node's
//! (src/inspector/node_protocol.pdl).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

/// What the inspector sends.
#[derive(Debug, PartialEq)]
pub enum Incoming {
    /// The answer to the request of this id: its result, or why it was refused.
    Reply {
        id: u64,
        result: Result<Value, String>,
    },
    /// `HeapProfiler.addHeapSnapshotChunk`: the next 100 kB (Node 18 to 22) or 1 MB of the snapshot.
    Chunk(String),
    /// `Debugger.paused`: the isolate stands still.
    Paused,
    /// `Debugger.resumed`: it goes on.
    Resumed,
    /// `NodeWorker.attachedToWorker`: a session inside a worker, whose title holds its `threadId`.
    AttachedToWorker { session: String, title: String },
    /// `NodeWorker.detachedFromWorker`: the worker ended.
    DetachedFromWorker { session: String },
    /// `NodeWorker.receivedMessageFromWorker`: a whole message of that session.
    FromWorker { session: String, message: String },
    /// Any event that a dump does not need, such as `Debugger.scriptParsed`.
    Other,
}

/// One flat shape for all messages, so that a chunk is parsed in one pass and copied once.
#[derive(Deserialize)]
struct Message<'a> {
    id: Option<u64>,
    #[serde(borrow, default)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Parameters<'a>,
    #[serde(default)]
    result: Value,
    error: Option<Refusal>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Parameters<'a> {
    #[serde(borrow)]
    chunk: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    session_id: String,
    worker_info: WorkerInfo,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WorkerInfo {
    title: String,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// Reads one message.
pub fn parse(text: &str) -> serde_json::Result<Incoming> {
    let Message {
        id,
        method,
        params,
        result,
        error,
    } = serde_json::from_str(text)?;
    if let Some(id) = id {
        let result = error.map_or(Ok(result), |refusal| Err(refusal.message));
        return Ok(Incoming::Reply { id, result });
    }
    let session = params.session_id;
    Ok(match method.as_ref() {
        "HeapProfiler.addHeapSnapshotChunk" => Incoming::Chunk(params.chunk.into_owned()),
        "Debugger.paused" => Incoming::Paused,
        "Debugger.resumed" => Incoming::Resumed,
        "NodeWorker.attachedToWorker" => Incoming::AttachedToWorker {
            session,
            title: params.worker_info.title,
        },
        "NodeWorker.detachedFromWorker" => Incoming::DetachedFromWorker { session },
        "NodeWorker.receivedMessageFromWorker" => Incoming::FromWorker {
            session,
            message: params.message.into_owned(),
        },
        _ => Incoming::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_unescaped() {
        let text = r#"{"method":"HeapProfiler.addHeapSnapshotChunk","params":{"chunk":"{\"a\":\n\"\\u00e4\"}"}}"#;
        assert_eq!(
            parse(text).unwrap(),
            Incoming::Chunk("{\"a\":\n\"\\u00e4\"}".into())
        );
    }

    #[test]
    fn a_reply_has_its_result_or_the_reason() {
        let granted = parse(r#"{"id":3,"result":{"debuggerId":"7"}}"#).unwrap();
        assert_eq!(
            granted,
            Incoming::Reply {
                id: 3,
                result: Ok(serde_json::json!({"debuggerId": "7"}))
            }
        );
        let refused =
            parse(r#"{"error":{"code":-32601,"message":"'X.y' wasn't found"},"id":4}"#).unwrap();
        assert_eq!(
            refused,
            Incoming::Reply {
                id: 4,
                result: Err("'X.y' wasn't found".into())
            }
        );
    }

    #[test]
    fn an_event_without_use_is_passed_over() {
        let text = r#"{"method":"Debugger.scriptParsed","params":{"scriptId":"1","url":"file:///x.js","isModule":false}}"#;
        assert_eq!(parse(text).unwrap(), Incoming::Other);
    }

    #[test]
    fn a_number_beyond_any_range_is_passed_over_where_it_has_no_use() {
        let text = r#"{"id":3,"red":833888888E88888888443}"#;
        let reply = Incoming::Reply {
            id: 3,
            result: Ok(Value::Null),
        };
        assert_eq!(parse(text).unwrap(), reply);
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for text in ["", "hello", "[1]", "{\"id\":\"x\"}"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
