//! Streams the graph as a .heapsnapshot: synthetic roots, then one node for each marked object by rank, then the memory of
//! array buffers; their edges in the same order; locations; strings.

use super::body::HashTable;
use super::census::{Census, EphemeronPair, StringGroup};
use super::describe::{Describer, NodeName};
use super::extract::{AccessorPart, EdgeName, EdgeNames, EdgeSink};
use super::graph::Graph;
use super::layout::kind::Kind;
use super::locations::Locator;
use super::memory::Address;
use super::names::{NameId, Names};
use super::object::Object;
use super::page_numbers::PageNumbers;
use super::pages::WORD_BITS;
use super::roots::Root;
use super::{Counts, HeapError};
use crate::snapshot::writer::{MAX_STRING_CHARACTERS, Node, SnapshotWriter};
use crate::snapshot::{EdgeType, NodeType};
use std::io::{self, Write};

/// The first string of the file, which nothing refers to. V8 writes the same.
const DUMMY_STRING: &str = "<dummy>";
/// The root and the node of all groups of roots come before the groups.
const ROOT_NODE: u64 = 0;
const GC_ROOTS_NODE: u64 = 1;
const FIRST_GROUP_NODE: u64 = 2;
/// The number of names of edges remembered by the address of their key.
const REMEMBERED_KEYS: usize = 1 << 12;

/// Writes the snapshot of `graph`.
pub fn export(
    graph: &Graph,
    page_numbers: PageNumbers<'_>,
    output: impl Write,
) -> Result<Counts, HeapError> {
    let mut names = Names::default();
    let edge_names = EdgeNames::new(&mut names, graph.layout());
    let describer = Describer::new(&mut names);
    let roots = group_roots(graph);
    let census = Census::take(graph, &mut names, &edge_names);
    let writer = SnapshotWriter::new(output, graph.layout().snapshot.format);
    let strings = StringNumbers::new(&census, &names);
    let first_node = FIRST_GROUP_NODE + graph.layout().root_groups.len() as u64;
    let export = Export {
        graph,
        census,
        names,
        edge_names: &edge_names,
        describer,
        writer,
        strings,
        roots,
        first_node,
        remembered_keys: vec![(0, 0); REMEMBERED_KEYS],
        strings_passed: [0; 2],
        error: None,
    };
    export.run(page_numbers).map_err(HeapError::Write)
}

/// The references of each group, in the order of the groups.
fn group_roots(graph: &Graph) -> Vec<Vec<Root>> {
    let mut groups = vec![Vec::new(); graph.layout().root_groups.len()];
    for root in graph
        .roots
        .iter()
        .filter(|root| graph.pages.is_marked(root.target))
    {
        if let Some(group) = groups.get_mut(root.group) {
            group.push(*root);
        }
    }
    groups
}

/// How the strings of the file are numbered: the dummy, the names known before the nodes, internalized strings, numbers as text,
/// other strings, pairs of ephemerons, the names found on the way. What most edges are called comes first, where numbers are short.
struct StringNumbers {
    early_names: u64,
    first_decimal: u64,
    /// By [`StringGroup`].
    first_heap_string: [u64; 2],
    first_pair: u64,
    first_late_name: u64,
}

impl StringNumbers {
    const FIRST_NAME: u64 = 1;

    fn new(census: &Census, names: &Names) -> StringNumbers {
        let early_names = names.texts().len() as u64;
        let [internalized, others] = census.strings.map(u64::from);
        let first_internalized = Self::FIRST_NAME + early_names;
        let first_decimal = first_internalized + internalized;
        let first_other = first_decimal + u64::from(census.decimals);
        let first_heap_string = [first_internalized, first_other];
        let first_pair = first_other + others;
        let first_late_name = first_pair + census.ephemerons.len() as u64;
        StringNumbers {
            early_names,
            first_decimal,
            first_heap_string,
            first_pair,
            first_late_name,
        }
    }

    #[inline]
    fn of_heap_string(&self, group: StringGroup, number: u32) -> u64 {
        self.first_heap_string[group as usize] + u64::from(number)
    }

    #[inline]
    fn of_name(&self, name: NameId) -> u64 {
        match u64::from(name.0).checked_sub(self.early_names) {
            None => Self::FIRST_NAME + u64::from(name.0),
            Some(late) => self.first_late_name + late,
        }
    }
}

