//! The heap reader beside V8's own functions, and beside itself with one constant of its layout shifted. Each question is put
//! to a frozen child, since a wrong constant may crash it. Built with the feature `oracle` only, for the tests.

use std::fs::File;
use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, FromRawFd};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use object::{Object as _, ObjectSymbol};

use super::stack::Stack;
use super::{HeapReader, image};
use crate::freeze::{self, Child, Failure, Terms, Way};
use crate::heap::call_stack;
use crate::heap::graph::Graph;
use crate::heap::layout::kind::Kind;
use crate::heap::layout::{Layout, constants, debug_constants};
use crate::heap::memory::Memory;
use crate::heap::object::Object;
use crate::heap::page_numbers::{PageNumbers, SLOTS};
use crate::heap::self_test::self_test;
use crate::heap::{HeapError, write_snapshot};
use crate::v8;

/// A wrong constant may send the reader a long way.
const DEADLINE: Duration = Duration::from_secs(30);

/// So many objects whose size is not V8's are named.
const NAMED: usize = 20;

/// `HeapObject::SizeFromMap`, src/objects/objects.cc: of a pointer to the tagged address of an object, and its tagged map.
#[derive(Clone, Copy)]
pub struct SizeFromMap(extern "C" fn(*const u64, u64) -> i32);

/// Until 11.3, and from 12.4 on.
const SIZE_FROM_MAP: [&str; 2] = [
    "_ZNK2v88internal10HeapObject11SizeFromMapENS0_3MapE",
    "_ZNK2v88internal10HeapObject11SizeFromMapENS0_6TaggedINS0_3MapEEE",
];
/// A function that is exported, to learn where the executable was loaded.
const EXPORTED: &str = "_ZN2v87Isolate10GetCurrentEv";

impl SizeFromMap {
    /// The function of the running executable, from `.symtab`.
    ///
    /// # Errors
    /// The executable cannot be read, or was stripped.
    pub fn of_this_process() -> Result<SizeFromMap, String> {
        let executable = std::fs::read("/proc/self/exe").map_err(|error| error.to_string())?;
        let executable = object::File::parse(&*executable).map_err(|error| error.to_string())?;
        let address_of = |names: &[&str]| {
            let mut symbols = executable.symbols();
            let found =
                symbols.find(|symbol| symbol.name().is_ok_and(|name| names.contains(&name)));
            found.map(|symbol| symbol.address())
        };
        let size_from_map = address_of(&SIZE_FROM_MAP)
            .ok_or("the executable has no symbol of HeapObject::SizeFromMap")?;
        let written = address_of(&[EXPORTED])
            .ok_or("the executable has no symbol of an exported function")?;
        let this = libloading::os::unix::Library::this();
        // SAFETY: only the address is looked at.
        let loaded = unsafe { this.get::<unsafe extern "C" fn()>(EXPORTED.as_bytes()) }
            .map_err(|error| error.to_string())?;
        let address = (*loaded as usize as u64)
            .wrapping_sub(written)
            .wrapping_add(size_from_map);
        // SAFETY: the symbol's name says its signature; neither needs the isolate to be entered, it only reads the object.
        Ok(SizeFromMap(unsafe {
            std::mem::transmute::<usize, extern "C" fn(*const u64, u64) -> i32>(address as usize)
        }))
    }

    fn of(self, address: u64, map: u64) -> u64 {
        const TAG: u64 = 1;
        let object = address | TAG;
        u64::from((self.0)(&object, map | TAG).unsigned_abs())
    }
}

/// How our sizes of all objects stand to V8's.
pub struct Sizes {
    /// The objects.
    pub objects: u32,
    /// The first whose size is another, each with both sizes.
    pub differing: Vec<String>,
}

