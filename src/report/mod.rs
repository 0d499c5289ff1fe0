//! What a snapshot means: who retains what, and what leaked. It knows nothing of how a snapshot is made.

pub mod bits;
pub mod dominators;
pub mod retaining;
pub mod shallow;
