//! The header of a snapshot: which columns its rows have, in which order, and what the numbers of types mean.

use super::error::{Fault, Section};
use crate::snapshot::{EdgeType, NodeType};
use serde::Deserialize;

/// More columns than this are no snapshot of V8's; it has had 7 at most.
pub const MAX_COLUMNS: usize = 16;

/// The sizes of a file are at most this in sum, for processors address no more: 256 TB. So sums of sizes are right.
pub const MOST_BYTES: u64 = 1 << 48;

/// What the header says.
#[derive(Debug, Clone)]
pub struct Header {
    /// The number of nodes, as the file claims.
    pub node_count: u64,
    /// The number of edges, as the file claims.
    pub edge_count: u64,
    /// Bytes outside of V8's heap that belong to no node.
    pub extra_native_bytes: u64,
    pub(super) nodes: NodeColumns,
    pub(super) edges: EdgeColumns,
    pub(super) locations: Option<LocationColumns>,
}

#[derive(Debug, Clone)]
pub(super) struct NodeColumns {
    pub width: usize,
    pub node_type: usize,
    pub name: usize,
    pub id: usize,
    pub self_size: usize,
    pub edge_count: usize,
    /// By the number of the type; `None` for those of later versions.
    pub types: Vec<Option<NodeType>>,
}

#[derive(Debug, Clone)]
pub(super) struct EdgeColumns {
    pub width: usize,
    pub edge_type: usize,
    pub name_or_index: usize,
    pub to_node: usize,
    pub types: Vec<Option<EdgeType>>,
}

#[derive(Debug, Clone)]
pub(super) struct LocationColumns {
    pub width: usize,
    pub object_index: usize,
    pub script_id: usize,
    pub line: usize,
    pub column: usize,
}

#[derive(Deserialize)]
struct Raw {
    meta: RawMeta,
    node_count: u64,
    edge_count: u64,
    #[serde(default)]
    extra_native_bytes: u64,
    #[serde(default)]
    root_index: u64,
}

#[derive(Deserialize)]
struct RawMeta {
    node_fields: Vec<String>,
    node_types: Vec<Types>,
    edge_fields: Vec<String>,
    edge_types: Vec<Types>,
    #[serde(default)]
    location_fields: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Types {
    Names(Vec<String>),
    Kind(#[expect(dead_code, reason = "\"string\" or \"number\", which the column says")] String),
}

impl Header {
    /// Reads the JSON object behind `"snapshot":`.
    pub(super) fn parse(json: &[u8]) -> Result<Header, Fault> {
        let Raw {
            meta,
            node_count,
            edge_count,
            extra_native_bytes,
            root_index,
        } = serde_json::from_slice(json).map_err(|error| Fault::Header {
            reason: error.to_string(),
        })?;
        if root_index != 0 {
            return Err(Fault::Header {
                reason: "the root is not the first node".to_owned(),
            });
        }
        if extra_native_bytes > MOST_BYTES {
            return Err(Fault::Header {
                reason: format!("{extra_native_bytes} extra_native_bytes are more than memory"),
            });
        }
        for (section, claimed) in [(Section::Nodes, node_count), (Section::Edges, edge_count)] {
            if claimed >= u64::from(u32::MAX) {
                return Err(Fault::TooMany { section });
            }
        }
        let node = Columns::new("node_fields", &meta.node_fields)?;
        let edge = Columns::new("edge_fields", &meta.edge_fields)?;
        let location = Columns::new("location_fields", &meta.location_fields)?;
        let node_type = node.required("type")?;
        let edge_type = edge.required("type")?;
        Ok(Header {
            node_count,
            edge_count,
            extra_native_bytes,
            nodes: NodeColumns {
                width: node.width(),
                node_type,
                name: node.required("name")?,
                id: node.required("id")?,
                self_size: node.required("self_size")?,
                edge_count: node.required("edge_count")?,
                types: types_of("node_types", &meta.node_types, node_type, node_type_of)?,
            },
            edges: EdgeColumns {
                width: edge.width(),
                edge_type,
                name_or_index: edge.required("name_or_index")?,
                to_node: edge.required("to_node")?,
                types: types_of("edge_types", &meta.edge_types, edge_type, edge_type_of)?,
            },
            locations: if location.width() == 0 {
                None
            } else {
                Some(LocationColumns {
                    width: location.width(),
                    object_index: location.required("object_index")?,
                    script_id: location.required("script_id")?,
                    line: location.required("line")?,
                    column: location.required("column")?,
                })
            },
        })
    }
}

struct Columns<'a> {
    what: &'static str,
    names: &'a [String],
}

impl<'a> Columns<'a> {
    fn new(what: &'static str, names: &'a [String]) -> Result<Columns<'a>, Fault> {
        if names.len() > MAX_COLUMNS {
            return Err(Fault::Header {
                reason: format!("{} {what}", names.len()),
            });
        }
        Ok(Columns { what, names })
    }

    fn width(&self) -> usize {
        self.names.len()
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|column| column == name)
    }

    fn required(&self, name: &str) -> Result<usize, Fault> {
        self.find(name).ok_or_else(|| Fault::Header {
            reason: format!("{} lack {name}", self.what),
        })
    }
}

fn types_of<T>(
    what: &str,
    types: &[Types],
    column: usize,
    known: impl Fn(&str) -> Option<T>,
) -> Result<Vec<Option<T>>, Fault> {
    match types.get(column) {
        Some(Types::Names(names)) => Ok(names.iter().map(|name| known(name)).collect()),
        _ => Err(Fault::Header {
            reason: format!("{what} do not list the types"),
        }),
    }
}

fn node_type_of(name: &str) -> Option<NodeType> {
    Some(match name {
        "hidden" => NodeType::Hidden,
        "array" => NodeType::Array,
        "string" => NodeType::String,
        "object" => NodeType::Object,
        "code" => NodeType::Code,
        "closure" => NodeType::Closure,
        "regexp" => NodeType::RegExp,
        "number" => NodeType::Number,
        "native" => NodeType::Native,
        "synthetic" => NodeType::Synthetic,
        "concatenated string" => NodeType::ConcatenatedString,
        "sliced string" => NodeType::SlicedString,
        "symbol" => NodeType::Symbol,
        "bigint" => NodeType::BigInt,
        "object shape" => NodeType::ObjectShape,
        _ => return None,
    })
}

fn edge_type_of(name: &str) -> Option<EdgeType> {
    Some(match name {
        "context" => EdgeType::Context,
        "element" => EdgeType::Element,
        "property" => EdgeType::Property,
        "internal" => EdgeType::Internal,
        "hidden" => EdgeType::Hidden,
        "shortcut" => EdgeType::Shortcut,
        "weak" => EdgeType::Weak,
        _ => return None,
    })
}
