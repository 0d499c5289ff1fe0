//! The whole analysis as data: the schema of `--json`, which text and HTML show as well. `docs/analysis.md` documents it.

use super::bits::Bits;
use super::classes::{Class, ClassIndex, Classes};
use super::contexts::{self, ContextReport};
use super::growth::Growth;
use super::heap::Heap;
use super::naming::{edge_text, node_text};
use super::places::Place;
use super::sentence::sentence;
use super::sets::{retained_by_sets, sum_outermost, sums_of_retained};
use super::suspects::{self, Suspect};
use super::threads::both;
use crate::snapshot::NodeType;
use crate::snapshot::reader::{EdgeIndex, Graph, NodeIndex};
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::cmp::Reverse;

/// The version of the schema. It changes when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;
/// A path of more steps is shown without its middle.
const LONGEST_PATH: usize = 40;

/// What a snapshot says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The file, as it was given.
    pub file: String,
    /// What is wrong with the file, if it was salvaged.
    pub damage: Option<String>,
    /// The whole.
    pub overview: Overview,
    /// The largest first.
    pub suspects: Vec<SuspectReport>,
    /// The largest first, by what all instances retain together.
    pub classes: Vec<ClassReport>,
    /// Texts that are there more than once, the most wasteful first.
    pub duplicate_strings: DuplicateStrings,
    /// The objects of the largest shallow sizes.
    pub largest_objects: Vec<ObjectReport>,
    /// What the code of each npm package, or script, retains.
    pub packages: Vec<PackageReport>,
    /// Contexts beside the program's own, and what keeps them.
    pub contexts: Vec<ContextReport>,
}

/// The whole heap.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// Bytes of all nodes, with what they keep outside of V8's heap.
    pub bytes: u64,
    /// The number of nodes.
    pub nodes: u64,
    /// The number of edges.
    pub edges: u64,
    /// Bytes by what they are for.
    pub strings: u64,
    /// Bytes of arrays and of V8's tables that no single object owns.
    pub arrays: u64,
    /// Bytes of compiled code and what belongs to it.
    pub code: u64,
    /// Bytes of V8's own structures.
    pub system: u64,
    /// Bytes outside of V8's heap, such as those of buffers.
    pub external: u64,
    /// Bytes of all other objects.
    pub objects: u64,
    /// The objects that no other object retains, the largest first.
    pub biggest_dominators: Vec<ObjectReport>,
}

/// One suspect.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SuspectReport {
    /// The plain sentence.
    pub sentence: String,
    /// `object` or `group`.
    pub kind: &'static str,
    /// What the program calls it.
    pub name: Option<String>,
    /// A function that sees the variable.
    pub function: Option<String>,
    /// Where that function stands.
    pub place: Option<Place>,
    /// The object, or the largest of the group.
    pub object: ObjectReport,
    /// The number of instances, of a group.
    pub instances: Option<u64>,
    /// Who refers to the instances, of a group.
    pub holders: Vec<HolderReport>,
    /// The id of the node that the bytes hang from.
    pub accumulation_point: u32,
    /// The bytes that would be free without the suspect.
    pub retained: u64,
    /// That as a share of the heap, from 0 to 1.
    pub share: f64,
    /// The shape that it grows in.
    pub growth: Growth,
    /// The shortest path from the root.
    pub path: Vec<Step>,
    /// What is accumulated.
    pub accumulated: Vec<AccumulatedReport>,
    /// Functions and constructors of the program below the suspect.
    pub code: Vec<CodeReport>,
}

/// Who holds the instances of a group.
#[derive(Debug, Serialize)]
pub struct HolderReport {
    /// Its expression or class.
    pub name: String,
    /// How many instances it refers to.
    pub count: u64,
}

/// One step of a path.
#[derive(Debug, Serialize)]
pub struct Step {
    /// The name of the edge, as people read it.
    pub edge: String,
    /// What it leads to.
    pub node: ObjectReport,
}

/// An object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReport {
    /// For `path` and `show`, and in DevTools behind the @.
    pub id: u32,
    /// Its class or text.
    pub name: String,
    /// Where its function or constructor stands.
    pub place: Option<Place>,
    /// Bytes of its own.
    pub shallow: u64,
    /// Bytes that would be free without it.
    pub retained: u64,
}

/// A class of the histogram.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassReport {
    /// Its name.
    pub name: String,
    /// Where its constructor, or the function, stands.
    pub place: Option<Place>,
    /// The number of its instances.
    pub count: u64,
    /// The sum of their shallow sizes.
    pub shallow: u64,
    /// The bytes that would be free without all of them.
    pub retained: u64,
}

