//! From rows of numbers to columns: what the numbers of nodes, edges and locations mean, and which of them are possible. It
//! does not know where the numbers come from.

use super::block::Block;
use super::error::{Fault, Section};
use super::graph::{Edges, Location, Locations, NodeIndex, Nodes};
use super::header::{EdgeColumns, Header, LocationColumns, MOST_BYTES, NodeColumns};
use super::sizes::Sizes;
use crate::snapshot::EdgeType;
use rustc_hash::FxHashMap;

/// What takes the rows of an array.
pub(super) trait Table {
    /// Which array.
    const SECTION: Section;

    /// The number of numbers a row.
    fn width(&self) -> usize;

    /// Takes a row.
    fn take_row(&mut self, row: &[u64]) -> Result<(), Fault>;

    /// Takes all rows of a block, or none if one of them is not as it must be; [`Table::take_row`] tells why.
    fn take_block(&mut self, block: &Block) -> bool;
}

fn fits(section: Section, column: &'static str, value: u64) -> Result<u32, Fault> {
    u32::try_from(value).map_err(|_| Fault::TooLarge {
        section,
        column,
        value,
    })
}

fn largest(column: &[u32]) -> u32 {
    column.iter().copied().max().unwrap_or(0)
}

fn sum(column: &[u32]) -> u64 {
    column.iter().copied().map(u64::from).sum()
}

/// The nodes.
pub(super) struct NodeTable {
    columns: NodeColumns,
    /// The sum of the self sizes.
    bytes: u64,
    pub nodes: Nodes,
    /// Where the edges of the next node begin.
    pub next_edge: u32,
}

impl NodeTable {
    /// An empty table with room for so many nodes.
    pub fn new(header: &Header, capacity: usize) -> NodeTable {
        let nodes = Nodes {
            types: Vec::with_capacity(capacity),
            names: Vec::with_capacity(capacity),
            ids: Vec::with_capacity(capacity),
            self_sizes: Sizes::with_capacity(capacity),
            first_edges: Vec::with_capacity(capacity + 1),
        };
        NodeTable {
            columns: header.nodes.clone(),
            bytes: 0,
            nodes,
            next_edge: 0,
        }
    }
}

impl Table for NodeTable {
    const SECTION: Section = Section::Nodes;

    fn width(&self) -> usize {
        self.columns.width
    }

    fn take_row(&mut self, row: &[u64]) -> Result<(), Fault> {
        let (columns, nodes) = (&self.columns, &mut self.nodes);
        let number = row[columns.node_type];
        let node_type = *columns
            .types
            .get(number as usize)
            .ok_or(Fault::Type { value: number })?;
        let name = fits(Section::Nodes, "name", row[columns.name])?;
        let id = fits(Section::Nodes, "id", row[columns.id])?;
        let edge_count = fits(Section::Nodes, "edge_count", row[columns.edge_count])?;
        let next_edge = self
            .next_edge
            .checked_add(edge_count)
            .ok_or(Fault::TooMany {
                section: Section::Edges,
            })?;
        let self_size = row[columns.self_size];
        let bytes = self.bytes.saturating_add(self_size);
        if bytes > MOST_BYTES {
            return Err(Fault::TooLarge {
                section: Section::Nodes,
                column: "self_size",
                value: self_size,
            });
        }
        if nodes.types.len() == u32::MAX as usize {
            return Err(Fault::TooMany {
                section: Section::Nodes,
            });
        }
        self.bytes = bytes;
        nodes.types.push(node_type);
        nodes.names.push(name);
        nodes.ids.push(id);
        nodes.self_sizes.push(self_size);
        nodes.first_edges.push(self.next_edge);
        self.next_edge = next_edge;
        Ok(())
    }

    fn take_block(&mut self, block: &Block) -> bool {
        let (columns, nodes) = (&self.columns, &mut self.nodes);
        let types = block.column(columns.node_type);
        let edge_counts = block.column(columns.edge_count);
        let self_sizes = block.column(columns.self_size);
        let bytes = self.bytes + sum(self_sizes);
        if largest(types) as usize >= columns.types.len()
            || u64::from(self.next_edge) + sum(edge_counts) > u64::from(u32::MAX)
            || bytes > MOST_BYTES
            || nodes.types.len() + block.rows() > u32::MAX as usize
        {
            return false;
        }
        self.bytes = bytes;
        let types = types.iter().map(|&number| columns.types[number as usize]);
        nodes.types.extend(types);
        nodes.names.extend_from_slice(block.column(columns.name));
        nodes.ids.extend_from_slice(block.column(columns.id));
        nodes.self_sizes.extend(self_sizes);
        let next_edge = &mut self.next_edge;
        nodes.first_edges.extend(edge_counts.iter().map(|count| {
            let first = *next_edge;
            *next_edge += count;
            first
        }));
        true
    }
}

/// The edges.
pub(super) struct EdgeTable {
    columns: EdgeColumns,
    targets: Targets,
    pub edges: Edges,
}

impl EdgeTable {
    /// An empty table with room for so many edges between so many nodes.
    pub fn new(header: &Header, node_count: u64, capacity: usize) -> EdgeTable {
        let edges = Edges {
            types: Vec::with_capacity(capacity),
            names: Vec::with_capacity(capacity),
            targets: Vec::with_capacity(capacity),
        };
        EdgeTable {
            columns: header.edges.clone(),
            targets: Targets::new(header, node_count),
            edges,
        }
    }

