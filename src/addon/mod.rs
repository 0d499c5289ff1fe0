//! The Node-API surface: what `index.js` calls. Options come in checked; numbers and sentences go out.
//!
//! It must know neither V8's layouts nor files. One isolate (the main thread or a worker) has at most one watch.

mod file_options;
#[cfg(feature = "bench")]
pub mod measurements;
pub mod on_demand;
#[cfg(all(feature = "oracle", target_os = "linux"))]
pub mod oracle;
mod told;
mod trust;

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use napi::CleanupEnvHook;
use napi::bindgen_prelude::{Env, Function, ObjectRef, Result};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;

use crate::heap;
use crate::memory_watch;
use crate::method::Method;
use crate::monitor::{Helper, Monitor, NoThread};
use crate::request::{FileOptions, InspectorAddress};
#[cfg(unix)]
use crate::signal_request;
use crate::v8::{Isolate, UnsupportedHost};
use crate::watch::limit::{LimitSources, old_generation_limit};
use crate::watch::{
    Announce, IsolateWatch, MemoryBound, Program, Rules, Settings, Watch, answer_on_this_thread,
    catch_fatal_errors,
};
use file_options::{WantedFiles, without_value, without_values};
use told::Told;
use trust::Trust;

/// What `index.js` knows of the process and of the user's wishes.
#[napi(object)]
pub struct ArmOptions {
    /// Percent of the old generation's limit, 1 to 99; absent for none.
    pub threshold: Option<u8>,
    /// The snapshot's path with its extension. A relative one is resolved against the working directory now.
    pub file: String,
    /// What else is wanted of the files.
    pub file_options: WantedFiles,
    /// The port to look for the inspector when none is active.
    pub port: u16,
    /// `worker_threads.threadId`.
    pub thread: u32,
    /// `auto`, `native` or `inspector`.
    pub method: String,
    /// The helper executable.
    pub helper: String,
    /// `process.execArgv`.
    pub exec_argv: Vec<String>,
    /// `process.env.NODE_OPTIONS`, empty when unset.
    pub node_options: String,
    /// `process.versions.node`.
    pub node_version: String,
    /// `process.versions.v8`.
    pub v8_version: String,
    /// The value of the script that [`self_test_probe`] gives.
    pub probe: ObjectRef<false>,
    /// `worker_threads.resourceLimits.maxYoungGenerationSizeMb` in a worker.
    pub worker_young_generation_mb: Option<f64>,
    /// The memory that Node tells V8 of, in bytes.
    pub memory: f64,
    /// The option `rss` in percent of what the control groups allow; absent for none. Of the main thread only.
    pub rss_percent: Option<f64>,
    /// The option `rss` in bytes of this process; absent for none. Of the main thread only.
    pub rss_bytes: Option<f64>,
    /// The number of the signal that asks for a dump; absent for none. Of the main thread only.
    pub signal: Option<i32>,
    /// How long a dying process is held for its dump, in milliseconds.
    pub timeout: f64,
    /// How many dumps are made of a process that is not dying.
    pub max_dumps: u32,
    /// Whether dumps are made that nobody asks for.
    pub heapdump_on_oom: bool,
    /// The time between such dumps, in milliseconds.
    pub cooldown: f64,
}

/// What the watch of this isolate has seen.
#[napi(object)]
pub struct WatchStatus {
    /// `native` or `inspector`.
    pub method: String,
    /// Why the native method is not used, where it was wanted.
    pub distrust: Option<String>,
    /// How large the old generation may become, in bytes.
    pub limit_bytes: f64,
    /// Bytes of the old generation in use now.
    pub used_bytes: f64,
    /// The complete files, oldest first.
    pub dumps: Vec<String>,
    /// Why the last dump failed.
    pub failure: Option<String>,
    /// The websocket address of the process's inspector, when it is known.
    pub inspector_url: Option<String>,
}

/// Why an isolate cannot be watched.
#[derive(Debug, thiserror::Error)]
enum ArmError {
    #[error(transparent)]
    Host(#[from] UnsupportedHost),
    #[error(transparent)]
    Thread(#[from] NoThread),
    #[error("the native method cannot be used: {0}; choose the method auto or inspector")]
    NoNativeMethod(String),
    #[error("the inspector cannot redact: choose the method native or auto, or leave `redact` out")]
    InspectorCannotRedact,
    #[error("only the native method can redact and it cannot be used: {0}")]
    NothingRedacts(String),
    #[error("another copy of node-oom-heapdump watches this thread already: load one copy only")]
    Armed,
    #[error(
        "the working directory cannot be read ({0}), so the dump's name cannot be resolved: give `name` as an absolute path"
    )]
    WorkingDirectory(std::io::Error),
}

impl From<ArmError> for napi::Error {
    fn from(error: ArmError) -> Self {
        napi::Error::from_reason(error.to_string())
    }
}