/// Compares the size of every object with what V8 says.
///
/// # Errors
/// There is no frozen child, or it failed.
pub fn compare_sizes(reader: &HeapReader, v8: SizeFromMap) -> Result<Sizes, String> {
    let answer = ask(&|memory| {
        let graph = match Graph::read(memory, reader.isolate, reader.layout) {
            Ok(graph) => graph,
            Err(error) => return error.to_string(),
        };
        let differing = differing_sizes(&graph, v8);
        format!("{}\n{}", graph.count, differing.join("\n"))
    });
    let answer = answer.map_err(|failure| failure.to_string())?;
    let mut lines = answer.lines();
    let objects = lines.next().unwrap_or_default();
    Ok(Sizes {
        objects: objects.parse().map_err(|_| objects.to_owned())?,
        differing: lines
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

fn differing_sizes(graph: &Graph, v8: SizeFromMap) -> Vec<String> {
    // A hole is larger than what is mapped of it.
    let whole = |object: &Object| object.kind() != Kind::Hole;
    let objects = graph.objects().flatten().filter(whole);
    let differing = objects.filter_map(|object| {
        let size = v8.of(object.address, object.shape.map);
        (size != object.size())
            .then(|| format!("{:?}: ours {}, V8's {size}", object.kind(), object.size()))
    });
    differing.take(NAMED).collect()
}

/// What tells that a constant is wrong.
pub struct Caught {
    /// `stated`, `self-test`, `stack` or `sizes`.
    pub by: String,
    /// What it says.
    pub how: String,
}

/// The names of the layout's constants.
pub fn constants(reader: &HeapReader) -> Vec<String> {
    let shifted = constants::shifted(reader.layout).into_iter();
    shifted.map(|(name, _)| name).collect()
}

/// The layout with the constant called `name` shifted, or as it is if the name is empty.
fn shifted(reader: &HeapReader, name: &str) -> Result<&'static Layout, String> {
    if name.is_empty() {
        return Ok(reader.layout);
    }
    let mut shifted = constants::shifted(reader.layout).into_iter();
    let found = shifted.find(|(constant, _)| constant == name);
    let (_, layout) = found.ok_or_else(|| format!("no constant is called {name}"))?;
    Ok(Box::leak(Box::new(layout)))
}

/// Asks with the constant called `name` shifted, or as it is if the name is empty, what the reader asks of itself before it
/// is trusted, who called it, and V8 for the sizes of all objects. A crash counts as caught by the self-test, which runs in
/// a frozen child for that reason.
///
/// # Errors
/// There is no constant of that name, or no frozen child.
pub fn catch_shift(
    reader: &HeapReader,
    v8: SizeFromMap,
    name: &str,
) -> Result<Option<Caught>, String> {
    let layout = shifted(reader, name)?;
    let caught = |by: &str, how: &str| {
        Ok(Some(Caught {
            by: by.to_owned(),
            how: how.to_owned(),
        }))
    };
    if let Err(disagreement) = debug_constants::check(layout, v8::debug_constants()) {
        return caught("stated", &disagreement.to_string());
    }
    match ask(&|memory| look_through(reader, layout, memory, v8)) {
        Ok(answer) => match answer.split_once('\t') {
            Some((by, how)) => caught(by, how),
            None => Ok(None),
        },
        Err(failure @ (Failure::Crashed { .. } | Failure::OutOfMemory | Failure::TimedOut)) => {
            caught("self-test", &failure.to_string())
        }
        Err(failure) => Err(failure.to_string()),
    }
}

/// The first check that tells `layout` from the right one, and what it says.
fn look_through(
    reader: &HeapReader,
    layout: &'static Layout,
    memory: &Memory,
    v8: SizeFromMap,
) -> String {
    let graph = match Graph::read(memory, reader.isolate, layout) {
        Ok(graph) => graph,
        Err(error) => return format!("self-test\t{error}"),
    };
    if let Err(error) = self_test(&graph) {
        return format!("self-test\t{error}");
    }
    // It is JavaScript that asks.
    if call_stack::calls(&graph, reader.isolate).is_empty() {
        return "stack\tno function of JavaScript is being called".to_owned();
    }
    match differing_sizes(&graph, v8).first() {
        Some(first) => format!("sizes\t{first}"),
        None => String::new(),
    }
}

/// Writes a snapshot with each of these constants shifted to `<folder>/<constant>.heapsnapshot`, all of the very same heap.
/// An empty name stands for none. None of them may be one that [`catch_shift`] catches.
///
/// # Errors
/// There is no constant of such a name, no frozen child, or a file cannot be written.
pub fn write_shifted(reader: &HeapReader, names: &[String], folder: &Path) -> Result<(), String> {
    let layouts: Result<Vec<_>, _> = names.iter().map(|name| shifted(reader, name)).collect();
    let layouts = layouts?;
    let answer = ask(&|memory| {
        let mut layouts = names.iter().zip(&layouts);
        let written = layouts.try_for_each(|(name, layout)| {
            let file = File::create(folder.join(format!("{name}.heapsnapshot")));
            let slots: Vec<AtomicU64> = std::iter::repeat_with(AtomicU64::default)
                .take(SLOTS)
                .collect();
            let numbers = PageNumbers::in_slots(&slots);
            let file = file.map_err(HeapError::Write)?;
            write_snapshot(memory, reader.isolate, layout, numbers, file).map(drop)
        });
        written.map_or_else(|error| error.to_string(), |()| String::new())
    });
    match answer {
        Ok(answer) if answer.is_empty() => Ok(()),
        Ok(answer) => Err(answer),
        Err(failure) => Err(failure.to_string()),
    }
}

/// Freezes the process and has the child answer with a text.
///
/// # Errors
/// There is no frozen child, or it failed.
pub fn ask(question: &dyn Fn(&Memory) -> String) -> Result<String, Failure> {
    let failed = |error: &dyn ToString| Failure::Job(error.to_string());
    let (mut answers, output) = io::pipe().map_err(|error| failed(&error))?;
    let terms = Terms {
        output: output.as_fd(),
        deadline: DEADLINE,
        background: None,
    };
    let stack = Stack::of_this_thread().in_use();
    let job = |child: &mut Child<'_>| {
        let memory = image::memory(child, &stack).map_err(|error| error.to_string())?;
        let answer = question(&memory);
        // SAFETY: the descriptor is open until the child ends; the file is never dropped, so it is not closed here.
        let output = ManuallyDrop::new(unsafe { File::from_raw_fd(child.output().as_raw_fd()) });
        (&*output)
            .write_all(answer.as_bytes())
            .map_err(|error| error.to_string())
    };
    // SAFETY: the job reads memory and writes to the pipe; what it allocates stays with it.
    let frozen = unsafe { freeze::freeze(Way::CopyOnWrite, &terms, &job) };
    let frozen = frozen.map_err(|error| failed(&error))?;
    drop(output);
    let mut answer = String::new();
    let read = answers.read_to_string(&mut answer);
    frozen.wait().result?;
    read.map_err(|error| failed(&error))?;
    Ok(answer)
}
