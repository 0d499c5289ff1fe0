//! `check <file>`: whether a snapshot is complete and consistent.

use super::progress::Steps;
use super::{CommandError, print};
use lexopt::prelude::*;
use node_oom_heapdump::snapshot::reader;
use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
Tells whether a heap snapshot is complete and consistent.

Usage: node-oom-heapdump check <file.heapsnapshot[.gz]> ...

Exit codes:
  0  every file is complete: its counts are right, and all edges and names lead to something
  1  a file is not; standard error tells why, and at which byte
  2  the command line is wrong
";

pub fn run(mut arguments: lexopt::Parser) -> Result<ExitCode, CommandError> {
    let wrong = |what: String| CommandError::Usage(what, "check");
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(argument) = arguments.next().map_err(|error| wrong(error.to_string()))? {
        match argument {
            Short('h') | Long("help") => return print(HELP).map(|()| ExitCode::SUCCESS),
            Value(file) => files.push(file.into()),
            other => return Err(wrong(other.unexpected().to_string())),
        }
    }
    if files.is_empty() {
        return Err(wrong("a file is missing".to_owned()));
    }
    let mut code = ExitCode::SUCCESS;
    for file in &files {
        let steps = Steps::begin();
        let read = reader::read_counted(file, steps.reading(file));
        drop(steps);
        match read {
            Ok(graph) => print(&format!(
                "{}: complete, {} nodes, {} edges, {} strings\n",
                file.display(),
                graph.node_count(),
                graph.edge_count(),
                graph.strings().len()
            ))?,
            Err(error) => {
                eprintln!("{error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
