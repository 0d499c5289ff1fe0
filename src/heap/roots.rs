//! Where reachability starts: the root lists of the isolate, read by layout; then, only for what none of them reaches, words of
//! native memory that look like pointers to objects: the native stacks above all.

use super::layout::kind::Kind;
use super::mark::Marker;
use super::memory::{Address, Content, View};
use super::object::Decoder;
use super::tagged::Tagged;
use rustc_hash::{FxHashMap, FxHashSet};
use std::ops::Range;

/// The isolate's root table.
pub struct RootTable {
    entries: Vec<(&'static str, Address)>,
    by_name: FxHashMap<&'static str, Address>,
    by_target: FxHashMap<Address, &'static str>,
}

/// A reference from a group of roots.
#[derive(Debug, Clone, Copy)]
pub struct Root {
    /// Index of its group in the layout's `root_groups`.
    pub group: usize,
    /// What it holds.
    pub target: Address,
    /// Whether it holds it weakly.
    pub is_weak: bool,
}

/// Native memory that was read as what it is, so that it is not searched for candidates.
type KnownMemory = Vec<Range<Address>>;

impl RootTable {
    /// Reads the table of the isolate at `isolate`. Entries that are no pointers are left out.
    pub fn read(decoder: &Decoder, isolate: Address) -> RootTable {
        let first = isolate + decoder.layout.roots.table;
        let entries: Vec<(&'static str, Address)> = decoder
            .layout
            .root_names
            .lines()
            .zip((first..).step_by(8))
            .filter_map(|(name, address)| {
                Some((name, Tagged(decoder.memory.word(address)?).strong()?))
            })
            .collect();
        let by_name = entries.iter().copied().collect();
        // Of several names the first stays.
        let by_target = entries
            .iter()
            .rev()
            .map(|&(name, target)| (target, name))
            .collect();
        RootTable {
            entries,
            by_name,
            by_target,
        }
    }

    /// The root of that name.
    pub fn get(&self, name: &str) -> Option<Address> {
        self.by_name.get(name).copied()
    }

    /// The name of the root that is the object at `target`.
    pub fn name_of(&self, target: Address) -> Option<&'static str> {
        self.by_target.get(&target).copied()
    }

    /// All roots.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, Address)> + '_ {
        self.entries.iter().copied()
    }
}

/// Finds the roots of one isolate and marks from them.
pub struct RootFinder<'a, 'm> {
    decoder: &'a Decoder<'m>,
    isolate: Address,
    roots: Vec<Root>,
    known: KnownMemory,
}

/// How far the isolate's own fields reach, at least.
const ISOLATE_FIELDS: u64 = 0x11000;
/// How much is searched of what a field of the isolate points to.
const POINTED_TO: u64 = 256;
/// The most entries that a vector of roots is believed to have.
const MAX_VECTOR: u64 = 1 << 24;
/// The most blocks of handles that are believed to exist.
const MAX_BLOCKS: u64 = 1 << 20;
/// Handles in a block: `kHandleBlockSize`, src/handles/handles.h.
const HANDLES_PER_BLOCK: u64 = 1022;
/// Handles in a block of eternal ones, and nodes in one of global ones. src/handles/global-handles.cc.
const ETERNAL_HANDLES_PER_BLOCK: u64 = 256;
const NODES_PER_BLOCK: u64 = 256;
const NODE_SIZE: u64 = 32;
/// A node's state is in the low bits of its flags: 1 strong, 2 weak.
const NODE_FLAGS: u64 = 11;
const NODE_STATE_MASK: u8 = 3;
const STRONG_NODE: u8 = 1;
const WEAK_NODE: u8 = 2;

impl<'a, 'm> RootFinder<'a, 'm> {
    /// A finder for the isolate at `isolate`.
    pub fn new(decoder: &'a Decoder<'m>, isolate: Address) -> RootFinder<'a, 'm> {
        RootFinder {
            decoder,
            isolate,
            roots: Vec::new(),
            known: Vec::new(),
        }
    }

