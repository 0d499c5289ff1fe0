//! What grew between two snapshots of one program.
//!
//! Ids of our own snapshots are those of one dump, so objects are not matched one by one. What is matched is structure: a
//! class by its name, type and place, and a holder by what the program calls it or, without a name, by the edges of its path
//! without numbers.

use super::analysis::SuspectReport;
use super::classes::Classes;
use super::heap::Heap;
use super::naming::{edge_text, expression, node_text};
use super::places::Place;
use super::sentence::{bytes, count};
use super::sets::sums_of_retained;
use super::text::{with_place, written};
use crate::snapshot::EdgeType;
use crate::snapshot::reader::{EdgeIndex, Graph, NodeIndex};
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::fmt::Write;

/// The version of the schema of `diff --json`.
pub const SCHEMA_VERSION: u32 = 1;
/// Holders of less than this share of the later heap are not compared.
const SHARE_OF_HOLDERS: f64 = 0.001;

/// What one snapshot holds, in words that another one's can be compared with.
pub struct Outline {
    bytes: u64,
    nodes: u64,
    classes: FxHashMap<ClassKey, ClassSum>,
    holders: FxHashMap<String, u64>,
}

#[derive(PartialEq, Eq, Hash, Clone)]
struct ClassKey {
    name: String,
    place: Option<Place>,
}

#[derive(Default, Clone, Copy)]
struct ClassSum {
    count: u64,
    shallow: u64,
    retained: u64,
}

/// The difference of two snapshots.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// How the two were matched.
    pub matching: &'static str,
    /// Growth of the whole, in bytes.
    pub bytes: i64,
    /// Growth of the whole, in nodes.
    pub nodes: i64,
    /// The classes that grew, the most first.
    pub classes: Vec<ClassGrowth>,
    /// The holders that grew, the most first.
    pub holders: Vec<HolderGrowth>,
    /// Suspects of the later snapshot that the earlier one does not have.
    pub new_suspects: Vec<SuspectReport>,
}

/// The growth of a class.
#[derive(Debug, Serialize)]
pub struct ClassGrowth {
    /// Its name.
    pub name: String,
    /// Where its constructor, or the function, stands.
    pub place: Option<Place>,
    /// More instances.
    pub count: i64,
    /// More bytes of their own.
    pub shallow: i64,
    /// More bytes that they retain, each outermost one counted.
    pub retained: i64,
}

/// The growth of what an object holds.
#[derive(Debug, Serialize)]
pub struct HolderGrowth {
    /// What the program calls it, or its path.
    pub name: String,
    /// Bytes that it retained before.
    pub before: u64,
    /// Bytes that it retains now.
    pub after: u64,
}

impl Outline {
    /// Outlines a heap.
    pub fn of(heap: &Heap) -> Outline {
        let classes = Classes::of(heap);
        let counts = classes.count(heap);
        let retained = sums_of_retained(heap, &classes);
        let mut sums: FxHashMap<ClassKey, ClassSum> = FxHashMap::default();
        for (index, (&(count, shallow), &retained)) in counts.iter().zip(&retained).enumerate() {
            let class = classes.get(index as u32);
            let key = ClassKey {
                name: class.name.clone(),
                place: class.place.clone(),
            };
            let sum = sums.entry(key).or_default();
            sum.count += count;
            sum.shallow += shallow;
            sum.retained += retained;
        }
        Outline {
            bytes: heap.total(),
            nodes: heap.graph.node_count() as u64,
            classes: sums,
            holders: holders(heap),
        }
    }
}

/// The visible objects that retain much, by name.
fn holders(heap: &Heap) -> FxHashMap<String, u64> {
    let least = (heap.total() as f64 * SHARE_OF_HOLDERS) as u64;
    let mut holders = FxHashMap::default();
    let mut to_visit = vec![(Graph::ROOT, 0)];
    while let Some((node, depth)) = to_visit.pop() {
        if heap.is_visible(node) && node != Graph::ROOT {
            let retained: &mut u64 = holders.entry(name_of_holder(heap, node)).or_default();
            *retained = heap.retained(node).max(*retained);
        }
        // Of a list, the first links tell enough.
        if depth < 64 {
            let children = heap.tree.children(node).iter();
            let large = children.filter(|&&child| heap.retained(child) >= least);
            to_visit.extend(large.map(|&child| (child, depth + 1)));
        }
    }
    holders
}