    fn edge_type(&self, number: u64) -> Option<EdgeType> {
        self.columns.types.get(number as usize).copied().flatten()
    }
}

impl Table for EdgeTable {
    const SECTION: Section = Section::Edges;

    fn width(&self) -> usize {
        self.columns.width
    }

    fn take_row(&mut self, row: &[u64]) -> Result<(), Fault> {
        let number = row[self.columns.edge_type];
        let edge_type = self
            .edge_type(number)
            .ok_or(Fault::Type { value: number })?;
        let target = row[self.columns.to_node];
        let node = self.targets.node(target).ok_or(Fault::Target { target })?;
        let name = fits(
            Section::Edges,
            "name_or_index",
            row[self.columns.name_or_index],
        )?;
        if self.edges.types.len() == u32::MAX as usize - 1 {
            return Err(Fault::TooMany {
                section: Section::Edges,
            });
        }
        self.edges.types.push(edge_type);
        self.edges.names.push(name);
        self.edges.targets.push(node);
        Ok(())
    }

    fn take_block(&mut self, block: &Block) -> bool {
        let before = self.edges.types.len();
        let numbers = block.column(self.columns.edge_type);
        let types = &self.columns.types;
        let known = numbers
            .iter()
            .map_while(|&number| *types.get(number as usize)?);
        self.edges.types.extend(known);
        let references = block.column(self.columns.to_node);
        let is_right = self.edges.types.len() == before + block.rows()
            && self.edges.types.len() < u32::MAX as usize
            && self.targets.add(references, &mut self.edges.targets);
        if is_right {
            let names = block.column(self.columns.name_or_index);
            self.edges.names.extend_from_slice(names);
        } else {
            self.edges.types.truncate(before);
            self.edges.targets.truncate(before);
        }
        is_right
    }
}

/// The locations.
pub(super) struct LocationTable {
    columns: LocationColumns,
    targets: Targets,
    known: FxHashMap<Location, u32>,
    pub locations: Locations,
}

impl LocationTable {
    /// An empty table; none if the header tells of no locations.
    pub fn new(header: &Header, node_count: u64) -> Option<LocationTable> {
        Some(LocationTable {
            columns: header.locations.clone()?,
            targets: Targets::new(header, node_count),
            known: FxHashMap::default(),
            locations: Locations::default(),
        })
    }

    fn add(&mut self, node: NodeIndex, location: Location) {
        // Instances of one class often lie side by side.
        let last = self.locations.rows.last().map(|&(_, place)| place);
        let is_last = |&place: &u32| self.locations.places[place as usize] == location;
        let place = last.filter(is_last).unwrap_or_else(|| {
            *self.known.entry(location).or_insert_with(|| {
                self.locations.places.push(location);
                self.locations.places.len() as u32 - 1
            })
        });
        self.locations.rows.push((node, place));
    }
}

impl Table for LocationTable {
    const SECTION: Section = Section::Locations;

    fn width(&self) -> usize {
        self.columns.width
    }

    fn take_row(&mut self, row: &[u64]) -> Result<(), Fault> {
        let target = row[self.columns.object_index];
        let node = self
            .targets
            .node(target)
            .ok_or(Fault::LocationTarget { target })?;
        let location = Location {
            script_id: fits(Self::SECTION, "script_id", row[self.columns.script_id])?,
            line: fits(Self::SECTION, "line", row[self.columns.line])?,
            column: fits(Self::SECTION, "column", row[self.columns.column])?,
        };
        self.add(node, location);
        Ok(())
    }

    fn take_block(&mut self, block: &Block) -> bool {
        let mut nodes = Vec::new();
        let references = block.column(self.columns.object_index);
        if !self.targets.add(references, &mut nodes) {
            return false;
        }
        for (row, node) in nodes.into_iter().enumerate() {
            let location = Location {
                script_id: block.column(self.columns.script_id)[row],
                line: block.column(self.columns.line)[row],
                column: block.column(self.columns.column)[row],
            };
            self.add(node, location);
        }
        true
    }
}

/// Turns the file's references to nodes into their indexes.
struct Targets {
    node_count: u64,
    width: u64,
}

impl Targets {
    fn new(header: &Header, node_count: u64) -> Targets {
        Targets {
            node_count,
            width: header.nodes.width as u64,
        }
    }

    fn node(&self, reference: u64) -> Option<NodeIndex> {
        let node = reference / self.width;
        (reference.is_multiple_of(self.width) && node < self.node_count).then_some(node as u32)
    }

    /// Adds the nodes to others. False if a reference leads to none.
    fn add(&self, references: &[u32], nodes: &mut Vec<NodeIndex>) -> bool {
        // Divisions by a constant are several times faster, and V8's files have 6 or 7 columns.
        match self.width {
            6 => self.add_divided(references, nodes, |reference| reference / 6),
            7 => self.add_divided(references, nodes, |reference| reference / 7),
            width => self.add_divided(references, nodes, |reference| reference / width as u32),
        }
    }

    #[inline]
    fn add_divided(
        &self,
        references: &[u32],
        nodes: &mut Vec<NodeIndex>,
        divided: impl Fn(u32) -> u32,
    ) -> bool {
        let before = nodes.len();
        nodes.extend(references.iter().map(|&reference| divided(reference)));
        let added = &nodes[before..];
        let width = self.width as u32;
        let mut rest = 0;
        for (&reference, &node) in references.iter().zip(added) {
            rest |= reference - node * width;
        }
        rest == 0 && u64::from(largest(added)) < self.node_count
    }
}