struct Export<'x, 'm, W> {
    graph: &'x Graph<'m>,
    census: Census,
    names: Names,
    edge_names: &'x EdgeNames,
    describer: Describer,
    writer: SnapshotWriter<W>,
    strings: StringNumbers,
    roots: Vec<Vec<Root>>,
    first_node: u64,
    remembered_keys: Vec<(Address, u64)>,
    /// The strings of the heap among the nodes written so far.
    strings_passed: [u32; 2],
    /// The first error of writing edges, whose sink cannot return one.
    error: Option<io::Error>,
}

/// Takes the edges of one node.
struct Edges<'x, 'y, 'm, W> {
    export: &'y mut Export<'x, 'm, W>,
}

impl<W: Write> EdgeSink for Edges<'_, '_, '_, W> {
    #[inline]
    fn edge(&mut self, edge_type: EdgeType, name: EdgeName, target: Address) {
        if let Some(rank) = self.export.graph.pages.rank_of(target) {
            let node = self.export.first_node + u64::from(rank);
            self.export.edge(edge_type, name, node);
        }
    }

    fn native_edge(&mut self, name: EdgeName, memory: Address) {
        let number = self.export.census.backing_store(memory).unwrap_or(0);
        let node = self.export.first_native_node() + u64::from(number);
        self.export.edge(EdgeType::Internal, name, node);
    }
}

