//! The rules of the room `freeze`, each shown on this very process. They run one at a time, because a process has one
//! frozen child, and in an executable of their own, because they count its descriptors and mappings.
#![cfg(all(feature = "addon", target_os = "linux"))]

mod arena;
mod ending;
mod image;
mod priority;
mod refusal;
mod support;
mod surroundings;
