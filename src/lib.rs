//! Writes a complete V8 heap snapshot right before a Node process runs out of memory.
//!
//! Two programs are built from this crate. The **addon** (feature `addon`) is loaded into the Node process; it watches
//! V8's garbage collector and asks for a dump. The **helper** (feature `helper`, `main.rs`) is a process of its own; it
//! takes the snapshot and is the only one that writes files. `ARCHITECTURE.md` has the map and the flow of data.

#[cfg(feature = "addon")]
pub mod addon;
pub mod cgroup;
#[cfg(feature = "helper")]
pub mod dump;
pub mod frames;
#[cfg(all(feature = "addon", target_os = "linux"))]
pub mod freeze;
pub mod heap;
#[cfg(feature = "helper")]
pub mod inspector;
#[cfg(feature = "addon")]
pub mod memory_watch;
pub mod message;
#[cfg(feature = "addon")]
pub mod metadata;
#[cfg(feature = "addon")]
pub mod method;
#[cfg(feature = "addon")]
pub mod monitor;
#[cfg(all(feature = "addon", target_os = "linux", target_arch = "x86_64"))]
pub mod native;
#[cfg(all(
    feature = "addon",
    not(all(target_os = "linux", target_arch = "x86_64"))
))]
#[path = "native/elsewhere.rs"]
pub mod native;
#[cfg(any(test, feature = "oracle"))]
pub mod random;
#[cfg(feature = "helper")]
pub mod report;
pub mod request;
pub mod reserve;
#[cfg(all(feature = "addon", unix))]
pub mod signal_request;
pub mod snapshot;
pub mod summary;
#[cfg(feature = "addon")]
pub mod v8;
#[cfg(feature = "addon")]
pub mod watch;

/// What a frozen child allocates must not come from the application's malloc; everything else does.
#[cfg(all(feature = "addon", target_os = "linux"))]
#[global_allocator]
static ALLOCATOR: freeze::Allocator = freeze::Allocator;
