//! The analysis for a terminal.

use super::analysis::{Analysis, ObjectReport, Step};
use super::contexts::ContextReport;
use super::sentence::{bytes, count, percent};
use std::fmt::Write;

/// The analysis as lines.
pub fn text(analysis: &Analysis) -> String {
    written(|text| write_analysis(text, analysis))
}

/// What a function writes.
pub fn written(write: impl FnOnce(&mut String) -> std::fmt::Result) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = write(&mut text);
    text
}

fn write_analysis(text: &mut String, analysis: &Analysis) -> std::fmt::Result {
    let overview = &analysis.overview;
    if let Some(damage) = &analysis.damage {
        writeln!(
            text,
            "The file is damaged; this is what could be read of it.\n{damage}\n"
        )?;
    }
    writeln!(
        text,
        "{}: {} in {} objects, {} references",
        analysis.file,
        bytes(overview.bytes),
        count(overview.nodes),
        count(overview.edges)
    )?;
    writeln!(
        text,
        "objects {}, strings {}, arrays {}, code {}, V8's own {}, outside of the heap {}",
        bytes(overview.objects),
        bytes(overview.strings),
        bytes(overview.arrays),
        bytes(overview.code),
        bytes(overview.system),
        bytes(overview.external)
    )?;
    writeln!(text, "\nLeak suspects")?;
    if analysis.suspects.is_empty() {
        writeln!(text, "  None: nothing retains a tenth of the heap.")?;
    }
    for (number, suspect) in analysis.suspects.iter().enumerate() {
        writeln!(text, "\n{}. {}", number + 1, suspect.sentence)?;
        if !suspect.accumulated.is_empty() {
            writeln!(text, "   accumulated:")?;
        }
        for entry in &suspect.accumulated {
            writeln!(
                text,
                "   {:>12} × {:<40} {:>10} of its own, retains {:>10}",
                count(entry.count),
                with_place(&entry.name, entry.place.as_ref()),
                bytes(entry.shallow),
                bytes(entry.retained)
            )?;
        }
        for code in &suspect.code {
            let name = format!("{} ({})", code.name, code.place);
            writeln!(text, "   code: {} × {name}", count(code.count))?;
        }
        writeln!(text, "   path from the root:")?;
        write_path(text, &suspect.path)?;
    }
    writeln!(text, "\nClasses by retained size")?;
    for class in &analysis.classes {
        writeln!(
            text,
            "{:>12} × {:<44} {:>10} of its own, retains {:>10} ({})",
            count(class.count),
            with_place(&class.name, class.place.as_ref()),
            bytes(class.shallow),
            bytes(class.retained),
            percent(class.retained, overview.bytes)
        )?;
    }
    let duplicates = &analysis.duplicate_strings;
    writeln!(
        text,
        "\nDuplicate strings waste {}",
        bytes(duplicates.wasted)
    )?;
    for string in &duplicates.strings {
        let wasted = bytes(string.wasted);
        writeln!(
            text,
            "{:>12} × \"{}\": {wasted}",
            count(string.count),
            string.text
        )?;
    }
    write_objects(text, "Biggest dominators", &overview.biggest_dominators)?;
    write_objects(text, "Largest objects", &analysis.largest_objects)?;
    if !analysis.packages.is_empty() {
        writeln!(text, "\nRetained by package or script")?;
    }
    for package in &analysis.packages {
        writeln!(text, "{:>12} {}", bytes(package.retained), package.name)?;
    }
    if !analysis.contexts.is_empty() {
        writeln!(
            text,
            "\nContexts beside the program's own, as node:vm makes them"
        )?;
    }
    for ContextReport { object, path } in &analysis.contexts {
        writeln!(text, "{:>12} @{}", bytes(object.retained), object.id)?;
        write_path(text, path)?;
    }
    Ok(())
}

fn write_objects(text: &mut String, title: &str, objects: &[ObjectReport]) -> std::fmt::Result {
    writeln!(text, "\n{title}")?;
    for object in objects {
        writeln!(
            text,
            "{:>12} of its own, retains {:>10}  {} @{}",
            bytes(object.shallow),
            bytes(object.retained),
            with_place(&object.name, object.place.as_ref()),
            object.id
        )?;
    }
    Ok(())
}

/// A path, one step a line.
pub fn write_path(text: &mut String, path: &[Step]) -> std::fmt::Result {
    for step in path {
        writeln!(
            text,
            "     {:<28} {} @{} retains {}",
            step.edge,
            with_place(&step.node.name, step.node.place.as_ref()),
            step.node.id,
            bytes(step.node.retained)
        )?;
    }
    Ok(())
}

/// A name with its place behind it.
pub fn with_place(name: &str, place: Option<&super::places::Place>) -> String {
    match place {
        Some(place) => format!("{name} ({place})"),
        None => name.to_owned(),
    }
}