/// A watch, and what is needed to prepare its helper anew when the inspector's address becomes known.
struct Armed {
    /// Dropped by the environment's clean-up hook alone: a thread-local destructor would run after the isolate is gone.
    isolate: ManuallyDrop<Box<IsolateWatch>>,
    executable: PathBuf,
    thread: u32,
    file: PathBuf,
    file_options: FileOptions,
    port: u16,
    trust: Trust,
    /// Keeps the self-test's objects alive, and among the isolate's global handles. An environment that ends frees it.
    probe: ObjectRef<false>,
    /// What the environment calls at its end.
    end: Option<CleanupEnvHook<u32>>,
    /// Whether the inspector may serve where the heap reader fails.
    may_fall_back: bool,
}

thread_local! {
    static ARMED: RefCell<Option<Armed>> = const { RefCell::new(None) };
}

/// The inspector's address, process-wide: a worker has no `inspector.url()` of its own.
static INSPECTOR_URL: Mutex<Option<String>> = Mutex::new(None);

/// Begins to watch the isolate of the calling thread, and calls `tell` with what becomes of its dumps. Returns what cannot be
/// watched, in sentences.
#[napi]
pub fn arm(env: Env, options: ArmOptions, tell: Function<'_, Told, ()>) -> Result<Vec<String>> {
    let (thread, rss, signal) = (options.thread, memory_bound(&options), options.signal);
    let wake = waker(&env)?;
    let armed = watch_this_isolate(options, wake, announcer(&tell)?)?;
    let end = env.add_env_cleanup_hook(thread, disarm)?;
    ARMED.with_borrow_mut(|slot| {
        *slot = Some(Armed {
            end: Some(end),
            ..armed
        })
    });
    let mut failures = Vec::new();
    let mut note = |failure: Option<String>| failures.extend(failure);
    note(
        Isolate::current()
            .ok()
            .and_then(|isolate| sentence(catch_fatal_errors(isolate))),
    );
    note(rss.and_then(|bound| sentence(memory_watch::start(bound))));
    note(signal.and_then(|signal| sentence(listen_to(signal))));
    Ok(failures)
}

fn sentence(result: std::result::Result<(), impl std::fmt::Display>) -> Option<String> {
    result.err().map(|error| error.to_string())
}

/// Puts the signal's handler in front of those that the program has added or removed.
#[napi]
pub fn chain_signal(signal: i32) -> Result<()> {
    #[cfg(unix)]
    signal_request::chain(signal).map_err(|error| napi::Error::from_reason(error.to_string()))?;
    #[cfg(not(unix))]
    let _ = signal;
    Ok(())
}

#[cfg(unix)]
fn listen_to(signal: i32) -> std::result::Result<(), signal_request::SignalError> {
    signal_request::listen(signal)
}

#[cfg(not(unix))]
fn listen_to(_signal: i32) -> std::result::Result<(), &'static str> {
    Err("no signal can ask for a dump on this system: call createHeapSnapshot")
}

fn memory_bound(options: &ArmOptions) -> Option<MemoryBound> {
    let bytes = options
        .rss_bytes
        .map(|bytes| MemoryBound::Bytes(bytes as u64));
    options.rss_percent.map(MemoryBound::Percent).or(bytes)
}

/// Has the event loop of the calling thread look whether a dump was asked for. It keeps no process alive.
fn waker(env: &Env) -> Result<Box<dyn Fn() + Send + Sync>> {
    let answer = env.create_function_from_closure::<(), (), _>("answer", |_| {
        answer_on_this_thread();
        Ok(())
    })?;
    let wake = answer
        .build_threadsafe_function::<()>()
        .weak::<true>()
        .build()?;
    Ok(Box::new(move || {
        // An environment that is ending has no dump to make any more.
        wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
    }))
}

/// Has the event loop of the calling thread hear what becomes of its dumps. It keeps no process alive.
fn announcer(tell: &Function<'_, Told, ()>) -> Result<Announce> {
    let tell = tell
        .build_threadsafe_function::<Told>()
        .weak::<true>()
        .build()?;
    Ok(Box::new(move |news| {
        // An environment that is ending hears nothing any more.
        tell.call(news.into(), ThreadsafeFunctionCallMode::NonBlocking);
    }))
}

/// The script whose value the self-test reads back.
#[napi]
pub fn self_test_probe() -> &'static str {
    heap::self_test::PROBE
}

/// Tells the address of the process's inspector, or that it has none.
#[napi]
pub fn set_inspector_url(url: Option<String>) -> Result<()> {
    *INSPECTOR_URL.lock().unwrap_or_else(PoisonError::into_inner) = url;
    ARMED
        .with_borrow_mut(|slot| slot.as_ref().map_or(Ok(()), Armed::prepare_helper))
        .map_err(Into::into)
}

/// What the watch of the calling thread has seen; `null` where nothing is watched.
#[napi]
pub fn watch_status() -> Option<WatchStatus> {
    ARMED.with_borrow(|slot| slot.as_ref().map(Armed::status))
}