    /// Marks from all roots whose place the layout tells, then from what only native memory refers to.
    /// The second value tells whether every list was found where the layout says.
    pub fn mark_from_roots(mut self, table: &RootTable, marker: &mut Marker) -> (Vec<Root>, bool) {
        self.add_root_table(table);
        let layout = &self.decoder.layout.roots;
        let lists = [
            self.add_builtins(),
            self.add_handles(),
            self.add_global_handles(),
            self.add_eternal_handles(),
            self.add_vector("(Startup object cache)", layout.startup_object_cache),
            self.add_vector("(Shareable object cache)", layout.shareable_object_cache),
        ];
        for root in self.roots.iter().filter(|root| !root.is_weak) {
            marker.mark(root.target);
        }
        marker.mark_reachable();
        for context in marker.native_contexts().to_vec() {
            self.mark_microtasks(context, marker);
        }
        let all_lists_are_right = lists.iter().all(Option::is_some);
        self.mark_native_references(marker, all_lists_are_right);
        (self.roots, all_lists_are_right)
    }

    fn group(&self, name: &str) -> usize {
        self.decoder
            .layout
            .root_groups
            .iter()
            .position(|group| *group == name)
            .unwrap_or(0)
    }

    fn word(&self, address: Address) -> Option<u64> {
        self.decoder.memory.word(address)
    }

    /// The word at `offset` of what lies at `start`, which may be no address at all.
    fn field_of(&self, start: Address, offset: u64) -> Option<u64> {
        self.word(start.checked_add(offset)?)
    }

    fn field(&self, offset: u64) -> Option<u64> {
        self.field_of(self.isolate, offset)
    }

    fn add(&mut self, group: usize, value: u64, is_weak: bool) {
        if let Some(target) = Tagged(value).strong() {
            self.roots.push(Root {
                group,
                target,
                is_weak,
            });
        }
    }

    fn add_root_table(&mut self, table: &RootTable) {
        let (read_only, writable) = (
            self.group("(Read-only roots)"),
            self.group(self.decoder.layout.roots.table_group),
        );
        for (_, target) in table.entries() {
            let mapping = self.decoder.memory.mapping(target);
            let is_writable = mapping.is_some_and(|mapping| mapping.writable_or_executable);
            self.roots.push(Root {
                group: if is_writable { writable } else { read_only },
                target,
                is_weak: false,
            });
        }
    }

    /// Adds the words of `slots`; native memory is not searched there again.
    fn add_slots(&mut self, group: usize, slots: Range<Address>) {
        let Some(view) = self
            .decoder
            .memory
            .view(slots.start, slots.end.saturating_sub(slots.start))
        else {
            return;
        };
        for offset in (0..view.len()).step_by(8) {
            self.add(group, view.word(offset), false);
        }
        self.known.push(slots);
    }

    /// The table must be all code, and no longer than it is said to be.
    fn add_builtins(&mut self) -> Option<()> {
        let layout = &self.decoder.layout.roots;
        let first = self.isolate + layout.builtins;
        let slots = first..first + 8 * layout.builtin_count;
        let is_code = |slot: Address| {
            let target = Tagged(self.word(slot)?).strong()?;
            let object = self.decoder.lone_object(target)?;
            Some(matches!(
                object.kind(),
                Kind::Code | Kind::InstructionStream
            ))
        };
        let [before, start, last, behind] =
            [first - 8, first, slots.end - 8, slots.end].map(|slot| is_code(slot).unwrap_or(false));
        self.add_slots(self.group("(Builtins)"), slots);
        (!before && start && last && !behind).then_some(())
    }

    /// A `std::vector`: begin, end, end of the memory.
    fn vector(&self, address: Address) -> Option<Range<Address>> {
        let (begin, end, limit) = (
            self.field_of(address, 0)?,
            self.field_of(address, 8)?,
            self.field_of(address, 16)?,
        );
        let is_vector = begin != 0
            && begin % 8 == 0
            && begin <= end
            && end <= limit
            && (end - begin) / 8 <= MAX_VECTOR;
        is_vector.then_some(begin..end)
    }