fn name_of_holder(heap: &Heap, node: NodeIndex) -> String {
    let graph = &heap.graph;
    let path = heap.paths.to(graph, node);
    let kind = node_text(graph, node);
    match expression(heap, &path) {
        Some(expression) => {
            let place = expression.place.map(|place| format!(" in {place}"));
            format!("{} ({kind}){}", expression.text, place.unwrap_or_default())
        }
        None => {
            let step = |&edge: &EdgeIndex| match graph.edge_type(edge) {
                EdgeType::Element | EdgeType::Hidden => "[…]".to_owned(),
                _ => edge_text(graph, edge),
            };
            let steps: Vec<String> = path.iter().rev().take(4).rev().map(step).collect();
            format!("{} ({kind})", steps.join(" "))
        }
    }
}

/// Compares two outlines; lists have at most `top` entries.
pub fn compare(
    before: &Outline,
    after: &Outline,
    suspects_before: &[SuspectReport],
    suspects_after: Vec<SuspectReport>,
    top: usize,
) -> Difference {
    let grown = |before: u64, after: u64| after as i64 - before as i64;
    let mut classes: Vec<ClassGrowth> = after
        .classes
        .iter()
        .map(|(key, sum)| {
            let old = before.classes.get(key).copied().unwrap_or_default();
            ClassGrowth {
                name: key.name.clone(),
                place: key.place.clone(),
                count: grown(old.count, sum.count),
                shallow: grown(old.shallow, sum.shallow),
                retained: grown(old.retained, sum.retained),
            }
        })
        .filter(|class| class.retained > 0)
        .collect();
    classes.sort_by(|one, other| (other.retained, &one.name).cmp(&(one.retained, &other.name)));
    classes.truncate(top);
    let mut holders: Vec<HolderGrowth> = after
        .holders
        .iter()
        .map(|(name, &after)| HolderGrowth {
            name: name.clone(),
            before: before.holders.get(name).copied().unwrap_or(0),
            after,
        })
        .filter(|holder| holder.after > holder.before)
        .collect();
    holders.sort_by_key(|holder| {
        (
            holder.before as i64 - holder.after as i64,
            holder.name.clone(),
        )
    });
    holders.truncate(top);
    let is_same = |one: &SuspectReport, other: &SuspectReport| {
        one.kind == other.kind && one.name == other.name && one.place == other.place
    };
    Difference {
        schema_version: SCHEMA_VERSION,
        matching: "classes by name and place, holders by what the program calls them or by their path; ids are not compared",
        bytes: grown(before.bytes, after.bytes),
        nodes: grown(before.nodes, after.nodes),
        classes,
        holders,
        new_suspects: suspects_after
            .into_iter()
            .filter(|suspect| !suspects_before.iter().any(|old| is_same(old, suspect)))
            .collect(),
    }
}

/// The difference as lines.
pub fn text(difference: &Difference) -> String {
    written(|text| write_difference(text, difference))
}

fn write_difference(text: &mut String, difference: &Difference) -> std::fmt::Result {
    writeln!(
        text,
        "{} and {} objects more than before",
        signed(difference.bytes, bytes),
        signed(difference.nodes, count)
    )?;
    writeln!(text, "matched: {}", difference.matching)?;
    writeln!(text, "\nNew suspects")?;
    if difference.new_suspects.is_empty() {
        writeln!(text, "  none")?;
    }
    for suspect in &difference.new_suspects {
        writeln!(text, "  {}", suspect.sentence)?;
    }
    writeln!(text, "\nHolders that grew")?;
    for holder in &difference.holders {
        let grown = bytes(holder.after - holder.before);
        writeln!(
            text,
            "{:>12}  {} ({} now)",
            format!("+{grown}"),
            holder.name,
            bytes(holder.after)
        )?;
    }
    writeln!(text, "\nClasses that grew")?;
    for class in &difference.classes {
        writeln!(
            text,
            "{:>12}  {} × {}, {} of their own",
            signed(class.retained, bytes),
            signed(class.count, count),
            with_place(&class.name, class.place.as_ref()),
            signed(class.shallow, bytes)
        )?;
    }
    Ok(())
}

fn signed(number: i64, format: impl Fn(u64) -> String) -> String {
    let sign = if number < 0 { '-' } else { '+' };
    format!("{sign}{}", format(number.unsigned_abs()))
}