fn watch_this_isolate(
    options: ArmOptions,
    wake: Box<dyn Fn() + Send + Sync>,
    announce: Announce,
) -> std::result::Result<Armed, ArmError> {
    if ARMED.with_borrow(Option::is_some) {
        return Err(ArmError::Armed);
    }
    let isolate = Isolate::current()?;
    let monitor = Monitor::of_this_process()?;
    let file = std::path::absolute(&options.file).map_err(ArmError::WorkingDirectory)?;
    let limit = old_generation_limit(&LimitSources {
        exec_argv: &options.exec_argv,
        node_options: &options.node_options,
        v8_version: &options.v8_version,
        heap_size_limit: isolate.heap_size_limit(),
        worker_young_generation_mb: options.worker_young_generation_mb,
        memory: options.memory as u64,
    });
    let milliseconds = |milliseconds: f64| Duration::from_millis(milliseconds as u64);
    let rules = Rules {
        timeout: milliseconds(options.timeout),
        max_dumps: options.max_dumps,
        only_on_request: !options.heapdump_on_oom,
        cooldown: milliseconds(options.cooldown),
    };
    let redacts = options.file_options.redact;
    let (exec_argv, node_options) = match redacts {
        true => (
            options
                .exec_argv
                .iter()
                .map(|option| without_value(option))
                .collect(),
            without_values(&options.node_options),
        ),
        false => (options.exec_argv.clone(), options.node_options.clone()),
    };
    let settings = Settings {
        thread: options.thread,
        limit,
        threshold: options.threshold,
        rules,
        program: Program {
            node_version: options.node_version.clone(),
            v8_version: options.v8_version.clone(),
            exec_argv,
            node_options,
        },
    };
    let watch = Watch::new(settings, monitor.watches(), announce);
    let trust = Trust::of(isolate, &options)?;
    let armed = Armed {
        isolate: ManuallyDrop::new(IsolateWatch::install(isolate, watch, trust.dumper(), wake)),
        executable: options.helper.into(),
        thread: options.thread,
        file,
        file_options: options
            .file_options
            .with_timeout(milliseconds(options.timeout)),
        port: options.port,
        trust,
        probe: options.probe,
        end: None,
        may_fall_back: options.method != Method::Native.name() && !redacts,
    };
    armed.prepare_helper()?;
    Ok(armed)
}

/// Ceases to watch the isolate of the calling thread. A dump that is being made is completed.
#[napi]
pub fn stop(env: Env) -> Result<()> {
    let Some(armed) = ARMED.with_borrow_mut(Option::take) else {
        return Ok(());
    };
    if armed.thread == MAIN_THREAD {
        memory_watch::stop();
        #[cfg(unix)]
        signal_request::stop();
    }
    let (end, probe) = armed.cease();
    if let Some(end) = end {
        env.remove_env_cleanup_hook(end)?;
    }
    probe.unref(&env)
}

/// Node's `threadId` of the main thread.
const MAIN_THREAD: u32 = 0;

/// Runs on the isolate's thread, when its environment ends and the isolate is still alive.
fn disarm(_thread: u32) {
    if let Some(armed) = ARMED.with_borrow_mut(Option::take) {
        armed.cease();
    }
}

impl Armed {
    /// Removes every callback. Returns what is the environment's.
    fn cease(self) -> (Option<CleanupEnvHook<u32>>, ObjectRef<false>) {
        drop(ManuallyDrop::into_inner(self.isolate));
        if let Ok(monitor) = Monitor::of_this_process() {
            monitor.dismiss(self.thread);
        }
        (self.end, self.probe)
    }

    fn prepare_helper(&self) -> std::result::Result<(), ArmError> {
        Monitor::of_this_process()?.prepare(self.thread, self.helper_for(&self.file));
        Ok(())
    }

    fn helper_for(&self, file: &Path) -> Helper {
        let url = inspector_url();
        let may_ask_inspector = self.may_fall_back && url.is_some();
        let inspector = url.map_or(InspectorAddress::Port(self.port), InspectorAddress::Url);
        let isolate = (std::process::id(), self.thread);
        Helper::new(
            &self.executable,
            &inspector,
            isolate,
            file,
            &self.file_options,
            may_ask_inspector,
        )
    }

    fn status(&self) -> WatchStatus {
        let watch = self.isolate.watch();
        let outcome = watch.outcome();
        WatchStatus {
            method: self.trust.method().name().to_owned(),
            distrust: self.trust.why_not_native().map(str::to_owned),
            limit_bytes: watch.limit as f64,
            used_bytes: self.isolate.used_now() as f64,
            dumps: outcome
                .files
                .iter()
                .map(|file| file.to_string_lossy().into_owned())
                .collect(),
            failure: outcome.failure,
            inspector_url: inspector_url(),
        }
    }
}

/// Calls `measure` with the heap reader of the calling thread's isolate.
#[cfg(any(feature = "bench", feature = "oracle"))]
fn with_reader<R>(
    measure: impl FnOnce(&Armed, &crate::native::HeapReader) -> std::result::Result<R, String>,
) -> Result<R> {
    ARMED.with_borrow(|slot| {
        let armed = slot.as_ref();
        match armed.and_then(|armed| Some((armed, armed.trust.reader()?))) {
            Some((armed, reader)) => measure(armed, reader).map_err(napi::Error::from_reason),
            None => Err(napi::Error::from_reason("the heap reader is not in use")),
        }
    })
}

fn inspector_url() -> Option<String> {
    INSPECTOR_URL
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}
