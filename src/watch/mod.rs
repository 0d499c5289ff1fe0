//! When to dump: how much memory an isolate uses and how much it may use.
//!
//! Pure policy with thin callbacks around it. It does not know how a dump is made.

pub mod limit;
pub mod node_options;
