//! `path <file> <id>` and `show <file> <id>`: one object, and what keeps it.

use super::progress::Steps;
use super::{CommandError, analyze, print};
use lexopt::prelude::*;
use node_oom_heapdump::report::{heap::Heap, inspect};
use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
Tells of one object what keeps it (path), or that and all it refers to and is referred to by (show).

Usage: node-oom-heapdump path <file.heapsnapshot[.gz]> <id> [--json]
       node-oom-heapdump show <file.heapsnapshot[.gz]> <id> [--json] [--top <count>]

Options:
  <id>           the object's id: behind the @ in a report, in DevTools too; the @ may be there
  --json         the same as JSON, as docs/analysis.md describes it
  --top <count>  the longest list; 50 unless told
  --salvage      reads what there is of a file that is cut off

Exit codes:
  0  the object is shown
  1  the file cannot be read, or has no such object; standard error tells
  2  the command line is wrong
";

const DEFAULT_TOP: usize = 50;

/// What is told of the object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Path,
    All,
}

pub fn run_path(arguments: lexopt::Parser) -> Result<ExitCode, CommandError> {
    run(arguments, Told::Path, "path")
}

pub fn run_show(arguments: lexopt::Parser) -> Result<ExitCode, CommandError> {
    run(arguments, Told::All, "show")
}

fn run(
    mut arguments: lexopt::Parser,
    told: Told,
    command: &'static str,
) -> Result<ExitCode, CommandError> {
    let wrong = |what: String| CommandError::Usage(what, command);
    let (mut file, mut id, mut json, mut salvage, mut top) =
        (None, None, false, false, DEFAULT_TOP);
    while let Some(argument) = arguments.next().map_err(|error| wrong(error.to_string()))? {
        match argument {
            Short('h') | Long("help") => return print(HELP).map(|()| ExitCode::SUCCESS),
            Long("json") => json = true,
            Long("salvage") => salvage = true,
            Long("top") => {
                let count = arguments.value().and_then(|count| count.parse());
                top = count.map_err(|error| wrong(error.to_string()))?;
            }
            Value(path) if file.is_none() => file = Some(PathBuf::from(path)),
            Value(number) if id.is_none() => {
                let number = number.to_string_lossy();
                let number = number.trim_start_matches('@');
                let parsed = number.parse::<u32>();
                id = Some(parsed.map_err(|_| wrong(format!("{number} is no id of an object")))?);
            }
            other => return Err(wrong(other.unexpected().to_string())),
        }
    }
    let file = file.ok_or_else(|| wrong("a file is missing".to_owned()))?;
    let id = id.ok_or_else(|| wrong("the id of an object is missing".to_owned()))?;
    let steps = Steps::begin();
    let (graph, _) = analyze::open(&file, salvage, &steps)?;
    steps.now("finding what retains what");
    let node = graph.node_of_id(id).ok_or(CommandError::NoObject {
        file: file.clone(),
        id,
    })?;
    let heap = Heap::of(graph);
    let inspection = inspect::inspect(&heap, node, top);
    drop(steps);
    if json {
        let json = serde_json::to_string_pretty(&inspection).map_err(std::io::Error::from)?;
        print(&(json + "\n"))?;
    } else if told == Told::Path {
        print(&inspect::path_text(&inspection))?;
    } else {
        print(&inspect::text(&inspection))?;
    }
    Ok(ExitCode::SUCCESS)
}