    /// An isolate always has something in these vectors.
    fn add_vector(&mut self, group: &str, offset: u64) -> Option<()> {
        let slots = self
            .vector(self.isolate + offset)
            .filter(|slots| !slots.is_empty())?;
        let first = Tagged(self.word(slots.start)?).strong()?;
        self.decoder.lone_object(first)?;
        self.add_slots(self.group(group), slots);
        Some(())
    }

    /// `HandleScopeImplementer::Iterate`: all blocks are full but the last one. src/api/api.cc.
    fn add_handles(&mut self) -> Option<()> {
        let layout = &self.decoder.layout.roots;
        let group = self.group("(Handle scope)");
        let (next, limit) = (
            self.field(layout.handle_scope_data)?,
            self.field(layout.handle_scope_data + 8)?,
        );
        let implementer = self.field(layout.handle_scope_implementer)?;
        if self.word(implementer)? != self.isolate {
            return None;
        }
        // DetachableVector: data, capacity, size. src/utils/detachable-vector.h
        let (blocks, count) = (
            self.field_of(implementer, 8)?,
            self.field_of(implementer, 24)?,
        );
        let mut last_end = 0;
        for index in 0..count.min(MAX_BLOCKS) {
            let block = self.field_of(blocks, 8 * index)?;
            let full = block..block.checked_add(8 * HANDLES_PER_BLOCK)?;
            let used = if full.contains(&next) || full.end == next {
                block..next
            } else {
                full.clone()
            };
            last_end = full.end;
            self.add_slots(group, used);
            self.known.push(full);
        }
        (last_end == limit).then_some(())
    }

    fn add_global_handles(&mut self) -> Option<()> {
        let layout = &self.decoder.layout.roots;
        let group = self.group("(Global handles)");
        let handles = self.field(layout.global_handles)?;
        let space = self.field_of(handles, layout.global_handle_nodes)?;
        if self.word(handles)? != self.isolate || self.word(space)? != handles {
            return None;
        }
        let mut block = self.field_of(space, 8)?;
        let mut seen = FxHashSet::default();
        while block != 0 {
            if !seen.insert(block) {
                return None;
            }
            let nodes = self
                .decoder
                .memory
                .view(block, NODES_PER_BLOCK * NODE_SIZE + 8)?;
            for node in (0..NODES_PER_BLOCK * NODE_SIZE).step_by(NODE_SIZE as usize) {
                let state = nodes.byte(node + NODE_FLAGS) & NODE_STATE_MASK;
                if state == STRONG_NODE || state == WEAK_NODE {
                    self.add(group, nodes.word(node), state == WEAK_NODE);
                }
            }
            self.known.push(block..block + NODES_PER_BLOCK * NODE_SIZE);
            block = nodes.word(NODES_PER_BLOCK * NODE_SIZE);
        }
        Some(())
    }

    /// `EternalHandles`: their number, then a vector of blocks. src/handles/global-handles.h.
    fn add_eternal_handles(&mut self) -> Option<()> {
        let group = self.group("(Eternal handles)");
        let handles = self.field(self.decoder.layout.roots.eternal_handles)?;
        let mut left = self.word(handles)? & u64::from(u32::MAX);
        for slot in self.vector(handles.checked_add(8)?)?.step_by(8) {
            let block = self.word(slot)?;
            let count = left.min(ETERNAL_HANDLES_PER_BLOCK);
            self.add_slots(group, block..block.checked_add(8 * count)?);
            left -= count;
        }
        Some(())
    }

