//! How things stand at the trigger, for the reader of the summary. Gathered before the freeze.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cgroup::{MemoryGroups, SYSTEM_ROOT};
use crate::summary::{Collection, DumpMetadata, HeapSpace, Reason};
use crate::v8::{HeapSpaceUse, Isolate};
use crate::watch::{Cause, Watch, resident_memory};

/// The metadata of a dump of the isolate that `watch` watches. What V8 tells of it is there only on its own thread.
pub fn gather(reason: Reason, watch: &Watch) -> DumpMetadata {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let program = &watch.program;
    let isolate = Isolate::current()
        .ok()
        .filter(|_| watch.is_of_this_thread());
    let used_now = isolate.map(|isolate| isolate.old_generation_use(isolate.young_spaces()).used);
    let group = MemoryGroups::of_this_process(Path::new(SYSTEM_ROOT)).tightest();
    let recent = watch.collections.recent().into_iter();
    DumpMetadata {
        reason,
        time_ms: now.unwrap_or_default().as_millis() as u64,
        process: std::process::id(),
        thread: watch.thread,
        node_version: Some(program.node_version.clone()),
        v8_version: Some(program.v8_version.clone()),
        exec_argv: program.exec_argv.clone(),
        node_options: Some(program.node_options.clone()).filter(|options| !options.is_empty()),
        old_generation_limit: Some(watch.limit),
        old_generation_used: Some(used_now.unwrap_or_else(|| watch.used())),
        heap_spaces: isolate.map_or_else(Vec::new, |isolate| {
            isolate.heap_spaces().into_iter().map(space).collect()
        }),
        rss: resident_memory("self"),
        external: isolate.map(|isolate| isolate.external_memory()),
        cgroup_current: group.map(|group| group.working_set),
        cgroup_limit: group.map(|group| group.limit),
        collections: recent
            .map(|collection| Collection {
                at_ms: collection.at_ms,
                used: collection.used,
            })
            .collect(),
    }
}

/// What the summary calls `cause`.
pub fn reason_of(cause: &Cause) -> Reason {
    match cause {
        Cause::Threshold => Reason::Threshold,
        Cause::NearHeapLimit => Reason::NearHeapLimit,
        Cause::OutOfMemory { .. } => Reason::OutOfMemory,
        Cause::Memory { .. } => Reason::Rss,
        Cause::Signal => Reason::Signal,
    }
}

fn space(space: HeapSpaceUse) -> HeapSpace {
    HeapSpace {
        name: space.name,
        size: space.size,
        used: space.used,
        physical: space.physical,
    }
}
