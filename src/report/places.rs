//! Where functions stand: the script's name, line and column, as people count them.

use crate::snapshot::reader::{EdgeName, Graph, Location, NodeIndex};
use crate::snapshot::{EdgeType, NodeType};
use rustc_hash::FxHashMap;
use serde::Serialize;

/// A place in a script; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The path or the address of the script.
    pub script: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", short_name(&self.script), self.line)
    }
}

/// A script's name without its folders; of Node's own modules all of it.
pub fn short_name(script: &str) -> &str {
    if script.starts_with("node:") {
        return script;
    }
    let name = script.rsplit(['/', '\\']).next();
    name.filter(|name| !name.is_empty()).unwrap_or(script)
}

/// The names of all scripts.
pub struct Places {
    scripts: FxHashMap<u32, String>,
}

impl Places {
    /// Learns the scripts' names from functions that have a location: function, shared function info, script.
    pub fn of(graph: &Graph) -> Places {
        let mut scripts = FxHashMap::default();
        for (node, location) in graph.located_nodes() {
            if graph.is(node, NodeType::Closure)
                && !scripts.contains_key(&location.script_id)
                && let Some(name) = script_name(graph, node)
            {
                scripts.insert(location.script_id, name);
            }
        }
        Places { scripts }
    }

    /// A location in words.
    pub fn place(&self, location: Location) -> Place {
        let script = self.scripts.get(&location.script_id).cloned();
        Place {
            script: script.unwrap_or_else(|| format!("script {}", location.script_id)),
            line: location.line + 1,
            column: location.column + 1,
        }
    }

    /// Where a function, or the constructor of an object, stands.
    pub fn of_node(&self, graph: &Graph, node: NodeIndex) -> Option<Place> {
        graph.location(node).map(|location| self.place(location))
    }

    /// Whether a script belongs to the program, and not to Node.
    pub fn is_of_program(&self, location: Location) -> bool {
        self.scripts
            .get(&location.script_id)
            .is_some_and(|script| !script.starts_with("node:") && !script.is_empty())
    }
}

fn script_name(graph: &Graph, closure: NodeIndex) -> Option<String> {
    let shared = follow(graph, closure, |name| name == "shared")?;
    let script = follow(graph, shared, |name| name.starts_with("script"))?;
    let name = graph.node_name(script);
    (graph.is(script, NodeType::Code) && !name.is_empty()).then(|| name.into_owned())
}

/// Where the first internal edge of such a name leads.
pub fn follow(graph: &Graph, node: NodeIndex, is_it: impl Fn(&str) -> bool) -> Option<NodeIndex> {
    graph
        .edges(node)
        .find(|&edge| {
            graph.edge_type(edge) == EdgeType::Internal
                && matches!(graph.edge_name(edge), EdgeName::Text(name) if is_it(&name))
        })
        .map(|edge| graph.target(edge))
}
