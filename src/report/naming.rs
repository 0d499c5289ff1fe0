//! Names that people know things by: an expression of their own program for what a path leads to.

use super::heap::Heap;
use super::places::{Place, follow};
use crate::snapshot::reader::{EdgeIndex, EdgeName, Graph, NodeIndex};
use crate::snapshot::{EdgeType, NodeType};

/// How far back a variable may lie from what it holds.
const LONGEST_EXPRESSION: usize = 10;
const LONGEST_TEXT: usize = 60;

/// A thing as its program calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// Such as `bus._events.data`.
    pub text: String,
    /// A function that can see the variable, or the class it belongs to.
    pub function: Option<String>,
    /// Where that stands.
    pub place: Option<Place>,
}

/// The expression for what the path leads to, if there is a name on it.
pub fn expression(heap: &Heap, path: &[EdgeIndex]) -> Option<Expression> {
    let graph = &heap.graph;
    let nearest = path.len().saturating_sub(LONGEST_EXPRESSION);
    for (index, &edge) in path.iter().enumerate().skip(nearest).rev() {
        if let Some(mut expression) =
            beginning(heap, edge, index.checked_sub(1).map(|index| path[index]))
        {
            for &edge in &path[index + 1..] {
                expression.text.push_str(&segment(graph, edge));
            }
            return Some(expression);
        }
    }
    let last = path.iter().skip(nearest.max(path.len().saturating_sub(4)));
    let text: String = last.clone().map(|&edge| segment(graph, edge)).collect();
    let owner = last
        .clone()
        .map(|&edge| graph.source(edge))
        .find(|&node| heap.is_visible(node));
    owner.filter(|_| !text.is_empty()).map(|owner| Expression {
        text: format!("{}{text}", graph.node_name(owner)),
        function: None,
        place: heap.places.of_node(graph, owner),
    })
}

/// The expression that begins with this edge, if it is a variable, a global property or a static one.
fn beginning(heap: &Heap, edge: EdgeIndex, before: Option<EdgeIndex>) -> Option<Expression> {
    let graph = &heap.graph;
    let EdgeName::Text(name) = graph.edge_name(edge) else {
        return None;
    };
    let source = graph.source(edge);
    match graph.edge_type(edge) {
        EdgeType::Context if heap.is_context(source) && !name.starts_with('.') => {
            let function = before
                .map(|edge| graph.source(edge))
                .filter(|&node| graph.is(node, NodeType::Closure))
                .or_else(|| function_of_context(heap, source));
            let text = if name == "this" {
                graph.node_name(graph.target(edge)).into_owned()
            } else {
                name.into_owned()
            };
            Some(Expression {
                text,
                function: function.map(|node| function_name(graph, node)),
                place: function.and_then(|node| heap.places.of_node(graph, node)),
            })
        }
        EdgeType::Property if is_global(graph, source) => Some(Expression {
            text: format!("globalThis{}", segment(graph, edge)),
            function: None,
            place: None,
        }),
        EdgeType::Property
            if graph.is(source, NodeType::Closure) && !is_of_every_function(&name) =>
        {
            Some(Expression {
                text: format!("{}{}", function_name(graph, source), segment(graph, edge)),
                function: None,
                place: heap.places.of_node(graph, source),
            })
        }
        EdgeType::Property if name == "exports" && graph.node_name(source) == "Module" => {
            let script = property(graph, source, "filename");
            Some(Expression {
                text: "module.exports".to_owned(),
                function: None,
                place: script.map(|script| Place {
                    script: graph.node_name(script).into_owned(),
                    line: 1,
                    column: 1,
                }),
            })
        }
        _ => None,
    }
}

fn is_of_every_function(name: &str) -> bool {
    matches!(
        name,
        "prototype" | "constructor" | "__proto__" | "caller" | "arguments"
    )
}