/// What is accumulated of one class.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccumulatedReport {
    /// Its name.
    pub name: String,
    /// Where its constructor, or the function, stands.
    pub place: Option<Place>,
    /// The number of instances.
    pub count: u64,
    /// The sum of their shallow sizes.
    pub shallow: u64,
    /// The sum of what they retain.
    pub retained: u64,
}

/// Code of the program.
#[derive(Debug, Serialize)]
pub struct CodeReport {
    /// The function or class.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// How many there are of it.
    pub count: u64,
}

/// Texts that are there more than once.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DuplicateStrings {
    /// The bytes of all copies but one each.
    pub wasted: u64,
    /// The most wasteful.
    pub strings: Vec<DuplicateString>,
}

/// A text that is there more than once.
#[derive(Debug, Serialize)]
pub struct DuplicateString {
    /// Its beginning.
    pub text: String,
    /// The number of copies.
    pub count: u64,
    /// The bytes of all copies but one.
    pub wasted: u64,
}

/// What the code of a package retains.
#[derive(Debug, Serialize)]
pub struct PackageReport {
    /// The npm package, or the script if it belongs to none.
    pub name: String,
    /// The sum of what its functions and the instances of its classes retain, without those that others of it retain.
    pub retained: u64,
}

/// Analyses a heap; lists have at most `top` entries.
pub fn analyze(heap: &Heap, file: &str, damage: Option<String>, top: usize) -> Analysis {
    let classes = Classes::of(heap);
    let what_leaked = || {
        let suspects = suspect_reports(heap, &classes, top);
        (suspects, packages(heap, top), contexts::others(heap, top))
    };
    let what_there_is = || {
        let duplicate_strings = duplicate_strings(heap, top);
        (histogram(heap, &classes, top), duplicate_strings)
    };
    let ((suspects, packages, contexts), (classes, duplicate_strings)) =
        both(what_leaked, what_there_is);
    Analysis {
        schema_version: SCHEMA_VERSION,
        file: file.to_owned(),
        damage,
        overview: overview(heap, top),
        suspects,
        classes,
        duplicate_strings,
        largest_objects: largest_objects(heap, top),
        packages,
        contexts,
    }
}

/// The suspects alone.
pub fn suspects(heap: &Heap, top: usize) -> Vec<SuspectReport> {
    let classes = Classes::of(heap);
    suspect_reports(heap, &classes, top)
}

fn suspect_reports(heap: &Heap, classes: &Classes, top: usize) -> Vec<SuspectReport> {
    let suspects = suspects::find(heap, classes);
    let largest = suspects.iter().take(top);
    largest
        .map(|suspect| suspect_report(heap, classes, suspect))
        .collect()
}

/// An object for people.
pub fn object_report(heap: &Heap, node: NodeIndex) -> ObjectReport {
    ObjectReport {
        id: heap.graph.id(node),
        name: node_text(&heap.graph, node),
        place: heap.places.of_node(&heap.graph, node),
        shallow: heap.shallow(node),
        retained: heap.retained(node),
    }
}

/// A path for people. The middle of a long one is left out.
pub fn path_report(heap: &Heap, path: &[EdgeIndex]) -> Vec<Step> {
    let step = |&edge: &EdgeIndex| Step {
        edge: edge_text(&heap.graph, edge),
        node: object_report(heap, heap.graph.target(edge)),
    };
    if path.len() <= LONGEST_PATH {
        return path.iter().map(step).collect();
    }
    let (begin, end) = (
        &path[..LONGEST_PATH / 2],
        &path[path.len() - LONGEST_PATH / 2..],
    );
    let mut steps: Vec<Step> = begin.iter().map(step).collect();
    if let Some(last) = steps.last_mut() {
        last.edge
            .push_str(&format!(" … {} steps …", path.len() - LONGEST_PATH));
    }
    steps.extend(end.iter().map(step));
    steps
}

