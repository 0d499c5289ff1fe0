//! Small graphs for tests, told by their nodes and edges.

use super::Graph;
use super::graph::Location;
use crate::snapshot::{EdgeType, NodeType};

/// Builds a graph; ids are 1, 3, 5 and so on.
pub struct Sample {
    nodes: Vec<(NodeType, String, u64)>,
    edges: Vec<(u32, EdgeType, String, u32)>,
    locations: Vec<(u32, Location)>,
}

impl Sample {
    /// A graph with a root alone.
    pub fn with_root() -> Sample {
        Sample {
            nodes: vec![(NodeType::Synthetic, String::new(), 0)],
            edges: Vec::new(),
            locations: Vec::new(),
        }
    }

    /// Adds a node and gives its index.
    pub fn node(&mut self, node_type: NodeType, name: &str, self_size: u64) -> u32 {
        self.nodes.push((node_type, name.to_owned(), self_size));
        self.nodes.len() as u32 - 1
    }

    /// Adds an edge. Of elements and hidden edges the name is a number.
    pub fn edge(&mut self, from: u32, edge_type: EdgeType, name: &str, to: u32) -> &mut Sample {
        self.edges.push((from, edge_type, name.to_owned(), to));
        self
    }

    /// Tells where a node's function stands.
    pub fn place(&mut self, node: u32, script_id: u32, line: u32, column: u32) {
        let location = Location {
            script_id,
            line,
            column,
        };
        self.locations.push((node, location));
    }

    /// The graph.
    pub fn build(&self) -> Graph {
        let mut graph = Graph::default();
        let mut texts: Vec<&str> = Vec::new();
        fn index_of<'t>(texts: &mut Vec<&'t str>, text: &'t str) -> u32 {
            let known = texts.iter().position(|&other| other == text);
            known.unwrap_or_else(|| {
                texts.push(text);
                texts.len() - 1
            }) as u32
        }
        let mut edges: Vec<&(u32, EdgeType, String, u32)> = self.edges.iter().collect();
        edges.sort_by_key(|edge| edge.0);
        let mut edges = edges.into_iter().peekable();
        for (index, (node_type, name, self_size)) in self.nodes.iter().enumerate() {
            graph.nodes.first_edges.push(graph.edges.types.len() as u32);
            graph.nodes.types.push(Some(*node_type));
            graph.nodes.names.push(index_of(&mut texts, name));
            graph.nodes.ids.push(2 * index as u32 + 1);
            graph.nodes.self_sizes.push(*self_size);
            while let Some((_, edge_type, name, to)) =
                edges.next_if(|edge| edge.0 as usize == index)
            {
                graph.edges.types.push(*edge_type);
                graph.edges.targets.push(*to);
                let number = name.parse().ok();
                let number = number.filter(|_| super::graph::is_numbered(*edge_type));
                let name = number.unwrap_or_else(|| index_of(&mut texts, name));
                graph.edges.names.push(name);
            }
        }
        graph.nodes.first_edges.push(graph.edges.types.len() as u32);
        for (node, location) in &self.locations {
            let place = graph.locations.places.len() as u32;
            graph.locations.places.push(*location);
            graph.locations.rows.push((*node, place));
        }
        graph.locations.rows.sort();
        graph.strings = super::Strings::new(None);
        for text in texts {
            graph.strings.push(text.as_bytes(), 0);
        }
        graph
    }
}
