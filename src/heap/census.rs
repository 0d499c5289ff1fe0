//! One walk over the marked objects, in the order of the file, that learns what the file must know before it is written: the
//! number of edges, which strings it holds, and the names that objects lend each other. It keeps half a byte a node.

use super::edge_counter::EdgeCounter;
use super::extract::code::CODE_KIND_MASK;
use super::graph::Graph;
use super::hash_table::HashTable;
use super::layout::Tag;
use super::layout::kind::Kind;
use super::memory::Address;
use super::names::{NameId, Names};
use super::notes::{Notes, Storage, StringGroup};
use super::number_set::NumberSet;
use super::object::Object;
use super::properties::{JS_ELEMENTS, JS_PROPERTIES};
use crate::snapshot::NodeType;
use rustc_hash::FxHashMap;

/// One count of strings is kept for so many nodes.
const NODES_PER_COUNT: u32 = 64;
/// How deep arrays within a constant pool are tagged: the `recursion_limit` of `RecursivelyTagConstantPool`.
const CONSTANT_POOL_DEPTH: u32 = 3;
/// Heap strings up to this length are compared with the texts that V8 makes up.
const MAX_SHARED_NAME: u64 = 64;

/// An entry of an ephemeron table, by the ranks of its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EphemeronPair {
    /// The key.
    pub key: u32,
    /// The table.
    pub table: u32,
    /// The value.
    pub value: u32,
}

/// What a tag lends.
#[derive(Debug, Clone, Copy)]
pub struct LentName {
    /// A name for nodes that have none.
    pub name: NameId,
    /// A type.
    pub node_type: Option<NodeType>,
}

/// What the walk learned.
pub struct Census {
    notes: Notes,
    string_counts: Vec<[u32; 2]>,
    lent_names: FxHashMap<u32, LentName>,
    elements: NameId,
    properties: NameId,
    /// The number of strings of the heap that the file holds, by [`StringGroup`].
    pub strings: [u32; 2],
    /// The number of edges from objects, those of ephemeron pairs included.
    pub edges: u64,
    /// The numbers that name edges.
    pub decimals: NumberSet,
    /// The entries of ephemeron tables with a marked key and value, by key.
    pub ephemerons: Vec<EphemeronPair>,
    /// The internalized string with the same text as a name, by its number among the keys.
    pub shared_names: FxHashMap<NameId, u32>,
}

/// For each kind what its fields lend.
struct Tags {
    by_kind: Vec<Vec<(Tag, NameId)>>,
    constant_pool: NameId,
    feedback: NameId,
    local_names: NameId,
    transition: NameId,
    interpreter_data: NameId,
    bytecode_offsets: NameId,
    deoptimization: NameId,
    source_positions: NameId,
}

impl Tags {
    fn new(graph: &Graph, names: &mut Names) -> Tags {
        let mut by_kind = vec![Vec::new(); Kind::COUNT];
        for tag in graph.layout().tags {
            by_kind[tag.kind as usize].push((*tag, names.intern(tag.name)));
        }
        Tags {
            by_kind,
            constant_pool: names.intern("(constant pool)"),
            feedback: names.intern("(feedback)"),
            local_names: names.intern("(context local names)"),
            transition: names.intern("(transition)"),
            interpreter_data: names.intern("(interpreter data)"),
            bytecode_offsets: names.intern("(bytecode offset table)"),
            deoptimization: names.intern("(code deopt data)"),
            source_positions: names.intern("(source position table)"),
        }
    }
}