    /// Marks the tasks that wait in the ring buffer of a native context's queue. src/execution/microtask-queue.h.
    fn mark_microtasks(&mut self, context: Address, marker: &mut Marker) -> Option<()> {
        let context = self.decoder.lone_object(context)?;
        let queue = self
            .decoder
            .memory
            .view(context.view().word(context.size() - 8), 40)?;
        let (size, capacity, start, buffer) = (
            queue.word(8),
            queue.word(16),
            queue.word(24),
            queue.word(32),
        );
        let slots = self.decoder.memory.view(buffer, capacity.checked_mul(8)?)?;
        let group = self.group(self.decoder.layout.roots.microtask_group);
        for index in 0..size.min(capacity) {
            let task = slots.word(8 * (start.wrapping_add(index) % capacity));
            self.add(group, task, false);
            marker.mark(Tagged(task).strong()?);
        }
        marker.mark_reachable();
        Some(())
    }

    /// Marks what only native memory refers to: the stack, and where it is known that the lists above are all of this V8's,
    /// what lies in or next to the isolate, else all memory. Memory that was freed still holds pointers to dead objects.
    fn mark_native_references(&mut self, marker: &mut Marker, all_lists_are_right: bool) {
        self.known.sort_unstable_by_key(|range| range.start);
        let native = if all_lists_are_right {
            self.near_isolate()
        } else {
            self.mapped(Content::Native)
        };
        let searches = [
            (self.group("(Stack roots)"), self.mapped(Content::Stack)),
            (self.group(self.decoder.layout.roots.table_group), native),
        ];
        for (group, ranges) in searches {
            let found: Vec<Address> = ranges
                .into_iter()
                .flat_map(|range| self.unknown(range))
                .flat_map(|range| self.candidates(range, marker))
                .collect();
            self.roots.extend(found.into_iter().map(|target| Root {
                group,
                target,
                is_weak: false,
            }));
        }
        marker.mark_reachable();
    }

    fn mapped(&self, content: Content) -> Vec<Range<Address>> {
        let mappings = self
            .decoder
            .memory
            .mappings()
            .filter(|mapping| mapping.content == content);
        mappings.map(|mapping| mapping.start..mapping.end).collect()
    }

    /// The isolate's own fields, and the first ones of what they point to: the compilation cache, the bootstrapper, ...
    fn near_isolate(&self) -> Vec<Range<Address>> {
        let own = self.isolate..self.isolate + ISOLATE_FIELDS;
        let is_native = |address: Address| {
            self.decoder
                .memory
                .mapping(address)
                .is_some_and(|mapping| mapping.content == Content::Native)
        };
        let mut ranges: Vec<Range<Address>> = own
            .clone()
            .step_by(8)
            .filter_map(|address| self.word(address))
            .filter(|&address| address % 8 == 0 && is_native(address) && !own.contains(&address))
            .map(|address| address..address + POINTED_TO)
            .collect();
        ranges.push(own);
        ranges
    }

    /// The parts of `range` that were not read as what they are.
    fn unknown(&self, range: Range<Address>) -> Vec<Range<Address>> {
        let mut parts = Vec::new();
        let mut address = range.start;
        while address < range.end {
            let next = self.known.partition_point(|known| known.end <= address);
            let known = self
                .known
                .get(next)
                .map_or(range.end..range.end, Range::clone);
            parts.push(address..known.start.clamp(address, range.end));
            address = known.end.max(address + 8);
        }
        parts
    }

    /// Marks the objects that words of `memory` seem to point to and nothing else has reached.
    fn candidates(&self, memory: Range<Address>, marker: &mut Marker) -> Vec<Address> {
        let view = self
            .decoder
            .memory
            .view(memory.start, memory.end - memory.start)
            .unwrap_or(View::EMPTY);
        let mut found = Vec::new();
        for offset in (0..view.len()).step_by(8) {
            if let Some(target) = Tagged(view.word(offset)).strong()
                && marker.is_candidate(target)
            {
                marker.mark(target);
                marker.mark_strongly_reachable();
                found.push(target);
            }
        }
        found
    }
}

