//! Where reachability starts: the isolate's root table, read by layout; then, only for what nothing else reaches, words of
//! native memory that look like pointers to objects (handles, global handles, the stack).

use super::layout::kind::Kind;
use super::mark::Marker;
use super::memory::{Address, Content, Memory};
use super::object::Decoder;
use super::tagged::Tagged;
use std::collections::HashMap;

/// The isolate's root table.
pub struct RootTable {
    entries: Vec<(&'static str, Address)>,
    by_name: HashMap<&'static str, Address>,
}

/// A reference from a group of roots.
#[derive(Debug, Clone, Copy)]
pub struct Root {
    /// Index of its group in the layout's `root_groups`.
    pub group: usize,
    /// Its name in the root table, where it has one.
    pub name: Option<&'static str>,
    /// What it holds.
    pub target: Address,
}

impl RootTable {
    /// Reads the table of the isolate at `isolate`. Entries that are no pointers are left out.
    pub fn read(decoder: &Decoder, isolate: Address) -> RootTable {
        let first = isolate + decoder.layout.isolate_roots;
        let entries: Vec<(&'static str, Address)> = decoder
            .layout
            .root_names
            .lines()
            .zip((first..).step_by(8))
            .filter_map(|(name, address)| Some((name, Tagged(decoder.memory.word(address)?).strong()?)))
            .collect();
        let by_name = entries.iter().copied().collect();
        RootTable { entries, by_name }
    }

    /// The root of that name.
    pub fn get(&self, name: &str) -> Option<Address> {
        self.by_name.get(name).copied()
    }

    /// All roots.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, Address)> + '_ {
        self.entries.iter().copied()
    }
}

/// Marks from the root table; gives its entries as roots.
pub fn mark_root_table(decoder: &Decoder, table: &RootTable, marker: &mut Marker) -> Vec<Root> {
    let group_of = |name: &str| decoder.layout.root_groups.iter().position(|group| *group == name).unwrap_or(0);
    let (read_only, strong) = (group_of("(Read-only roots)"), group_of("(Strong roots)"));
    let roots = table.entries().map(|(name, target)| {
        let is_writable = decoder.memory.mapping(target).is_some_and(|mapping| mapping.writable_or_executable);
        marker.mark(target);
        Root { group: if is_writable { strong } else { read_only }, name: Some(name), target }
    });
    let roots = roots.collect();
    marker.mark_reachable();
    roots
}

/// Marks what only native memory refers to, the stack first; gives those references as roots.
pub fn mark_native_references(decoder: &Decoder, memory: &Memory, marker: &mut Marker) -> Vec<Root> {
    let group_of = |name: &str| decoder.layout.root_groups.iter().position(|group| *group == name).unwrap_or(0);
    let groups = [(Content::Stack, group_of("(Stack roots)")), (Content::Native, group_of("(Global handles)"))];
    let mut roots = Vec::new();
    for (content, group) in groups {
        for mapping in memory.mappings().filter(|mapping| mapping.content == content) {
            let Some(view) = memory.view(mapping.start, mapping.end - mapping.start) else { continue };
            for offset in (0..view.len()).step_by(8) {
                let Some(target) = Tagged(view.word(offset)).strong() else { continue };
                if marker.is_candidate(target) {
                    marker.mark(target);
                    marker.mark_strongly_reachable();
                    roots.push(Root { group, name: None, target });
                }
            }
        }
    }
    marker.mark_reachable();
    roots
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
    /// Objects that internal and hidden edges never lead to: V8's `IsEssentialObject`. Sorted.
    inessential: Vec<Address>,
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
        let mut inessential: Vec<Address> = INESSENTIAL_ROOTS.iter().filter_map(|name| table.get(name)).collect();
        inessential.extend(table.entries().map(|(_, address)| address).filter(|&address| {
            decoder.lone_object(address).is_some_and(|object| matches!(object.kind(), Kind::Oddball | Kind::Hole))
        }));
        inessential.sort_unstable();
        inessential.dedup();
        let oddball = |name: &str| {
            let address = table.get(name)?;
            matches!(decoder.lone_object(address)?.kind(), Kind::Oddball | Kind::Hole).then_some(address)
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
            inessential,
        })
    }

    /// Whether internal and hidden edges may lead to `address`.
    #[inline]
    pub fn is_essential(&self, address: Address) -> bool {
        let near = |bound: Option<&Address>| bound.copied().unwrap_or(0);
        let (first, last) = (near(self.inessential.first()), near(self.inessential.last()));
        address < first || address > last || self.inessential.binary_search(&address).is_err()
    }
}