impl Census {
    /// Walks the graph. `constructors` are strings whose numbers will be asked for often.
    pub fn take<'m>(
        graph: &Graph<'m>,
        names: &mut Names,
        constructors: impl Iterator<Item = Address>,
        counter: &mut EdgeCounter<'_, 'm>,
    ) -> Census {
        let tags = Tags::new(graph, names);
        let mut census = Census {
            notes: Notes::new(graph.count),
            string_counts: Vec::with_capacity((graph.count / NODES_PER_COUNT) as usize + 1),
            lent_names: FxHashMap::default(),
            elements: names.intern("(object elements)"),
            properties: names.intern("(object properties)"),
            strings: [0; 2],
            edges: 0,
            decimals: NumberSet::default(),
            ephemerons: Vec::new(),
            shared_names: FxHashMap::default(),
        };
        let mut rank = 0u32;
        for page in graph.pages.iter() {
            for address in page.marked() {
                if let Some(object) = graph.object_on(page, address) {
                    let edges = counter.count(&object);
                    census.edges += edges;
                    census.notes.set_edges(rank, edges);
                    census.note(graph, names, &tags, rank, &object);
                }
                rank += 1;
            }
        }
        let used = counter.take_used_names();
        census.decimals = used.decimals;
        census.decimals.rank();
        census.note_keys(graph, used.keys.iter().copied().chain(constructors));
        census.number_strings(graph.count);
        census.find_ephemerons(graph);
        census
    }

    fn note<'m>(
        &mut self,
        graph: &Graph<'m>,
        names: &mut Names,
        tags: &Tags,
        rank: u32,
        object: &Object<'m>,
    ) {
        let kind = object.kind();
        match kind {
            Kind::SeqString | Kind::ExternalString => {
                self.share_name(graph, names, rank, object);
                self.notes.set_string(rank);
            }
            Kind::BytecodeArray => {
                if let Some(pool) = object.pointer(graph.layout().function.bytecode_constant_pool) {
                    self.tag_constant_pool(graph, tags, pool, CONSTANT_POOL_DEPTH);
                }
            }
            Kind::FeedbackVector => self.tag_feedback(graph, tags, object),
            Kind::Code | Kind::InstructionStream => self.tag_code_metadata(graph, tags, object),
            Kind::SharedFunctionInfo => self.tag_baseline_code(graph, names, object),
            Kind::ScopeInfo => {
                if let Some(scope) = graph
                    .scope_info(object)
                    .filter(|scope| !scope.names_are_inlined())
                {
                    let table = object.tagged(scope.names()).strong();
                    self.lend(graph, table, tags.local_names, Some(NodeType::Code));
                }
            }
            Kind::Map => {
                let transitions = object
                    .pointer(graph.layout().map.transitions)
                    .and_then(|found| graph.object(found));
                if let Some(array) = transitions.filter(|found| found.shape.is_fixed_array()) {
                    self.lend(graph, Some(array.address), tags.transition, None);
                }
            }
            _ => {}
        }
        if kind.is_js_object() {
            self.note_storage(graph, object);
        }
        for &(tag, name) in tags.by_kind.get(kind as usize).into_iter().flatten() {
            self.lend(graph, object.pointer(tag.offset), name, tag.node_type);
        }
    }

    #[inline]
    fn note_storage(&mut self, graph: &Graph, object: &Object) {
        for (offset, storage) in [
            (JS_ELEMENTS, Storage::Elements),
            (JS_PROPERTIES, Storage::Properties),
        ] {
            let target = object
                .pointer(offset)
                .filter(|&target| graph.well_known.is_essential(target));
            if let Some(rank) = target.and_then(|target| graph.pages.rank_of(target)) {
                self.notes.set_storage(rank, storage);
            }
        }
    }

    /// `TagObject`: the first name stays, the last type.
    fn lend(
        &mut self,
        graph: &Graph,
        target: Option<Address>,
        name: NameId,
        node_type: Option<NodeType>,
    ) {
        let target = target.filter(|&target| graph.well_known.is_essential(target));
        let Some(rank) = target.and_then(|target| graph.pages.rank_of(target)) else {
            return;
        };
        self.notes.set_special(rank);
        let lent = self
            .lent_names
            .entry(rank)
            .or_insert(LentName { name, node_type });
        lent.node_type = node_type.or(lent.node_type);
    }

    fn tag_constant_pool(&mut self, graph: &Graph, tags: &Tags, pool: Address, depth: u32) {
        let Some(object) = graph.object(pool) else {
            return;
        };
        match object.kind() {
            Kind::FixedArray | Kind::TrustedFixedArray => {
                self.lend(graph, Some(pool), tags.constant_pool, Some(NodeType::Code));
                if depth > 1 {
                    for offset in (16..object.size()).step_by(8) {
                        if let Some(target) = object.tagged(offset).strong() {
                            self.tag_constant_pool(graph, tags, target, depth - 1);
                        }
                    }
                }
            }
            Kind::NameDictionary | Kind::NumberDictionary => {
                self.lend(graph, Some(pool), tags.constant_pool, Some(NodeType::Code));
            }
            _ => {}
        }
    }

    fn tag_feedback(&mut self, graph: &Graph, tags: &Tags, vector: &Object) {
        for offset in (graph.layout().sizes.feedback_vector..vector.size()).step_by(8) {
            let slot = vector
                .tagged(offset)
                .strong()
                .and_then(|target| graph.object(target));
            if let Some(slot) =
                slot.filter(|slot| matches!(slot.kind(), Kind::WeakFixedArray | Kind::FixedArray))
            {
                self.lend(
                    graph,
                    Some(slot.address),
                    tags.feedback,
                    Some(NodeType::Code),
                );
            }
        }
    }

    /// Code that a function's shared info holds is named after the function.
    fn tag_baseline_code<'m>(&mut self, graph: &Graph<'m>, names: &mut Names, shared: &Object<'m>) {
        let layout = graph.layout();
        let data = shared
            .pointer(layout.function.function_data)
            .and_then(|data| graph.object(data));
        let Some(code) =
            data.filter(|data| matches!(data.kind(), Kind::Code | Kind::InstructionStream))
        else {
            return;
        };
        let name = graph.debug_name(shared).map(|name| graph.shown_text(name));
        let text = |what: &str| match &name {
            Some(name) => format!("({what} for {name})"),
            None => format!("(BASELINE {what})"),
        };
        let stream = graph.instruction_stream(&code);
        let targets = match layout.snapshot.tags_trusted_code {
            true => [(Some(code.address), "code"), (stream, "instruction stream")],
            // What later versions call the stream is the code itself.
            false => [(stream.or(Some(code.address)), "code"), (None, "")],
        };
        for (target, what) in targets {
            let name = names.intern(&text(what));
            self.lend(graph, target, name, None);
            if let Some(lent) = target
                .and_then(|target| graph.pages.rank_of(target))
                .and_then(|rank| self.lent_names.get_mut(&rank))
            {
                lent.name = name;
            }
        }
    }

    /// What `ExtractCodeReferences` tags.
    fn tag_code_metadata(&mut self, graph: &Graph, tags: &Tags, object: &Object) {
        let code = &graph.layout().code;
        let has_metadata = match object.kind() {
            Kind::Code => graph.instruction_stream(object).is_some(),
            _ => code.instruction_stream.is_none(),
        };
        if !has_metadata {
            return;
        }
        let (data, positions) = (
            object.pointer(code.deoptimization_data),
            object.pointer(code.position_table),
        );
        let kind = object.view().half_word(u64::from(code.flags)) & CODE_KIND_MASK;
        if kind == code.baseline {
            self.lend(graph, data, tags.interpreter_data, None);
            self.lend(
                graph,
                positions,
                tags.bytecode_offsets,
                Some(NodeType::Code),
            );
        } else if code.deoptimizing_kinds >> kind & 1 == 1 {
            self.lend(graph, data, tags.deoptimization, Some(NodeType::Code));
            let data = data.and_then(|data| graph.object(data));
            for part in code.deoptimization_parts {
                let part = data.as_ref().and_then(|data| data.pointer(16 + 8 * part));
                self.lend(graph, part, tags.deoptimization, Some(NodeType::Code));
            }
            self.lend(
                graph,
                positions,
                tags.source_positions,
                Some(NodeType::Code),
            );
        }
    }

    fn share_name<'m>(&mut self, graph: &Graph<'m>, names: &Names, rank: u32, string: &Object<'m>) {
        if graph.hides(string.address)
            || !string.shape.is_internalized()
            || string.string_length() > MAX_SHARED_NAME
        {
            return;
        }
        let text = graph.utf8(string.address, MAX_SHARED_NAME as usize);
        if let Some(name) = names.find(&text) {
            self.shared_names.insert(name, rank);
        }
    }

    fn note_keys(&mut self, graph: &Graph, keys: impl Iterator<Item = Address>) {
        let strings = keys.filter_map(|key| {
            let key = graph.object(key)?;
            let actual = match key.kind() {
                Kind::ThinString => key.pointer(16)?,
                _ => key.address,
            };
            graph.pages.rank_of(actual)
        });
        let ranks: Vec<u32> = strings.chain(self.shared_names.values().copied()).collect();
        for rank in ranks {
            self.notes.set_key(rank);
        }
    }

    fn number_strings(&mut self, nodes: u32) {
        for rank in 0..nodes {
            if rank % NODES_PER_COUNT == 0 {
                self.string_counts.push(self.strings);
            }
            if let Some(group) = self.notes.string_group(rank) {
                self.strings[group as usize] += 1;
            }
        }
        let shared = std::mem::take(&mut self.shared_names);
        self.shared_names = shared
            .into_iter()
            .filter_map(|(name, rank)| Some((name, self.string_of(rank)?.1)))
            .collect();
    }

    fn find_ephemerons(&mut self, graph: &Graph) {
        for &address in &graph.ephemeron_tables {
            let (Some(table), Some(table_rank)) =
                (graph.object(address), graph.pages.rank_of(address))
            else {
                continue;
            };
            for entry in HashTable::new(&table, 3, 2).entries() {
                let (Some(key), Some(value)) = (entry.slot(0).target(), entry.slot(1).target())
                else {
                    continue;
                };
                let (Some(key_rank), Some(value)) =
                    (graph.pages.rank_of(key), graph.pages.rank_of(value))
                else {
                    continue;
                };
                if key != graph.well_known.undefined {
                    self.notes.set_special(key_rank);
                    self.ephemerons.push(EphemeronPair {
                        key: key_rank,
                        table: table_rank,
                        value,
                    });
                }
            }
        }
        self.ephemerons.sort_unstable();
        // Each pair is an edge of its key and one of its table.
        self.edges += 2 * self.ephemerons.len() as u64;
    }

    /// What is remembered of each node.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// What other objects lend the node.
    #[inline]
    pub fn lent_name(&self, rank: u32) -> Option<LentName> {
        if self.notes.is_special(rank)
            && let Some(lent) = self.lent_names.get(&rank)
        {
            return Some(*lent);
        }
        let name = match self.notes.storage(rank)? {
            Storage::Elements => self.elements,
            Storage::Properties => self.properties,
        };
        Some(LentName {
            name,
            node_type: None,
        })
    }

    /// The group of the node's string and its number there.
    pub fn string_of(&self, rank: u32) -> Option<(StringGroup, u32)> {
        let group = self.notes.string_group(rank)?;
        let first = rank - rank % NODES_PER_COUNT;
        let before = (first..rank)
            .filter(|&rank| self.notes.string_group(rank) == Some(group))
            .count();
        let counts = self.string_counts.get((first / NODES_PER_COUNT) as usize)?;
        Some((group, counts[group as usize] + before as u32))
    }

    /// The ephemerons whose key is the node.
    pub fn ephemerons_of_key(&self, rank: u32) -> &[EphemeronPair] {
        let first = self.ephemerons.partition_point(|pair| pair.key < rank);
        let last = self.ephemerons.partition_point(|pair| pair.key <= rank);
        &self.ephemerons[first..last]
    }
}
