//! The Node-API surface: what `index.js` calls. Options come in checked; numbers and sentences go out.
//!
//! It must know neither V8's layouts nor files. One isolate (the main thread or a worker) has at most one watch.

#[cfg(all(feature = "oracle", target_os = "linux"))]
pub mod oracle;

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{Env, Object, ObjectRef, Result};
use napi_derive::napi;

#[cfg(target_os = "linux")]
use crate::freeze::{self, FreezeError, Frozen, Way};
use crate::heap;
use crate::method::{InspectorDumper, Method};
use crate::monitor::{
    Helper, HelperError, Monitor, NoThread, RunningHelper, spawn_without_signals,
};
#[cfg(target_os = "linux")]
use crate::native::{HeapReader, trust};
use crate::request::InspectorAddress;
use crate::v8::{Isolate, UnsupportedHost};
use crate::watch::limit::{LimitSources, old_generation_limit};
use crate::watch::{ChildEnd, Dumper, IsolateWatch, Watch};

/// What `index.js` knows of the process and of the user's wishes.
#[napi(object)]
pub struct ArmOptions {
    /// Percent of the old generation's limit, 1 to 99; absent for none.
    pub threshold: Option<u8>,
    /// The snapshot's path with its extension. A relative one is resolved against the working directory now.
    pub file: String,
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
    /// `process.versions.v8`.
    pub v8_version: String,
    /// The value of the script that [`self_test_probe`] gives.
    pub probe: ObjectRef<false>,
    /// `worker_threads.resourceLimits.maxYoungGenerationSizeMb` in a worker.
    pub worker_young_generation_mb: Option<f64>,
    /// The memory that Node tells V8 of, in bytes.
    pub memory: f64,
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

/// Why a dump that was asked for cannot begin.
#[derive(Debug, thiserror::Error)]
enum OnDemandError {
    #[error(transparent)]
    Helper(#[from] HelperError),
    #[cfg(target_os = "linux")]
    #[error("no heap snapshot: {0}")]
    Freeze(#[from] FreezeError),
    #[cfg(target_os = "linux")]
    #[error("no heap snapshot: no pipe can be made ({0}); raise the limit of open files")]
    Pipe(std::io::Error),
}

impl From<OnDemandError> for napi::Error {
    fn from(error: OnDemandError) -> Self {
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
    port: u16,
    trust: Trust,
    /// Keeps the self-test's objects alive, and among the isolate's global handles. The environment frees it.
    _probe: ObjectRef<false>,
    /// Whether the inspector may serve where the heap reader fails.
    may_fall_back: bool,
}

/// Whether the heap reader is used for this isolate.
enum Trust {
    #[cfg(target_os = "linux")]
    Native(HeapReader),
    /// The inspector is used. The sentence says why, unless it was asked for.
    Inspector(Option<String>),
}

thread_local! {
    static ARMED: RefCell<Option<Armed>> = const { RefCell::new(None) };
}

/// The inspector's address, process-wide: a worker has no `inspector.url()` of its own.
static INSPECTOR_URL: Mutex<Option<String>> = Mutex::new(None);

/// Begins to watch the isolate of the calling thread.
#[napi]
pub fn arm(env: Env, options: ArmOptions) -> Result<()> {
    let thread = options.thread;
    let armed = watch_this_isolate(options)?;
    ARMED.with_borrow_mut(|slot| *slot = Some(armed));
    env.add_env_cleanup_hook(thread, disarm)?;
    Ok(())
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

fn watch_this_isolate(options: ArmOptions) -> std::result::Result<Armed, ArmError> {
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
    let watch = Watch::new(options.thread, limit, options.threshold, monitor.alarms());
    let trust = Trust::of(isolate, &options)?;
    let armed = Armed {
        isolate: ManuallyDrop::new(IsolateWatch::install(isolate, watch, trust.dumper())),
        executable: options.helper.into(),
        thread: options.thread,
        file,
        port: options.port,
        trust,
        _probe: options.probe,
        may_fall_back: options.method != Method::Native.name(),
    };
    armed.prepare_helper()?;
    Ok(armed)
}

/// Runs on the isolate's thread, when its environment ends and the isolate is still alive.
fn disarm(thread: u32) {
    if let Some(armed) = ARMED.with_borrow_mut(Option::take) {
        drop(ManuallyDrop::into_inner(armed.isolate));
    }
    if let Ok(monitor) = Monitor::of_this_process() {
        monitor.dismiss(thread);
    }
}

impl Armed {
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

impl Trust {
    /// Freezes the process for the self-test. A refusal, such as while a dump is made, is no verdict.
    #[cfg(target_os = "linux")]
    fn freeze_for_self_test(&self) -> Option<Frozen> {
        match self {
            Trust::Native(reader) => reader.self_test_frozen().ok(),
            Trust::Inspector(_) => None,
        }
    }

    /// Begins a dump that was asked for. The helper runs before the process is frozen: where only the shared way is open,
    /// somebody must empty the pipe meanwhile.
    fn begin_on_demand(&self, mut helper: Helper) -> std::result::Result<Begun, OnDemandError> {
        match self {
            #[cfg(target_os = "linux")]
            Trust::Native(reader) if trust::distrust().is_none() => {
                if freeze::is_busy() {
                    return Err(FreezeError::Busy.into());
                }
                let (pipe, output) = crate::native::pipe().map_err(OnDemandError::Pipe)?;
                let helper = helper.start(Some(pipe))?;
                // A refusal goes through the pipe to the helper, whose answer rejects the promise.
                let reading = reader.read_frozen(Way::CopyOnWrite, output).ok();
                Ok(Begun {
                    helper,
                    child: reading.map(|reading| Box::new(reading) as _),
                })
            }
            _ => Ok(Begun {
                helper: helper.start(None)?,
                child: None,
            }),
        }
    }

    fn of(isolate: Isolate, options: &ArmOptions) -> std::result::Result<Trust, ArmError> {
        if options.method == Method::Inspector.name() {
            return Ok(Trust::Inspector(None));
        }
        match heap_reader(isolate, &options.v8_version) {
            #[cfg(target_os = "linux")]
            Ok(reader) => Ok(Trust::Native(reader)),
            Err(reason) if options.method == Method::Native.name() => {
                Err(ArmError::NoNativeMethod(reason))
            }
            Err(reason) => Ok(Trust::Inspector(Some(reason))),
            #[cfg(not(target_os = "linux"))]
            Ok(never) => match never {},
        }
    }

    fn dumper(&self) -> Box<dyn Dumper> {
        match self {
            #[cfg(target_os = "linux")]
            Trust::Native(reader) => Box::new(crate::method::NativeDumper { reader: *reader }),
            Trust::Inspector(_) => Box::new(InspectorDumper),
        }
    }

    fn method(&self) -> Method {
        match self {
            #[cfg(target_os = "linux")]
            Trust::Native(_) if trust::distrust().is_none() => Method::Native,
            #[cfg(target_os = "linux")]
            Trust::Native(_) => Method::Inspector,
            Trust::Inspector(_) => Method::Inspector,
        }
    }

    fn why_not_native(&self) -> Option<&str> {
        match self {
            Trust::Inspector(reason) => reason.as_deref(),
            #[cfg(target_os = "linux")]
            Trust::Native(_) => trust::distrust(),
        }
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn heap_reader(isolate: Isolate, v8_version: &str) -> std::result::Result<HeapReader, String> {
    HeapReader::new(isolate, v8_version).map_err(|distrust| distrust.to_string())
}

#[cfg(all(target_os = "linux", not(target_arch = "x86_64")))]
fn heap_reader(_: Isolate, _: &str) -> std::result::Result<HeapReader, String> {
    Err("the heap reader is proven on Linux x64 only".to_owned())
}

#[cfg(not(target_os = "linux"))]
fn heap_reader(_: Isolate, _: &str) -> std::result::Result<std::convert::Infallible, String> {
    Err("the heap reader is proven on Linux x64 only".to_owned())
}

/// The script whose value the self-test reads back.
#[napi]
pub fn self_test_probe() -> &'static str {
    heap::self_test::PROBE
}

/// Has a frozen child read the self-test's objects back. The promise gives why the native method is not used from now on, or
/// `null`.
#[napi(ts_return_type = "Promise<string | null>")]
pub fn self_test(env: &Env) -> Result<Object<'_>> {
    let (deferred, promise) = env.create_deferred::<Option<String>, _>()?;
    let frozen = ARMED.with_borrow(|slot| {
        slot.as_ref()
            .and_then(|armed| armed.trust.freeze_for_self_test())
    });
    spawn_without_signals("oom-heapdump", move || {
        let failure = frozen.and_then(|frozen| frozen.wait().result.err());
        let failure = failure.map(|failure| failure.to_string());
        if let Some(reason) = &failure {
            trust::lose(reason.clone());
        }
        deferred.resolve(move |_| Ok(failure));
    })
    .map_err(|error| napi::Error::from_reason(NoThread::from(error).to_string()))?;
    Ok(promise)
}

/// Takes a heap snapshot of the calling thread's isolate now; the application goes on. The promise gives the path.
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
        let begun = armed.trust.begin_on_demand(armed.helper_for(&file))?;
        let watch = Arc::clone(armed.isolate.watch());
        spawn_without_signals("oom-heapdump", move || match begun.finish() {
            Ok(file) => {
                let path = file.to_string_lossy().into_owned();
                watch.snapshot_completed(file);
                deferred.resolve(move |_| Ok(path));
            }
            Err(error) => deferred.reject(napi::Error::from_reason(error.to_string())),
        })
        .map_err(|error| napi::Error::from_reason(NoThread::from(error).to_string()))?;
        Ok(())
    })?;
    Ok(promise)
}

/// A dump that was asked for and is being made.
struct Begun {
    helper: RunningHelper,
    child: Option<Box<dyn ChildEnd>>,
}

impl Begun {
    fn finish(self) -> std::result::Result<PathBuf, HelperError> {
        // The child is gone before the promise is kept, so that the next dump finds its place free.
        if let Some(child) = self.child {
            child.wait();
        }
        self.helper.hear_out(|| {})
    }
}

/// What the watch costs, measured while `collect` runs: CPU nanoseconds a mark-compact, for `npm run bench:watch`.
#[cfg(feature = "bench")]
#[napi(object)]
pub struct HookCosts {
    /// A hook that does nothing.
    pub empty: Vec<f64>,
    /// The watch's hook.
    pub watch: Vec<f64>,
}

/// Measures the watch's hook in the mark-compacts that `collect` causes.
#[cfg(feature = "bench")]
#[napi]
pub fn measure_hook_costs(
    collect: napi::bindgen_prelude::Function<'_, (), ()>,
) -> Result<HookCosts> {
    let isolate = Isolate::current().map_err(ArmError::from)?;
    ARMED.with_borrow(|slot| {
        let armed = slot
            .as_ref()
            .ok_or_else(|| napi::Error::from_reason("nothing is watched"))?;
        let mut called = Ok(());
        let costs = crate::watch::hook_cost::measure(isolate, &armed.isolate, || {
            called = collect.call(());
        });
        called.map(|()| HookCosts {
            empty: costs.empty,
            watch: costs.watch,
        })
    })
}

/// What one native dump costs: times in milliseconds, memory in bytes.
#[cfg(feature = "bench")]
#[napi(object)]
pub struct DumpCosts {
    /// From the trigger to the complete file.
    pub wall: f64,
    /// How long the isolate's thread was held.
    pub held: f64,
    /// CPU time of this process.
    pub own_cpu: f64,
    /// CPU time of the frozen child.
    pub child_cpu: f64,
    /// CPU time of the helper.
    pub helper_cpu: f64,
    /// The most bytes that the child allocated at one time.
    pub child_memory: f64,
    /// The most private bytes of the helper.
    pub helper_memory: f64,
    /// The file.
    pub file: String,
}

/// Makes a native dump into `file`, in the shared way if `shared`, and waits for its end.
#[cfg(feature = "bench")]
#[napi]
pub fn measure_dump(shared: bool, file: String) -> Result<DumpCosts> {
    with_reader(|armed, reader| {
        let way = if shared {
            Way::Shared
        } else {
            Way::CopyOnWrite
        };
        let cost =
            crate::native::cost::of_dump(reader, way, &mut armed.helper_for(Path::new(&file)))?;
        let [own_cpu, child_cpu, helper_cpu] = cost.cpu.map(milliseconds);
        Ok(DumpCosts {
            wall: milliseconds(cost.wall),
            held: milliseconds(cost.held),
            own_cpu,
            child_cpu,
            helper_cpu,
            child_memory: cost.child_memory as f64,
            helper_memory: cost.helper_memory as f64,
            file: cost.file.to_string_lossy().into_owned(),
        })
    })
}

/// For how long a copy-on-write freeze, and a bare clone of the same memory, hold the thread, in milliseconds.
#[cfg(feature = "bench")]
#[napi]
pub fn measure_stall(bare_first: bool) -> Result<Vec<f64>> {
    with_reader(|_, reader| {
        let (freeze, bare) = crate::native::cost::of_stall(reader, bare_first)?;
        Ok(vec![milliseconds(freeze), milliseconds(bare)])
    })
}

/// From the trigger until a child of the shared way runs, in milliseconds.
#[cfg(feature = "bench")]
#[napi]
pub fn measure_shared_start() -> Result<f64> {
    let start = crate::native::cost::of_shared_start();
    start.map(milliseconds).map_err(napi::Error::from_reason)
}

/// Calls `write` while a frozen child has a copy of the memory.
#[cfg(feature = "bench")]
#[napi]
pub fn write_beside_frozen_child(write: napi::bindgen_prelude::Function<'_, (), ()>) -> Result<()> {
    with_reader(|_, reader| {
        let written = crate::native::cost::beside_frozen_child(reader, || write.call(()))?;
        written.map_err(|error| error.to_string())
    })
}

#[cfg(any(feature = "bench", feature = "oracle"))]
fn with_reader<R>(
    measure: impl FnOnce(&Armed, &HeapReader) -> std::result::Result<R, String>,
) -> Result<R> {
    ARMED.with_borrow(|slot| match slot {
        Some(
            armed @ Armed {
                trust: Trust::Native(reader),
                ..
            },
        ) => measure(armed, reader).map_err(napi::Error::from_reason),
        _ => Err(napi::Error::from_reason("the heap reader is not in use")),
    })
}

#[cfg(feature = "bench")]
fn milliseconds(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn inspector_url() -> Option<String> {
    INSPECTOR_URL
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}
