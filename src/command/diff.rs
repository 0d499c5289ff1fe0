//! `diff <before> <after>`: what grew.

use super::progress::Steps;
use super::{CommandError, analyze, print};
use lexopt::prelude::*;
use node_oom_heapdump::report::analysis::{self, SuspectReport};
use node_oom_heapdump::report::diff::{self, Outline};
use node_oom_heapdump::report::heap::Heap;
use node_oom_heapdump::snapshot::reader::ReadError;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Tells what grew between two snapshots of one program: suspects, holders, classes.

Usage: node-oom-heapdump diff <before.heapsnapshot[.gz]> <after.heapsnapshot[.gz]> [--json] [--top <count>]

Options:
  --json         the same as JSON, as docs/analysis.md describes it
  --top <count>  the longest list; 20 unless told

Exit codes:
  0  the files were compared
  1  a file cannot be read; standard error tells why, and at which byte
  2  the command line is wrong
";

const DEFAULT_TOP: usize = 20;

pub fn run(mut arguments: lexopt::Parser) -> Result<ExitCode, CommandError> {
    let wrong = |what: String| CommandError::Usage(what, "diff");
    let (mut files, mut json, mut top) = (Vec::<PathBuf>::new(), false, DEFAULT_TOP);
    while let Some(argument) = arguments.next().map_err(|error| wrong(error.to_string()))? {
        match argument {
            Short('h') | Long("help") => return print(HELP).map(|()| ExitCode::SUCCESS),
            Long("json") => json = true,
            Long("top") => {
                let count = arguments.value().and_then(|count| count.parse());
                top = count.map_err(|error| wrong(error.to_string()))?;
            }
            Value(path) => files.push(path.into()),
            other => return Err(wrong(other.unexpected().to_string())),
        }
    }
    let [before, after] = files.as_slice() else {
        return Err(wrong("two files are needed".to_owned()));
    };
    // One after the other, so that only one heap is in memory.
    let (before, suspects_before) = outline(before, top)?;
    let (after, suspects_after) = outline(after, top)?;
    let difference = diff::compare(&before, &after, &suspects_before, suspects_after, top);
    if json {
        let json = serde_json::to_string_pretty(&difference).map_err(std::io::Error::from)?;
        print(&(json + "\n"))?;
    } else {
        print(&diff::text(&difference))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn outline(file: &Path, top: usize) -> Result<(Outline, Vec<SuspectReport>), ReadError> {
    let steps = Steps::begin();
    let (graph, _) = analyze::open(file, false, &steps)?;
    steps.now("finding what retains what");
    let heap = Heap::of(graph);
    Ok((Outline::of(&heap), analysis::suspects(&heap, top)))
}