impl<'m, W: Write> Export<'_, 'm, W> {
    fn run(mut self, page_numbers: PageNumbers<'_>) -> io::Result<Counts> {
        let nodes = self.first_native_node() + self.census.backing_stores.len() as u64;
        let edges = self.root_edge_count() + self.census.edges;
        self.writer.begin(nodes, edges)?;
        self.nodes(page_numbers)?;
        self.writer.begin_edges();
        self.edges()?;
        self.writer.begin_locations();
        let locations = self.locations()?;
        self.writer.begin_strings();
        let strings = self.all_strings(page_numbers)?;
        let bytes = self.writer.finish()?;
        Ok(Counts {
            nodes,
            edges,
            locations,
            strings,
            bytes,
            skipped: self.graph.skipped,
            foreign: self.graph.foreign,
        })
    }

    fn first_native_node(&self) -> u64 {
        self.first_node + u64::from(self.graph.count)
    }

    // Nodes

    fn nodes(&mut self, page_numbers: PageNumbers<'_>) -> io::Result<()> {
        self.synthetic_nodes()?;
        let graph = self.graph;
        let mut rank = 0u32;
        for page in graph.pages.iter() {
            let page_number = page_numbers.number_of(page.start());
            for address in page.marked() {
                let object = page
                    .view(address)
                    .and_then(|run| graph.decoder.object(address, run));
                let id = object_id(page_number, address);
                let node = self.node(rank, id, object.as_ref());
                self.writer.node(node)?;
                rank += 1;
            }
        }
        let name = self.name_number("system / JSArrayBufferData");
        for store in &self.census.backing_stores {
            // The word behind the owner's first is never an object's first.
            let id = object_id(
                page_numbers.number_of(page_of(store.owner)),
                store.owner + 8,
            );
            let node = Node {
                node_type: NodeType::Native,
                name,
                id,
                self_size: store.length,
                edge_count: 0,
            };
            self.writer.node(node)?;
        }
        Ok(())
    }

    fn synthetic_nodes(&mut self) -> io::Result<()> {
        let empty = self.name_number("");
        let gc_roots = self.name_number("(GC roots)");
        let groups = self.graph.layout().root_groups;
        let shortcuts = self.global_shortcuts().len() as u64;
        let synthetic = |name, node: u64, edge_count| Node {
            node_type: NodeType::Synthetic,
            name,
            id: 2 * node + 1,
            self_size: 0,
            edge_count,
        };
        self.writer
            .node(synthetic(empty, ROOT_NODE, 1 + shortcuts))?;
        self.writer
            .node(synthetic(gc_roots, GC_ROOTS_NODE, groups.len() as u64))?;
        for (index, group) in groups.iter().enumerate() {
            let name = self.name_number(group);
            let edges = self.roots[index].len() as u64;
            self.writer
                .node(synthetic(name, FIRST_GROUP_NODE + index as u64, edges))?;
        }
        Ok(())
    }

    fn node(&mut self, rank: u32, id: u64, object: Option<&Object<'m>>) -> Node {
        let Some(object) = object else {
            let name = self.name_number("");
            return Node {
                node_type: NodeType::Hidden,
                name,
                id,
                self_size: 0,
                edge_count: self.edge_count(rank, None),
            };
        };
        let (node_type, name) = self.type_and_name(rank, object);
        let name = if let Some(group) = self.census.string_group(rank) {
            let passed = &mut self.strings_passed[group as usize];
            *passed += 1;
            self.strings.of_heap_string(group, *passed - 1)
        } else {
            self.node_name_number(name)
        };
        Node {
            node_type,
            name,
            id,
            self_size: self.self_size(object),
            edge_count: self.edge_count(rank, Some(object)),
        }
    }

    fn type_and_name(&mut self, rank: u32, object: &Object<'m>) -> (NodeType, NodeName) {
        let (mut node_type, mut name) =
            self.describer.describe(self.graph, &mut self.names, object);
        if let Some(lent) = self.census.lent_name(rank) {
            if self.describer.may_be_renamed(object, name) {
                name = NodeName::Name(lent.name);
            }
            let shapes = self.graph.layout().snapshot.object_shapes;
            match lent.node_type {
                Some(NodeType::ObjectShape) if !shapes => {}
                Some(lent_type) => node_type = lent_type,
                None => {}
            }
        }
        (node_type, name)
    }

    /// `SizeForSnapshot`.
    fn self_size(&self, object: &Object<'m>) -> u64 {
        let traits = &self.graph.layout().snapshot;
        if traits.read_only_is_free && self.graph.is_read_only(object.address) {
            return 0;
        }
        let text = match object.kind() {
            Kind::ExternalString if traits.external_text_counts => {
                super::text::string_length(object) * if object.shape.is_one_byte() { 1 } else { 2 }
            }
            _ => 0,
        };
        object.size() + text
    }

    fn edge_count(&self, rank: u32, object: Option<&Object<'m>>) -> u64 {
        let mut count = match (self.census.edges_of(rank), object) {
            (Some(count), _) => count,
            (None, Some(object)) => {
                let mut counter = Counter {
                    graph: self.graph,
                    edges: 0,
                };
                self.graph.extract(self.edge_names, object, &mut counter);
                counter.edges
            }
            (None, None) => 0,
        };
        if self.census.is_special(rank) {
            count += self.census.ephemerons_of_key(rank).len() as u64;
        }
        if let Some(table) = object.filter(|object| object.kind() == Kind::EphemeronHashTable) {
            count += self.pairs_of_table(rank, table).len() as u64;
        }
        count
    }

    // Edges

    fn edges(&mut self) -> io::Result<()> {
        self.root_edges()?;
        let graph = self.graph;
        graph.objects().enumerate().try_for_each(|(rank, object)| {
            object.map_or(Ok(()), |object| self.object_edges(rank as u32, &object))
        })
    }

    fn object_edges(&mut self, rank: u32, object: &Object<'m>) -> io::Result<()> {
        let graph = self.graph;
        let names = self.edge_names;
        graph.extract(names, object, &mut Edges { export: self });
        if self.census.is_special(rank) {
            let first = self
                .census
                .ephemerons
                .partition_point(|pair| pair.key < rank);
            for index in first..first + self.census.ephemerons_of_key(rank).len() {
                self.pair_edge(index)?;
            }
        }
        if object.kind() == Kind::EphemeronHashTable {
            for index in self.pairs_of_table(rank, object) {
                self.pair_edge(index)?;
            }
        }
        self.error.take().map_or(Ok(()), Err)
    }

    fn pair_edge(&mut self, index: usize) -> io::Result<()> {
        let target = self.first_node + u64::from(self.census.ephemerons[index].value);
        self.writer.edge(
            EdgeType::Internal,
            self.strings.first_pair + index as u64,
            target,
        )
    }

    /// The pairs of an ephemeron table, as indices into the census.
    fn pairs_of_table(&self, table: u32, object: &Object<'m>) -> Vec<usize> {
        let pairs = &self.census.ephemerons;
        HashTable::new(object, 3, 2)
            .entries()
            .filter_map(|entry| {
                let key = self.graph.pages.rank_of(entry.slot(0).target()?)?;
                let value = self.graph.pages.rank_of(entry.slot(1).target()?)?;
                pairs
                    .binary_search(&EphemeronPair { key, table, value })
                    .ok()
            })
            .collect()
    }

    fn root_edge_count(&self) -> u64 {
        let groups = self.roots.len() as u64;
        1 + self.global_shortcuts().len() as u64
            + groups
            + self
                .roots
                .iter()
                .map(|group| group.len() as u64)
                .sum::<u64>()
    }

    /// What the root leads to besides the groups of roots: the global objects, or from 14.6 on the native contexts.
    fn global_shortcuts(&self) -> Vec<u32> {
        let graph = self.graph;
        // Not those of `vm` contexts, which only other objects hold.
        let is_held = |context| {
            let mut roots = graph.roots.iter();
            roots.any(|root| root.target == context && !root.is_weak)
        };
        let mut targets: Vec<u32> = graph
            .native_contexts
            .iter()
            .filter(|&&context| is_held(context))
            .filter_map(|&context| {
                if graph.layout().snapshot.names_globals {
                    return graph.pages.rank_of(context);
                }
                let global = graph.object(
                    graph
                        .object(context)?
                        .tagged(NATIVE_CONTEXT_GLOBAL)
                        .strong()?,
                )?;
                (global.kind() == Kind::JsGlobalObject)
                    .then(|| graph.pages.rank_of(global.address))?
            })
            .collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    }

    fn root_edges(&mut self) -> io::Result<()> {
        self.writer.edge(EdgeType::Element, 1, GC_ROOTS_NODE)?;
        for (index, rank) in self.global_shortcuts().into_iter().enumerate() {
            let name = self.name_number(&(index + 2).to_string());
            self.writer
                .edge(EdgeType::Shortcut, name, self.first_node + u64::from(rank))?;
        }
        for group in 0..self.roots.len() as u64 {
            self.writer
                .edge(EdgeType::Element, group + 1, FIRST_GROUP_NODE + group)?;
        }
        for group in std::mem::take(&mut self.roots) {
            for (index, root) in group.iter().enumerate() {
                let name = match self.graph.root_table.name_of(root.target) {
                    Some(name) => self.name_number(name),
                    None => self.name_number(&(index + 1).to_string()),
                };
                let edge_type = if root.is_weak {
                    EdgeType::Weak
                } else {
                    EdgeType::Internal
                };
                if let Some(rank) = self.graph.pages.rank_of(root.target) {
                    self.writer
                        .edge(edge_type, name, self.first_node + u64::from(rank))?;
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn edge(&mut self, edge_type: EdgeType, name: EdgeName, target: u64) {
        let name = match name {
            EdgeName::Index(index) => u64::from(index),
            EdgeName::Decimal(index) => self.strings.first_decimal + u64::from(index),
            EdgeName::Name(name) => self.number_of(name),
            EdgeName::Key(key) => self.key_number(key),
            EdgeName::Accessor(part, key) => self.accessor_number(part, key),
            EdgeName::BoundArgument(index) => self.name_number(&format!("bound_argument_{index}")),
        };
        if let Err(error) = self.writer.edge(edge_type, name, target) {
            self.error.get_or_insert(error);
        }
    }

    // Locations

    fn locations(&mut self) -> io::Result<u64> {
        let graph = self.graph;
        let mut locator = Locator::default();
        let mut count = 0;
        for (rank, object) in graph.objects().enumerate() {
            let Some(object) = object.filter(|object| object.kind().is_js_object()) else {
                continue;
            };
            if let Some(location) = locator.locate(graph, &object) {
                let node = self.first_node + rank as u64;
                self.writer
                    .location(node, location.script, location.line, location.column)?;
                count += 1;
            }
        }
        Ok(count)
    }

    // Strings

    /// The number of a text among the strings.
    fn name_number(&mut self, text: &str) -> u64 {
        let name = self.names.intern(text);
        self.number_of(name)
    }

    #[inline]
    fn number_of(&self, name: NameId) -> u64 {
        match self.census.shared_names.get(&name) {
            Some(&string) => self
                .strings
                .of_heap_string(StringGroup::Internalized, string),
            None => self.strings.of_name(name),
        }
    }

    fn node_name_number(&mut self, name: NodeName) -> u64 {
        match name {
            NodeName::Name(name) => self.number_of(name),
            NodeName::Text(address) => self.key_number(address),
        }
    }

    #[inline]
    fn key_number(&mut self, key: Address) -> u64 {
        let slot =
            (key >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> 40 & (REMEMBERED_KEYS - 1);
        let (remembered, number) = self.remembered_keys[slot];
        if remembered == key {
            return number;
        }
        let number = self.find_key_number(key);
        self.remembered_keys[slot] = (key, number);
        number
    }

    fn find_key_number(&mut self, key: Address) -> u64 {
        let Some(object) = self.graph.object(key) else {
            return self.name_number("");
        };
        match object.kind() {
            Kind::Symbol => {
                let text = self.graph.symbol_text(&object);
                self.name_number(&text)
            }
            Kind::ThinString => match object.pointer(16) {
                Some(actual) if actual != key => self.key_number(actual),
                _ => self.name_number(""),
            },
            _ => match self
                .graph
                .pages
                .rank_of(key)
                .and_then(|rank| self.census.string_of(rank))
            {
                Some((group, number)) => self.strings.of_heap_string(group, number),
                None => {
                    let text = self.graph.utf8(key, MAX_STRING_CHARACTERS);
                    self.name_number(&text)
                }
            },
        }
    }

    fn accessor_number(&mut self, part: AccessorPart, key: Address) -> u64 {
        let Some(object) = self
            .graph
            .object(key)
            .filter(|object| object.kind().is_string())
        else {
            return self.key_number(key);
        };
        let text = self.graph.utf8(object.address, MAX_STRING_CHARACTERS);
        let prefix = match part {
            AccessorPart::Getter => "get",
            AccessorPart::Setter => "set",
        };
        self.name_number(&format!("{prefix} {text}"))
    }

    fn all_strings(&mut self, page_numbers: PageNumbers<'_>) -> io::Result<u64> {
        self.writer.one_byte_string(DUMMY_STRING.as_bytes())?;
        let early_names = self.strings.early_names as usize;
        self.names_from(0, early_names)?;
        self.heap_strings(StringGroup::Internalized)?;
        let mut decimal = Vec::new();
        for index in 0..self.census.decimals {
            decimal.clear();
            crate::snapshot::writer::push_number(&mut decimal, u64::from(index));
            self.writer.one_byte_string(&decimal)?;
        }
        self.heap_strings(StringGroup::Other)?;
        for index in 0..self.census.ephemerons.len() {
            let text = self.pair_text(self.census.ephemerons[index], page_numbers);
            self.writer.string(text.encode_utf16())?;
        }
        self.names_from(early_names, usize::MAX)?;
        Ok(self.strings.first_late_name + (self.names.texts().len() - early_names) as u64)
    }

    fn names_from(&mut self, first: usize, count: usize) -> io::Result<()> {
        for text in self.names.texts().skip(first).take(count) {
            self.writer.string(text.encode_utf16())?;
        }
        Ok(())
    }

    fn heap_strings(&mut self, group: StringGroup) -> io::Result<()> {
        let mut bytes = [0; MAX_STRING_CHARACTERS];
        let graph = self.graph;
        for (rank, address) in graph.addresses().enumerate() {
            if self.census.string_group(rank as u32) != Some(group) {
                continue;
            }
            let object = graph.object(address);
            let characters = object.and_then(|string| graph.characters(&string));
            match characters
                .as_ref()
                .map(|characters| (characters.bytes(&mut bytes), characters))
            {
                Some((Some(text), _)) => self.writer.one_byte_string(text)?,
                Some((None, characters)) => self.writer.string(characters.units())?,
                None => self.writer.one_byte_string(b"")?,
            }
        }
        Ok(())
    }

    /// The name of the edges of an ephemeron, in the very form that DevTools takes apart.
    fn pair_text(&mut self, pair: EphemeronPair, page_numbers: PageNumbers<'_>) -> String {
        let (key, key_id) = self.name_and_id(pair.key, page_numbers);
        let (value, value_id) = self.name_and_id(pair.value, page_numbers);
        let (_, table_id) = self.name_and_id(pair.table, page_numbers);
        format!(
            "part of key ({key} @{key_id}) -> value ({value} @{value_id}) pair in WeakMap (table @{table_id})"
        )
    }

    fn name_and_id(&mut self, rank: u32, page_numbers: PageNumbers<'_>) -> (String, u64) {
        let Some(address) = self.graph.pages.address_of(rank) else {
            return (String::new(), 0);
        };
        let id = object_id(page_numbers.number_of(page_of(address)), address);
        let Some(object) = self.graph.object(address) else {
            return (String::new(), id);
        };
        let text = match self.type_and_name(rank, &object).1 {
            NodeName::Name(name) => self.names.text(name).to_owned(),
            NodeName::Text(text) => self.graph.utf8(text, MAX_STRING_CHARACTERS),
        };
        (text, id)
    }
}

struct Counter<'x, 'm> {
    graph: &'x Graph<'m>,
    edges: u64,
}

impl EdgeSink for Counter<'_, '_> {
    #[inline]
    fn edge(&mut self, _: EdgeType, _: EdgeName, target: Address) {
        self.edges += u64::from(self.graph.pages.is_marked(target));
    }

    fn native_edge(&mut self, _: EdgeName, _: Address) {
        self.edges += 1;
    }
}

/// The slot of a native context that holds its global object.
const NATIVE_CONTEXT_GLOBAL: u64 = 16 + 8 * 2;

fn page_of(address: Address) -> Address {
    address >> (WORD_BITS + 3) << (WORD_BITS + 3)
}

fn object_id(page_number: u32, address: Address) -> u64 {
    let word = address >> 3 & ((1 << WORD_BITS) - 1);
    u64::from(page_number) << WORD_BITS | word
}
