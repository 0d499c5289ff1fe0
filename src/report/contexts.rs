//! Contexts beside the program's own: `node:vm` makes them, and each has all of JavaScript's built-in objects.
//!
//! V8 calls a context detached when its embedder has let it go and something of it is still referred to
//! (`number_of_detached_contexts`). Node keeps none by itself, so each that is there is kept by what refers to it.

use super::analysis::{ObjectReport, Step, object_report, path_report};
use super::heap::Heap;
use super::places::follow;
use crate::snapshot::EdgeType;
use crate::snapshot::reader::{Graph, NodeIndex};
use serde::Serialize;
use std::cmp::Reverse;

/// A context, and what keeps it.
#[derive(Debug, Serialize)]
pub struct ContextReport {
    /// V8's object for it, which holds its built-in objects.
    pub object: ObjectReport,
    /// The shortest path from the root.
    pub path: Vec<Step>,
}

/// The contexts that retain most, at most `top`.
pub fn others(heap: &Heap, top: usize) -> Vec<ContextReport> {
    let graph = &heap.graph;
    let own = own_proxies(graph);
    let is_other = |&node: &NodeIndex| {
        heap.is_native_context(node)
            && follow(graph, node, |name| name == "global_proxy_object")
                .is_some_and(|proxy| !own.contains(&proxy))
    };
    let mut others: Vec<NodeIndex> = graph.nodes().filter(is_other).collect();
    others.sort_by_key(|&node| (Reverse(heap.retained(node)), node));
    others.truncate(top);
    let report = |node: NodeIndex| ContextReport {
        object: object_report(heap, node),
        path: path_report(heap, &heap.paths.to(graph, node)),
    };
    others.into_iter().map(report).collect()
}

/// The proxies of the global objects that the root leads to, which are the program's own.
fn own_proxies(graph: &Graph) -> Vec<NodeIndex> {
    graph
        .edges(Graph::ROOT)
        .filter(|&edge| graph.edge_type(edge) == EdgeType::Shortcut)
        .filter_map(|edge| follow(graph, graph.target(edge), |name| name == "global_proxy"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::NodeType;
    use crate::snapshot::reader::sample::Sample;

    #[test]
    fn contexts_whose_global_object_the_root_does_not_know_are_told() {
        let mut sample = Sample::with_root();
        let global = sample.node(NodeType::Object, "global", 10);
        let proxies = [0, 1].map(|_| sample.node(NodeType::Object, "global", 10));
        let contexts = [0, 1].map(|_| sample.node(NodeType::Hidden, "system / NativeContext", 10));
        sample.edge(0, EdgeType::Shortcut, "1", global);
        sample.edge(global, EdgeType::Internal, "global_proxy", proxies[0]);
        for (context, proxy) in contexts.into_iter().zip(proxies) {
            sample.edge(global, EdgeType::Property, "context", context);
            sample.edge(context, EdgeType::Internal, "global_proxy_object", proxy);
        }
        let heap = Heap::of(sample.build());
        let others = others(&heap, 10);
        let ids: Vec<u32> = others.iter().map(|context| context.object.id).collect();
        assert_eq!(ids, [heap.graph.id(contexts[1])]);
        assert_eq!(others[0].path.len(), 2);
    }
}
