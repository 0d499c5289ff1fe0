//! `analyze <file>`: from a snapshot to its cause.

use super::progress::Steps;
use super::{CommandError, print};
use lexopt::prelude::*;
use node_oom_heapdump::report::html::page as report_page;
use node_oom_heapdump::report::{analysis, heap::Heap, text};
use node_oom_heapdump::snapshot::reader::{self, Graph, ReadError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Tells what leaked: the suspects, the classes, the largest objects, duplicate strings.

Usage: node-oom-heapdump analyze <file.heapsnapshot[.gz]> [--json | --html <file>] [--top <count>] [--salvage]

Options:
  --json         the analysis as JSON, as docs/analysis.md describes it
  --html <file>  writes a report for the browser: one file that needs nothing else
  --top <count>  the longest list; 20 unless told, 93 in a page
  --salvage      reads what there is of a file that is cut off

Exit codes:
  0  the file was analysed
  1  the file cannot be read; standard error tells why, and at which byte
  2  the command line is wrong
";

const DEFAULT_TOP: usize = 20;
/// A page can be searched.
const DEFAULT_TOP_OF_PAGE: usize = 93;

pub fn run(mut arguments: lexopt::Parser) -> Result<ExitCode, CommandError> {
    let wrong = |what: String| CommandError::Usage(what, "analyze");
    let (mut file, mut json, mut html, mut salvage, mut top) = (None, false, None, false, None);
    while let Some(argument) = arguments.next().map_err(|error| wrong(error.to_string()))? {
        match argument {
            Short('h') | Long("help") => return print(HELP).map(|()| ExitCode::SUCCESS),
            Long("json") => json = true,
            Long("html") => {
                let page = arguments
                    .value()
                    .map_err(|error| wrong(error.to_string()))?;
                html = Some(PathBuf::from(page));
            }
            Long("salvage") => salvage = true,
            Long("top") => {
                let count = arguments.value().and_then(|count| count.parse());
                top = Some(count.map_err(|error| wrong(error.to_string()))?);
            }
            Value(path) if file.is_none() => file = Some(PathBuf::from(path)),
            other => return Err(wrong(other.unexpected().to_string())),
        }
    }
    let file = file.ok_or_else(|| wrong("a file is missing".to_owned()))?;
    if json && html.is_some() {
        return Err(wrong("--json and --html exclude each other".to_owned()));
    }
    let of_page = html.is_some();
    let top = top.unwrap_or(if of_page {
        DEFAULT_TOP_OF_PAGE
    } else {
        DEFAULT_TOP
    });
    let steps = Steps::begin();
    let (graph, damage) = open(&file, salvage, &steps)?;
    steps.now("finding what retains what");
    let heap = Heap::of(graph);
    steps.now("finding what leaked");
    let analysis = analysis::analyze(&heap, &file.display().to_string(), damage, top);
    drop(steps);
    if let Some(page) = html {
        let text = report_page(&heap, &analysis).map_err(std::io::Error::from)?;
        std::fs::write(&page, text).map_err(|source| CommandError::WritePage { page, source })?;
    } else if json {
        let json = serde_json::to_string_pretty(&analysis).map_err(std::io::Error::from)?;
        print(&(json + "\n"))?;
    } else {
        print(&text::text(&analysis))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a snapshot, or what is left of it.
pub fn open(
    file: &Path,
    salvage: bool,
    steps: &Steps,
) -> Result<(Graph, Option<String>), ReadError> {
    let bytes = steps.reading(file);
    if !salvage {
        return Ok((reader::read_counted(file, bytes)?, None));
    }
    let salvaged = reader::salvage(file, bytes)?;
    Ok((
        salvaged.graph,
        salvaged.damage.map(|damage| damage.to_string()),
    ))
}
