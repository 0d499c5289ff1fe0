//! Writes a complete V8 heap snapshot right before a Node process runs out of memory.
//!
//! Two programs are built from this crate. The **addon** (feature `addon`) is loaded into the Node process; it watches
//! V8's garbage collector and asks for a dump. The **helper** (feature `helper`, `main.rs`) is a process of its own; it
//! takes the snapshot and is the only one that writes files. `ARCHITECTURE.md` has the map and the flow of data.

pub mod heap;
pub mod request;
pub mod snapshot;