fn overview(heap: &Heap, top: usize) -> Overview {
    use NodeType::*;
    let graph = &heap.graph;
    let mut overview = Overview {
        bytes: heap.total() + graph.extra_native_bytes(),
        nodes: graph.node_count() as u64,
        edges: graph.edge_count() as u64,
        strings: 0,
        arrays: 0,
        code: 0,
        system: 0,
        external: graph.extra_native_bytes(),
        objects: 0,
        biggest_dominators: Vec::new(),
    };
    for node in graph.nodes() {
        let sum = match graph.node_type(node) {
            Some(String | ConcatenatedString | SlicedString) => &mut overview.strings,
            Some(Array) => &mut overview.arrays,
            Some(Code) => &mut overview.code,
            Some(Hidden | ObjectShape | Synthetic) | None => &mut overview.system,
            Some(Native) => &mut overview.external,
            Some(_) => &mut overview.objects,
        };
        *sum += heap.shallow(node);
    }
    overview.biggest_dominators = biggest_dominators(heap, top);
    overview
}

/// The objects that no other object retains, the largest first.
pub fn biggest_dominators(heap: &Heap, top: usize) -> Vec<ObjectReport> {
    largest(top_dominators(heap), top, |&node| heap.retained(node))
        .into_iter()
        .map(|node| object_report(heap, node))
        .collect()
}

/// The visible objects that no other visible one dominates. Global objects do not count: they hold everything.
fn top_dominators(heap: &Heap) -> Vec<NodeIndex> {
    let mut found = Vec::new();
    let mut to_visit = vec![Graph::ROOT];
    while let Some(node) = to_visit.pop() {
        if heap.is_visible(node) && !heap.is_global(node) {
            found.push(node);
        } else {
            to_visit.extend_from_slice(heap.tree.children(node));
        }
    }
    found
}

fn largest<T>(mut items: Vec<T>, top: usize, size: impl Fn(&T) -> u64) -> Vec<T> {
    if top < items.len() {
        items.select_nth_unstable_by_key(top, |item| Reverse(size(item)));
        items.truncate(top);
    }
    items.sort_by_key(|item| Reverse(size(item)));
    items
}

fn suspect_report(heap: &Heap, classes: &Classes, suspect: &Suspect) -> SuspectReport {
    let class = |class: ClassIndex| -> &Class { classes.get(class) };
    let group = suspect.group.as_ref();
    let expression = suspect.expression.as_ref();
    let of_group = group.map(|group| class(group.class));
    SuspectReport {
        sentence: sentence(heap, classes, suspect),
        kind: if group.is_some() { "group" } else { "object" },
        name: of_group
            .map(|class| class.name.clone())
            .or_else(|| expression.map(|expression| expression.text.clone())),
        function: expression.and_then(|expression| expression.function.clone()),
        place: of_group
            .and_then(|class| class.place.clone())
            .or_else(|| expression.and_then(|expression| expression.place.clone())),
        object: object_report(heap, suspect.node),
        instances: group.map(|group| group.instances),
        holders: group.map_or_else(Vec::new, |group| {
            let holders = group.holders.iter().cloned();
            holders
                .map(|(name, count)| HolderReport { name, count })
                .collect()
        }),
        accumulation_point: heap.graph.id(suspect.accumulation_point),
        retained: suspect.retained,
        share: suspect.retained as f64 / heap.total().max(1) as f64,
        growth: suspect.growth,
        path: path_report(heap, &suspect.path),
        accumulated: suspect
            .accumulated
            .iter()
            .map(|entry| AccumulatedReport {
                name: class(entry.class).name.clone(),
                place: class(entry.class).place.clone(),
                count: entry.count,
                shallow: entry.shallow,
                retained: entry.retained,
            })
            .collect(),
        code: suspect
            .code
            .iter()
            .map(|code| CodeReport {
                name: class(code.class).name.clone(),
                place: code.place.clone(),
                count: code.count,
            })
            .collect(),
    }
}

/// The classes that retain most. What a class retains as a set is at least the sum of its outermost instances, so those with
/// the largest sums are measured.
pub fn histogram(heap: &Heap, classes: &Classes, top: usize) -> Vec<ClassReport> {
    let counts = classes.count(heap);
    let sums = sums_of_retained(heap, classes);
    // The roots retain everything, which says nothing.
    let all: Vec<ClassIndex> = (0..classes.len() as ClassIndex)
        .filter(|&class| classes.get(class).node_type != Some(NodeType::Synthetic))
        .collect();
    let chosen = largest(all, top, |&class| sums[class as usize]);
    let retained = retained_by_sets(heap, classes, &chosen);
    let reports = chosen.iter().zip(retained).map(|(&class, retained)| {
        let (count, shallow) = counts[class as usize];
        ClassReport {
            name: classes.get(class).name.clone(),
            place: classes.get(class).place.clone(),
            count,
            shallow,
            retained,
        }
    });
    largest(reports.collect(), top, |report| report.retained)
}

