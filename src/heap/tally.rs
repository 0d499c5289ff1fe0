//! Counts the objects of each map while they are marked, so that people need not wait for a walk of its own. It knows nothing of
//! names: those are asked for afterwards, once for each map. Where a map does not say what its objects are called, they are
//! noted one by one. Of both there is a bound; a heap beyond it has no tally, and must be walked.

use super::layout::kind::Kind;
use super::map_cache::MapCache;
use super::memory::Address;
use super::object::Object;
use rustc_hash::FxHashMap;

/// Beyond it, a tally would be large: an entry has 40 bytes.
const MOST_MAPS: usize = 1 << 15;
/// Beyond it, a walk is not much dearer.
const MOST_ONE_BY_ONE: usize = 1 << 15;

/// The objects of one map.
#[derive(Debug, Clone, Copy)]
pub struct Instances {
    /// One of them.
    pub example: Address,
    /// Their number.
    pub count: u64,
    /// What their nodes take together.
    pub bytes: u64,
}

/// All objects of a heap.
#[derive(Default)]
pub struct Tally {
    /// By map.
    pub instances: FxHashMap<Address, Instances>,
    /// Those of which the map may not say enough.
    pub one_by_one: Vec<Address>,
}

/// A tally that is being made.
#[derive(Default)]
pub struct Counting {
    /// Of the maps that were seen lately.
    lately: MapCache<Instances>,
    tally: Tally,
    is_beyond_bound: bool,
}

impl Counting {
    /// Counts an object that was not counted before and whose node takes `bytes`.
    #[inline]
    pub fn count(&mut self, object: &Object, bytes: u64) {
        match self.lately.get_mut(object.shape.map) {
            Some(instances) => {
                instances.count += 1;
                instances.bytes += bytes;
            }
            None => self.count_anew(object, bytes),
        }
    }

    #[inline(never)]
    fn count_anew(&mut self, object: &Object, bytes: u64) {
        if map_says_too_little(object) {
            if self.tally.one_by_one.len() < MOST_ONE_BY_ONE {
                self.tally.one_by_one.push(object.address);
            } else {
                self.is_beyond_bound = true;
            }
            return;
        }
        let first = Instances {
            example: object.address,
            count: 1,
            bytes,
        };
        if let Some((map, instances)) = self.lately.insert(object.shape.map, first) {
            self.put_away(map, instances);
        }
    }

    fn put_away(&mut self, map: Address, more: Instances) {
        if let Some(instances) = self.tally.instances.get_mut(&map) {
            instances.count += more.count;
            instances.bytes += more.bytes;
        } else if self.tally.instances.len() < MOST_MAPS {
            self.tally.instances.insert(map, more);
        } else {
            self.is_beyond_bound = true;
        }
    }

    /// The tally, if it is one of all objects.
    pub fn finish(mut self) -> Option<Tally> {
        let mut lately = std::mem::take(&mut self.lately);
        for (map, instances) in lately.drain() {
            self.put_away(map, instances);
        }
        (!self.is_beyond_bound).then_some(self.tally)
    }
}

/// Objects of one map may have different constructors, or be of different types of nodes.
fn map_says_too_little(object: &Object) -> bool {
    object.shape.is_dictionary_map()
        || matches!(object.kind(), Kind::Symbol | Kind::JsPrimitiveWrapper)
}
