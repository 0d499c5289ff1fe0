//! What `index.js` is told of a dump, as an object of JavaScript.

use napi_derive::napi;

use crate::watch::{CompleteDump, News};

/// What became of one dump: `failure`, or everything else.
#[napi(object)]
#[derive(Default)]
pub struct Told {
    /// Why there is no snapshot.
    pub failure: Option<String>,
    /// Where it is.
    pub path: Option<String>,
    /// What called for it: `threshold`, `near-heap-limit`, `out-of-memory`, `rss`, `signal` or `request`.
    pub reason: Option<String>,
    /// `native` or `inspector`.
    pub method: Option<String>,
    /// The size of the file.
    pub bytes: Option<f64>,
    /// How long the thread stood still, in milliseconds; absent where that is not known.
    pub pause_ms: Option<f64>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<f64>,
}

impl From<News> for Told {
    fn from(news: News) -> Told {
        match news {
            News::Failed(reason) => Told {
                failure: Some(reason),
                ..Told::default()
            },
            News::Complete(dump) => dump.into(),
        }
    }
}

impl From<CompleteDump> for Told {
    fn from(dump: CompleteDump) -> Told {
        let milliseconds = |duration: std::time::Duration| duration.as_secs_f64() * 1000.0;
        Told {
            failure: None,
            path: Some(dump.file.to_string_lossy().into_owned()),
            reason: Some(dump.reason.name().to_owned()),
            method: Some(dump.method.name().to_owned()),
            bytes: Some(dump.bytes as f64),
            pause_ms: dump.pause.map(milliseconds),
            duration_ms: Some(milliseconds(dump.duration)),
        }
    }
}
