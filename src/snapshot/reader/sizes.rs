//! A column of sizes: 32 bits each, with the few that need more beside it.

use super::graph::NodeIndex;
use rustc_hash::FxHashMap;

/// Sizes of nodes, in bytes.
#[derive(Default, Clone)]
pub struct Sizes {
    small: Vec<u32>,
    /// Sizes of 4 GB and more; their cell holds `u32::MAX`.
    large: FxHashMap<NodeIndex, u64>,
}

impl Sizes {
    /// Sizes of so many nodes, all zero.
    pub fn zero(count: usize) -> Sizes {
        Sizes {
            small: vec![0; count],
            large: FxHashMap::default(),
        }
    }

    pub(super) fn with_capacity(count: usize) -> Sizes {
        Sizes {
            small: Vec::with_capacity(count),
            large: FxHashMap::default(),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, size: u64) {
        self.small.push(0);
        self.set(self.small.len() as u32 - 1, size);
    }

    /// Adds sizes of less than 4 GB.
    pub(super) fn extend(&mut self, sizes: &[u32]) {
        self.small.extend_from_slice(sizes);
    }

    /// The size of a node.
    #[inline]
    pub fn get(&self, node: NodeIndex) -> u64 {
        match self.small[node as usize] {
            u32::MAX => self.large[&node],
            size => u64::from(size),
        }
    }

    /// Changes the size of a node.
    #[inline]
    pub fn set(&mut self, node: NodeIndex, size: u64) {
        match u32::try_from(size) {
            Ok(size) if size < u32::MAX => self.small[node as usize] = size,
            _ => {
                self.small[node as usize] = u32::MAX;
                self.large.insert(node, size);
            }
        }
    }
}
