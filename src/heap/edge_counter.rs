//! Counts edges to what is a node, by the very extraction that writes them.

use super::extract::{EdgeName, EdgeNames, EdgeSink, Extractor};
use super::graph::Graph;
use super::memory::Address;
use super::number_set::NumberSet;
use super::object::Object;
use super::pages::Pages;
use crate::snapshot::EdgeType;
use rustc_hash::FxHashSet;
use std::rc::Rc;

/// Counts the edges of one graph's nodes.
pub struct EdgeCounter<'g, 'm> {
    extractor: Extractor<'g, 'm, Sink<'g, 'm>>,
    sink: Sink<'g, 'm>,
}

struct Sink<'g, 'm> {
    pages: &'g Pages<'m>,
    edges: u64,
    used: Option<UsedNames>,
}

/// What edges are called.
#[derive(Default)]
pub struct UsedNames {
    /// The numbers.
    pub decimals: NumberSet,
    /// Keys of properties that all objects of some map have; not of more than some thousand maps.
    pub keys: FxHashSet<Address>,
}

/// So many keys are told.
const MOST_KEYS: usize = 1 << 14;

impl<'g, 'm> EdgeCounter<'g, 'm> {
    /// A counter that has seen nothing.
    pub fn new(graph: &'g Graph<'m>, names: Rc<EdgeNames>) -> EdgeCounter<'g, 'm> {
        EdgeCounter {
            extractor: Extractor::new(graph, names),
            sink: Sink {
                pages: &graph.pages,
                edges: 0,
                used: Some(UsedNames::default()),
            },
        }
    }

    /// The number of edges of `object`.
    #[inline]
    pub fn count(&mut self, object: &Object<'m>) -> u64 {
        self.sink.edges = 0;
        self.extractor.extract(object, &mut self.sink);
        self.sink.edges
    }

    /// What the edges counted so far are called. Those counted later are not looked at.
    pub fn take_used_names(&mut self) -> UsedNames {
        self.sink.used.take().unwrap_or_default()
    }
}

impl EdgeSink for Sink<'_, '_> {
    type Label = ();
    /// Whether it leads to a node.
    type Edge = bool;

    fn label(&mut self, _: EdgeType, name: EdgeName) {
        if let (Some(used), EdgeName::Key(key)) = (&mut self.used, name)
            && used.keys.len() < MOST_KEYS
        {
            used.keys.insert(key);
        }
    }

    fn prepare(&mut self, edge_type: EdgeType, name: EdgeName, target: Address) -> bool {
        self.label(edge_type, name);
        self.pages.is_marked(target)
    }

    #[inline]
    fn edge(&mut self, _: EdgeType, name: EdgeName, target: Address) {
        if self.pages.is_marked(target) {
            self.edges += 1;
            if let (Some(used), EdgeName::Decimal(index)) = (&mut self.used, name) {
                used.decimals.insert(index);
            }
        }
    }

    #[inline]
    fn labelled(&mut self, _: &(), target: Address) {
        self.edges += u64::from(self.pages.is_marked(target));
    }

    #[inline]
    fn prepared(&mut self, leads_to_node: &bool) {
        self.edges += u64::from(*leads_to_node);
    }

    fn native_edge(&mut self, _: EdgeName, _: Address) {
        self.edges += 1;
    }
}