/// The objects every part of the reader must know.
pub struct WellKnown {
    /// `undefined`.
    pub undefined: Address,
    /// The hole in arrays.
    pub the_hole: Address,
    /// `null`.
    pub null: Address,
    /// The string "Object".
    pub object_string: Address,
    /// The string "constructor".
    pub constructor_string: Address,
    /// The string "__proto__".
    pub proto_string: Address,
    /// The string "prototype".
    pub prototype_string: Address,
    /// `Symbol.toStringTag`.
    pub to_string_tag_symbol: Address,
    /// Objects that internal and hidden edges never lead to: V8's `IsEssentialObject`.
    inessential: FewAddresses,
}

/// Roots that internal and hidden edges never lead to, besides the oddballs.
const INESSENTIAL_ROOTS: [&str; 12] = [
    "the_hole_value",
    "empty_byte_array",
    "empty_fixed_array",
    "empty_weak_fixed_array",
    "empty_descriptor_array",
    "fixed_array_map",
    "cell_map",
    "global_property_cell_map",
    "shared_function_info_map",
    "free_space_map",
    "one_pointer_filler_map",
    "two_pointer_filler_map",
];

impl WellKnown {
    /// Looks them up; `None` if one is missing: then this is no isolate of that layout.
    pub fn find(decoder: &Decoder, table: &RootTable) -> Option<WellKnown> {
        let no_edges_to_holes = decoder.layout.snapshot.no_edges_to_holes;
        let mut inessential: FxHashSet<Address> = INESSENTIAL_ROOTS
            .iter()
            .filter_map(|name| table.get(name))
            .collect();
        inessential.extend(
            table
                .entries()
                .map(|(_, address)| address)
                .filter(|&address| {
                    match decoder.lone_object(address).map(|object| object.kind()) {
                        Some(kind) => {
                            kind == Kind::Oddball || kind == Kind::Hole && no_edges_to_holes
                        }
                        // From 14.6 on most holes lie in memory that is not mapped.
                        None => no_edges_to_holes,
                    }
                }),
        );
        let oddball = |name: &str| {
            let address = table.get(name)?;
            matches!(
                decoder.lone_object(address)?.kind(),
                Kind::Oddball | Kind::Hole
            )
            .then_some(address)
        };
        Some(WellKnown {
            undefined: oddball("undefined_value")?,
            the_hole: oddball("the_hole_value")?,
            null: oddball("null_value")?,
            object_string: table.get("Object_string")?,
            constructor_string: table.get("constructor_string")?,
            proto_string: table.get("proto_string")?,
            prototype_string: table.get("prototype_string")?,
            to_string_tag_symbol: table.get("to_string_tag_symbol")?,
            inessential: FewAddresses::new(&inessential),
        })
    }

    /// Whether internal and hidden edges may lead to `address`.
    #[inline]
    pub fn is_essential(&self, address: Address) -> bool {
        !self.inessential.contains(address)
    }
}

/// A set that is asked millions of times: each address has a place of its own, so that one comparison tells.
struct FewAddresses {
    places: Box<[Address]>,
    shift: u32,
}

impl FewAddresses {
    /// As some dozen addresses have places of their own in a much smaller table, this only bounds the search.
    const MOST_BITS: u32 = 20;

    /// No object has an odd address.
    const NONE: Address = 1;

    fn new(addresses: &FxHashSet<Address>) -> FewAddresses {
        let mut bits = 8;
        loop {
            let mut set = FewAddresses {
                places: vec![Self::NONE; 1 << bits].into(),
                shift: u64::BITS - bits,
            };
            for &address in addresses {
                set.places[set.place(address)] = address;
            }
            if addresses.iter().all(|&address| set.contains(address)) || bits == Self::MOST_BITS {
                return set;
            }
            bits += 1;
        }
    }

    #[inline]
    fn place(&self, address: Address) -> usize {
        ((address >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    #[inline]
    fn contains(&self, address: Address) -> bool {
        self.places[self.place(address)] == address
    }
}
