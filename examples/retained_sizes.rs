//! Prints for each node of a `.heapsnapshot` its dominator and its shallow and retained size, as numbers of 64 bits in the
//! machine's order. The tests hold this against DevTools' engine, object by object.
//!
//! Usage: `retained_sizes <file> [--largest]`. With `--largest` only what the largest object retains is printed, in words: the
//! benchmark sets it beside programs that print no more.

use node_oom_heapdump::report::{
    dominators::Dominators, retaining::RetainingEdges, shallow::Owners, threads::both,
};
use node_oom_heapdump::snapshot::reader;
use std::error::Error;
use std::io::{BufWriter, Write, stdout};
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let file = arguments
        .next()
        .ok_or("usage: retained_sizes <file> [--largest]")?;
    let is_largest_enough = arguments.next().is_some_and(|word| word == "--largest");
    let start = Instant::now();
    let mut graph = reader::read(file.as_ref())?;
    let read = start.elapsed();
    let (owners, retaining) = both(|| Owners::of(&graph), || RetainingEdges::of(&graph));
    owners.count_owned_as_own(&mut graph);
    let sized = start.elapsed();
    let dominators = Dominators::of(&graph, &retaining);
    eprintln!(
        "read {read:?}, sizes {:?}, dominators {:?}",
        sized - read,
        start.elapsed() - sized
    );
    if is_largest_enough {
        let others = graph.nodes().skip(1);
        let largest = others.map(|node| dominators.retained(node)).max();
        println!("{} bytes retained at most", largest.unwrap_or(0));
        return Ok(());
    }
    let mut output = BufWriter::new(stdout().lock());
    for node in graph.nodes() {
        for value in [
            u64::from(dominators.dominator(node)),
            graph.self_size(node),
            dominators.retained(node),
        ] {
            output.write_all(&value.to_ne_bytes())?;
        }
    }
    Ok(())
}
