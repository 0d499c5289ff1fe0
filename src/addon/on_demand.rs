//! What the program asks for while it runs: a heap snapshot, and the self-test of the heap reader.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use napi::bindgen_prelude::{Env, Object, Result};
use napi_derive::napi;

use super::{ARMED, ArmError, Armed};
use crate::message::tell;
use crate::metadata;
use crate::method::Method;
use crate::monitor::{
    Helper, HelperError, NoThread, RunningHelper, Snapshot, spawn_without_signals,
};
use crate::native;
use crate::summary::{DumpMetadata, Reason};
use crate::watch::{ChildEnd, CompleteDump};

/// Has a frozen child read the self-test's objects back. The promise gives why the native method is not used from now on, or
/// `null`.
#[napi(ts_return_type = "Promise<string | null>")]
pub fn self_test(env: &Env) -> Result<Object<'_>> {
    let (deferred, promise) = env.create_deferred::<Option<String>, _>()?;
    ARMED.with_borrow(|slot| {
        if let Some(reader) = slot.as_ref().and_then(|armed| armed.trust.reader()) {
            native::trust::begin_self_test(reader);
        }
    });
    spawn_without_signals("oom-heapdump", move || {
        let failure = native::trust::finish_self_test().map(str::to_owned);
        deferred.resolve(move |_| Ok(failure));
    })
    .map_err(|error| reason(NoThread::from(error)))?;
    Ok(promise)
}

/// Takes a heap snapshot of the calling thread's isolate now; the application goes on. The promise gives the path as soon as the
/// file is complete: it does not wait for the program of the option `exec`.
#[napi(ts_return_type = "Promise<string>")]
pub fn create_heap_snapshot<'env>(env: &'env Env, file: Option<String>) -> Result<Object<'env>> {
    let (deferred, promise) = env.create_deferred::<String, _>()?;
    ARMED.with_borrow(|slot| -> Result<()> {
        let armed = slot
            .as_ref()
            .ok_or_else(|| napi::Error::from_reason("nothing is watched on this thread"))?;
        let file = match file {
            Some(file) => std::path::absolute(file).map_err(ArmError::WorkingDirectory)?,
            None => armed.file.clone(),
        };
        let begun = Begun::begin(armed, &file)?;
        let watch = Arc::clone(armed.isolate.watch());
        spawn_without_signals("oom-heapdump", move || match begun.complete() {
            Ok((dump, helper)) => {
                let path = dump.file.to_string_lossy().into_owned();
                watch.snapshot_completed(dump);
                deferred.resolve(move |_| Ok(path));
                helper.wait();
                watch.dump.helper_ended();
            }
            Err(error) => deferred.reject(reason(error)),
        })
        .map_err(|error| reason(NoThread::from(error)))?;
        Ok(())
    })?;
    Ok(promise)
}

/// A dump that was asked for and is being made.
struct Begun {
    /// Starts anew where the heap reader fails and the inspector may serve.
    helper: Helper,
    running: RunningHelper,
    child: Option<Box<dyn ChildEnd>>,
    method: Method,
    metadata: DumpMetadata,
    start: Instant,
    pause: Option<Duration>,
}

impl Begun {
    fn begin(armed: &Armed, file: &Path) -> Result<Begun> {
        let start = Instant::now();
        let mut helper = armed.helper_for(file);
        let metadata = metadata::gather(Reason::Request, armed.isolate.watch());
        let (method, (running, child)) = match armed.trust.reader() {
            Some(reader) => {
                let begun = reader.begin(&mut helper, &metadata);
                (Method::Native, begun.map_err(reason)?)
            }
            None => {
                let running = helper.ask_inspector(&metadata).map_err(reason)?;
                (Method::Inspector, (running, None))
            }
        };
        Ok(Begun {
            helper,
            running,
            child,
            method,
            metadata,
            start,
            pause: (method == Method::Native).then(|| start.elapsed()),
        })
    }

    /// Waits for the file. Its helper may still have something to do with it.
    fn complete(mut self) -> std::result::Result<(CompleteDump, RunningHelper), HelperError> {
        // The child is gone before the promise is kept, so that the next dump finds its place free.
        if let Some(child) = self.child {
            child.wait();
        }
        let is_native = self.method == Method::Native;
        let snapshot = match self.running.hear_of_snapshot(|| {}) {
            Err(error) if is_native && error.is_of_source() && self.helper.may_ask_inspector() => {
                if !error.was_told() {
                    tell(&error.to_string());
                }
                tell("the inspector is asked for the heap snapshot instead");
                self.method = Method::Inspector;
                self.running = self.helper.ask_inspector(&self.metadata)?;
                self.running.hear_of_snapshot(|| {})
            }
            result => result,
        };
        let Snapshot { file, bytes } = snapshot?;
        let dump = CompleteDump {
            file,
            bytes,
            reason: Reason::Request,
            method: self.method,
            pause: self.pause.filter(|_| self.method == Method::Native),
            duration: self.start.elapsed(),
        };
        Ok((dump, self.running))
    }
}

fn reason(error: impl std::fmt::Display) -> napi::Error {
    napi::Error::from_reason(error.to_string())
}