/// Texts of which there are several. V8's files have each text once, cut at 1024 characters, so only strings of the same size
/// are taken for the same.
fn duplicate_strings(heap: &Heap, top: usize) -> DuplicateStrings {
    let graph = &heap.graph;
    let strings = || {
        graph
            .nodes()
            .filter(|&node| graph.is(node, NodeType::String))
    };
    let text_of = |node: NodeIndex| heap.texts.first(graph.node_name_index(node));
    // Most texts are there once, which is found out in less memory.
    let mut seen = Bits::new(graph.strings().len());
    let mut is_repeated = Bits::new(graph.strings().len());
    for text in strings().map(text_of) {
        if (text as usize) < graph.strings().len() && !seen.insert(text) {
            is_repeated.insert(text);
        }
    }
    let mut counts: FxHashMap<(u32, u64), u64> = FxHashMap::default();
    for node in strings().filter(|&node| is_repeated.contains(text_of(node))) {
        *counts
            .entry((text_of(node), heap.shallow(node)))
            .or_default() += 1;
    }
    counts.retain(|_, count| *count > 1);
    let wasted = |&((_, size), count): &((u32, u64), u64)| size * (count - 1);
    let all: Vec<((u32, u64), u64)> = counts.into_iter().collect();
    let sum = all.iter().map(wasted).sum();
    let strings = largest(all, top, wasted)
        .into_iter()
        .map(|entry| DuplicateString {
            text: super::naming::shortened(&graph.strings().get(entry.0.0)),
            count: entry.1,
            wasted: wasted(&entry),
        });
    DuplicateStrings {
        wasted: sum,
        strings: strings.collect(),
    }
}

fn largest_objects(heap: &Heap, top: usize) -> Vec<ObjectReport> {
    let mut found: Vec<NodeIndex> = Vec::new();
    for node in heap.graph.nodes() {
        if heap.shallow(node) > 0 && node != Graph::ROOT {
            found.push(node);
            if found.len() > 16 * top.max(64) {
                found = largest(found, top, |&node| heap.shallow(node));
            }
        }
    }
    largest(found, top, |&node| heap.shallow(node))
        .into_iter()
        .map(|node| object_report(heap, node))
        .collect()
}

fn packages(heap: &Heap, top: usize) -> Vec<PackageReport> {
    let mut names: Vec<String> = Vec::new();
    let mut by_script: FxHashMap<u32, Option<u32>> = FxHashMap::default();
    for (_, location) in heap.graph.located_nodes() {
        by_script.entry(location.script_id).or_insert_with(|| {
            if !heap.places.is_of_program(location) {
                return None;
            }
            let script = heap.places.place(location).script;
            let name = package_of(&script).unwrap_or(&script).to_owned();
            let known = names.iter().position(|other| *other == name);
            Some(known.unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            }) as u32)
        });
    }
    let mut is_of_package = Bits::new(heap.graph.node_count());
    for (node, location) in heap.graph.located_nodes() {
        if by_script[&location.script_id].is_some() {
            is_of_package.insert(node);
        }
    }
    let key_of = |node: NodeIndex| match is_of_package.contains(node) {
        true => *by_script.get(&heap.graph.location(node)?.script_id)?,
        false => None,
    };
    let mut retained = vec![0u64; names.len()];
    sum_outermost(heap, names.len(), key_of, |package, bytes| {
        retained[package as usize] += bytes
    });
    let reports = names.into_iter().zip(retained);
    let reports = reports.map(|(name, retained)| PackageReport { name, retained });
    largest(reports.collect(), top, |report| report.retained)
}

/// The npm package that a script is of.
fn package_of(script: &str) -> Option<&str> {
    const FOLDER: &str = "node_modules/";
    let begin = script.rfind(FOLDER)? + FOLDER.len();
    let rest = &script[begin..];
    let parts = if rest.starts_with('@') { 2 } else { 1 };
    let end = rest.match_indices('/').nth(parts - 1).map(|(end, _)| end)?;
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::package_of;

    #[test]
    fn a_script_is_of_the_innermost_package() {
        for (script, package) in [
            ("/app/node_modules/express/lib/router.js", Some("express")),
            (
                "/app/node_modules/@scope/name/index.js",
                Some("@scope/name"),
            ),
            ("file:///a/node_modules/b/node_modules/c/i.js", Some("c")),
            ("/app/server.js", None),
        ] {
            assert_eq!(package_of(script), package);
        }
    }
}
