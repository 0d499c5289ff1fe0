//! What an isolate spends its time on, as V8's sampling profiler sees it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Error, Session, Transport};

/// Records for `duration` and returns the profile in the form of a `.cpuprofile`, which DevTools opens: the type
/// `Profiler.Profile` of the protocol.
///
/// # Errors
/// Those of the protocol.
pub fn record_cpu_profile(
    session: &mut Session<impl Transport>,
    duration: Duration,
) -> Result<Value, Error> {
    session.request("Profiler.enable", json!({}))?;
    session.request("Profiler.start", json!({}))?;
    session.listen_for(duration)?;
    let mut result = session.request(STOP, json!({}))?;
    session.request("Profiler.disable", json!({}))?;
    match result.get_mut("profile") {
        Some(profile) => Ok(profile.take()),
        None => Err(Error::Refused {
            method: STOP,
            reason: "it sent no profile".into(),
        }),
    }
}

const STOP: &str = "Profiler.stop";