/// Whether a node is a global object.
pub fn is_global(graph: &Graph, node: NodeIndex) -> bool {
    graph
        .edges(Graph::ROOT)
        .any(|edge| graph.edge_type(edge) == EdgeType::Shortcut && graph.target(edge) == node)
        || (graph.is(node, NodeType::Object) && graph.node_name(node).starts_with("global"))
}

fn function_name(graph: &Graph, function: NodeIndex) -> String {
    let name = graph.node_name(function);
    if name.is_empty() {
        "(anonymous)".to_owned()
    } else {
        name.into_owned()
    }
}

/// A function whose scope a context is; the first of its script.
fn function_of_context(heap: &Heap, context: NodeIndex) -> Option<NodeIndex> {
    let graph = &heap.graph;
    let functions = graph.located_nodes().filter(|&(node, _)| {
        graph.is(node, NodeType::Closure)
            && follow(graph, node, |name| name == "context") == Some(context)
    });
    functions
        .min_by_key(|&(_, location)| location)
        .map(|(node, _)| node)
}

/// The object that a property of this name leads to.
pub fn property(graph: &Graph, node: NodeIndex, property: &str) -> Option<NodeIndex> {
    graph
        .edges(node)
        .find(|&edge| {
            graph.edge_type(edge) == EdgeType::Property
                && matches!(graph.edge_name(edge), EdgeName::Text(name) if name == property)
        })
        .map(|edge| graph.target(edge))
}

/// What an edge adds to an expression.
fn segment(graph: &Graph, edge: EdgeIndex) -> String {
    match (graph.edge_type(edge), graph.edge_name(edge)) {
        (EdgeType::Property | EdgeType::Context, EdgeName::Text(name)) if is_identifier(&name) => {
            format!(".{name}")
        }
        (EdgeType::Property, EdgeName::Text(name)) => format!("[\"{}\"]", shortened(&name)),
        (EdgeType::Element, name) => format!("[{name}]"),
        (EdgeType::Internal, EdgeName::Text(name)) if name.parse::<u32>().is_ok() => {
            "[…]".to_owned()
        }
        _ => String::new(),
    }
}

fn is_identifier(name: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || "_$#".contains(character);
    !name.is_empty()
        && name.chars().all(is_part)
        && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// A text that fits a line: its beginning, without line breaks.
pub fn shortened(text: &str) -> String {
    let mut characters = text.chars().map(|character| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    });
    let short: String = characters.by_ref().take(LONGEST_TEXT).collect();
    if characters.next().is_some() {
        short + "…"
    } else {
        short
    }
}

/// One step of a path, as people read it: the edge, then what it leads to.
pub fn edge_text(graph: &Graph, edge: EdgeIndex) -> String {
    let name = graph.edge_name(edge).to_string();
    match graph.edge_type(edge) {
        EdgeType::Context => format!("variable {name}"),
        EdgeType::Element => format!("[{name}]"),
        EdgeType::Property if is_identifier(&name) => format!(".{name}"),
        EdgeType::Property => format!("[\"{}\"]", shortened(&name)),
        EdgeType::Internal | EdgeType::Hidden => format!("({})", shortened(&name)),
        EdgeType::Shortcut => shortened(&name),
        EdgeType::Weak => format!("weak {}", shortened(&name)),
    }
}

/// A node, as people read it: its class or its beginning.
pub fn node_text(graph: &Graph, node: NodeIndex) -> String {
    let name = shortened(&graph.node_name(node));
    match graph.node_type(node) {
        Some(NodeType::Closure) if name.is_empty() => "(anonymous)()".to_owned(),
        Some(NodeType::Closure) => format!("{name}()"),
        Some(NodeType::String | NodeType::ConcatenatedString | NodeType::SlicedString) => {
            format!("\"{name}\"")
        }
        Some(NodeType::Array) if name.is_empty() => "(array)".to_owned(),
        Some(NodeType::Code) if name.is_empty() => "(code)".to_owned(),
        Some(NodeType::Synthetic) if name.is_empty() => "(root)".to_owned(),
        _ if name.is_empty() => "(unnamed)".to_owned(),
        _ => name,
    }
}
