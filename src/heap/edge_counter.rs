//! Counts edges to what is a node, by the very extraction that writes them.

use super::extract::{EdgeName, EdgeNames, EdgeSink, Extractor};
use super::graph::Graph;
use super::memory::Address;
use super::object::Object;
use super::pages::Pages;
use crate::snapshot::EdgeType;

/// Counts the edges of one graph's nodes.
pub struct EdgeCounter<'g, 'm> {
    extractor: Extractor<'g, 'm, Sink<'g, 'm>>,
    sink: Sink<'g, 'm>,
}

struct Sink<'g, 'm> {
    pages: &'g Pages<'m>,
    edges: u64,
    decimals: u32,
}

impl<'g, 'm> EdgeCounter<'g, 'm> {
    /// A counter that has seen nothing.
    pub fn new(graph: &'g Graph<'m>, names: &'g EdgeNames) -> EdgeCounter<'g, 'm> {
        EdgeCounter {
            extractor: Extractor::new(graph, names),
            sink: Sink {
                pages: &graph.pages,
                edges: 0,
                decimals: 0,
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

    /// One more than the largest number that named an edge.
    pub fn decimals(&self) -> u32 {
        self.sink.decimals
    }
}

impl EdgeSink for Sink<'_, '_> {
    type Label = ();
    /// Whether it leads to a node.
    type Edge = bool;

    fn label(&mut self, _: EdgeType, _: EdgeName) {}

    fn prepare(&mut self, _: EdgeType, _: EdgeName, target: Address) -> bool {
        self.pages.is_marked(target)
    }

    #[inline]
    fn edge(&mut self, _: EdgeType, name: EdgeName, target: Address) {
        if self.pages.is_marked(target) {
            self.edges += 1;
            if let EdgeName::Decimal(index) = name {
                self.decimals = self.decimals.max(index + 1);
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
