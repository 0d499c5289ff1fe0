//! What the benchmarks call. Built with the feature `bench` only.

use std::path::Path;
use std::time::Duration;

use napi::bindgen_prelude::{Function, Result};
use napi_derive::napi;

use super::{ARMED, ArmError, with_reader};
use crate::freeze::Way;
use crate::native::cost;
use crate::v8::Isolate;
use crate::watch::hook_cost;

/// What the watch costs, measured while `collect` runs: CPU nanoseconds a mark-compact, for `npm run bench:watch`.
#[napi(object)]
pub struct HookCosts {
    /// A hook that does nothing.
    pub empty: Vec<f64>,
    /// The watch's hook.
    pub watch: Vec<f64>,
}

/// Measures the watch's hook in the mark-compacts that `collect` causes.
#[napi]
pub fn measure_hook_costs(collect: Function<'_, (), ()>) -> Result<HookCosts> {
    let isolate = Isolate::current().map_err(ArmError::from)?;
    ARMED.with_borrow(|slot| {
        let armed = slot
            .as_ref()
            .ok_or_else(|| napi::Error::from_reason("nothing is watched"))?;
        let mut called = Ok(());
        let costs = hook_cost::measure(isolate, &armed.isolate, || {
            called = collect.call(());
        });
        called.map(|()| HookCosts {
            empty: costs.empty,
            watch: costs.watch,
        })
    })
}

/// What one native dump costs: times in milliseconds, memory in bytes.
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
#[napi]
pub fn measure_dump(shared: bool, file: String) -> Result<DumpCosts> {
    with_reader(|armed, reader| {
        let way = if shared {
            Way::Shared
        } else {
            Way::CopyOnWrite
        };
        let cost = cost::of_dump(reader, way, &mut armed.helper_for(Path::new(&file)))?;
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
#[napi]
pub fn measure_stall(bare_first: bool) -> Result<Vec<f64>> {
    with_reader(|_, reader| {
        let (freeze, bare) = cost::of_stall(reader, bare_first)?;
        Ok(vec![milliseconds(freeze), milliseconds(bare)])
    })
}

/// From the trigger until a child of the shared way runs, in milliseconds.
#[napi]
pub fn measure_shared_start() -> Result<f64> {
    let start = cost::of_shared_start();
    start.map(milliseconds).map_err(napi::Error::from_reason)
}

/// Calls `write` while a frozen child has a copy of the memory.
#[napi]
pub fn write_beside_frozen_child(write: Function<'_, (), ()>) -> Result<()> {
    with_reader(|_, reader| {
        let written = cost::beside_frozen_child(reader, || write.call(()))?;
        written.map_err(|error| error.to_string())
    })
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
