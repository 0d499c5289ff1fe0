//! What a snapshot means: who retains what, and what leaked. It knows nothing of how a snapshot is made.

pub mod accumulation;
pub mod analysis;
pub mod bits;
pub mod brief;
pub mod classes;
pub mod contexts;
pub mod diff;
pub mod dominators;
pub mod growth;
pub mod heap;
pub mod html;
pub mod inspect;
pub mod naming;
pub mod paths;
pub mod places;
pub mod retaining;
pub mod sentence;
pub mod sets;
pub mod shallow;
pub mod suspects;
pub mod text;
pub mod texts;
pub mod threads;
pub mod tree;
pub mod treemap;
