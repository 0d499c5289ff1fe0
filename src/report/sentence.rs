//! One plain sentence for a suspect.

use super::classes::Classes;
use super::growth::Growth;
use super::heap::Heap;
use super::naming::node_text;
use super::places::short_name;
use super::suspects::Suspect;

/// Such as "`cache` in server.js:12 is a Map with 1 204 312 entries that retains 412 MB (87 %)".
pub fn sentence(heap: &Heap, classes: &Classes, suspect: &Suspect) -> String {
    let share = percent(suspect.retained, heap.total());
    let retained = bytes(suspect.retained);
    let mut text = match &suspect.group {
        Some(group) => {
            let class = classes.get(group.class);
            let instances = count(group.instances);
            let holders: Vec<String> = group
                .holders
                .iter()
                .map(|(holder, _)| format!("`{holder}`"))
                .collect();
            let held = match holders.is_empty() {
                true => String::new(),
                false => format!(", which {} hold,", holders.join(" and ")),
            };
            format!("{instances} instances of `{class}`{held} retain {retained} ({share})")
        }
        None => {
            let subject = subject(heap, suspect);
            let what = kind(heap, classes, suspect);
            format!("{subject} is {what} that retains {retained} ({share})")
        }
    };
    let most = suspect.accumulated.first().filter(|most| most.count > 1);
    if let Some(most) = most {
        let class = classes.get(most.class);
        text.push_str(&format!("; it holds {} × {class}", count(most.count)));
        if suspect.group.is_some() {
            text = text.replace("; it holds", "; they hold");
        }
    }
    if let Some(code) = suspect.code.first() {
        let known = suspect
            .expression
            .as_ref()
            .and_then(|known| known.place.as_ref());
        if known != Some(&code.place) && !text.contains(&code.place.to_string()) {
            let class = classes.get(code.class);
            text.push_str(&format!(", from {} in {}", class.name, code.place));
        }
    }
    text.push('.');
    text
}

fn subject(heap: &Heap, suspect: &Suspect) -> String {
    let Some(expression) = &suspect.expression else {
        let node = node_text(&heap.graph, suspect.node);
        return format!("`{node}` @{}", heap.graph.id(suspect.node));
    };
    let name = format!("`{}`", expression.text);
    match (&expression.function, &expression.place) {
        (_, None) => name,
        (_, Some(place)) if place.script.starts_with("node:") => {
            format!("{name} in {}", place.script)
        }
        (Some(function), Some(place)) if !function.starts_with('(') => {
            let script = short_name(&place.script);
            format!(
                "{name} in {script} (seen by `{function}` at line {})",
                place.line
            )
        }
        (_, Some(place)) => format!("{name} in {place}"),
    }
}

fn kind(heap: &Heap, classes: &Classes, suspect: &Suspect) -> String {
    let graph = &heap.graph;
    let class_of = |node| classes.get(classes.of_node(node)).to_string();
    let name = graph.node_name(suspect.node);
    match suspect.growth {
        Growth::Array { entries } => format!("an Array with {} elements", count(entries)),
        Growth::Map { entries } | Growth::Set { entries } => {
            format!("a {name} with {} entries", count(entries))
        }
        Growth::Object { entries } if name == "Object" => {
            format!("an object with {} properties", count(entries))
        }
        Growth::Object { entries } => format!("a `{name}` with {} properties", count(entries)),
        Growth::LinkedList { entries } => {
            let link = class_of(suspect.accumulation_point);
            format!("a linked list of {} × `{link}`", count(entries))
        }
        Growth::ClosureChain { entries } => {
            let link = class_of(suspect.accumulation_point);
            format!("a chain of closures, {} × `{link}`,", count(entries))
        }
        Growth::Text { entries } => format!("a text of {} parts", count(entries)),
        Growth::Listeners { entries } => {
            format!("a list of {} event listeners", count(entries))
        }
        Growth::Timers { entries } => format!("a list of {} timers", count(entries)),
        Growth::Promises { entries } => format!("a `{name}` with {} promises", count(entries)),
        Growth::Buffers { entries } if name == "Object" => {
            format!(
                "an object with {} properties, mostly buffers,",
                count(entries)
            )
        }
        Growth::Buffers { entries } => {
            format!(
                "a `{name}` with {} entries, mostly buffers,",
                count(entries)
            )
        }
        Growth::Scope => "a function with its scope".to_owned(),
        Growth::Instances | Growth::Single => format!("one `{}`", node_text(graph, suspect.node)),
    }
}

/// Bytes for people, in units of 1000.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// A number for people, with a thin gap every three digits.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// A share for people.
pub fn percent(part: u64, whole: u64) -> String {
    let share = if whole == 0 {
        0.0
    } else {
        100.0 * part as f64 / whole as f64
    };
    if share < 10.0 {
        format!("{share:.1} %")
    } else {
        format!("{share:.0} %")
    }
}
