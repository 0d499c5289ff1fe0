//! The JavaScript stack of the isolate's thread: which functions were being called when the memory was frozen.
//!
//! No function of V8 is called. While a thread is out of JavaScript, the isolate knows the frame by which it has left; from there
//! on frames are linked by their frame pointers, and a frame of JavaScript has its function. What the optimizing compilers have
//! inlined is part of its caller's frame, and a place is where a function begins, not where it stands: V8 collects the
//! positions of calls only when an error asks for them.

use super::graph::Graph;
use super::layout::kind::Kind;
use super::locations::Locator;
use super::memory::{Address, Content};
use super::object::Object;
use super::tagged::Tagged;

/// So many calls are told, the innermost first.
const MOST_CALLS: usize = 32;

/// A stack of V8 is at most some MB, and a frame has some words.
const MOST_FRAMES: usize = 1 << 16;

/// Where the isolate has `c_entry_fp`, src/execution/thread-local-top.h. Measured.
const EXIT_FRAME: [((u32, u32), u64); 5] = [
    ((10, 2), 0x4538),
    ((11, 3), 0x180),
    ((12, 4), 0x110),
    ((13, 6), 0x140),
    ((14, 6), 0x148),
];

/// Below the frame pointer: the context, or what kind of frame it is. `v8dbg_off_fp_context_or_frame_type`.
const CONTEXT_OR_TYPE: u64 = 8;
/// Below the frame pointer of JavaScript: the function. `v8dbg_off_fp_function`.
const FUNCTION: u64 = 16;
/// Below the frame pointer where C++ calls JavaScript: the frame by which it had left JavaScript before, or 0.
/// `EntryFrameConstants`, src/execution/x64/frame-constants-x64.h.
const EARLIER_EXIT_FRAME: u64 = 64;
/// Frames where C++ calls JavaScript: `v8dbg_frametype_EntryFrame`, `v8dbg_frametype_ConstructEntryFrame`.
const ENTRIES: [u64; 2] = [1, 2];

/// The calls of the isolate at `isolate`, the innermost first, as `Error.stack` has them: `leak (/srv/app.js:3:7)`. Empty where
/// it ran no JavaScript, or where that cannot be known.
pub fn calls(graph: &Graph, isolate: Address) -> Vec<String> {
    let mut locator = Locator::default();
    let functions = Functions::new(graph, isolate);
    functions
        .take(MOST_CALLS)
        .map(|function| describe(graph, &mut locator, &function))
        .collect()
}

fn describe<'m>(graph: &Graph<'m>, locator: &mut Locator, function: &Object<'m>) -> String {
    let layout = graph.layout();
    let shared = graph.object_in(function, layout.function.shared, Kind::SharedFunctionInfo);
    let name = shared.and_then(|shared| graph.debug_name(&shared));
    let name = name.map_or_else(|| "<anonymous>".to_owned(), |name| graph.shown_text(name));
    let script = shared
        .and_then(|shared| graph.object_in(&shared, layout.function.script, Kind::Script))
        .and_then(|script| graph.string_in(&script, layout.script.name));
    let Some(script) = script else {
        return format!("{name} (native)");
    };
    let script = graph.shown_text(script.address);
    match locator.locate(graph, function).location {
        Some(place) => format!("{name} ({script}:{}:{})", place.line + 1, place.column + 1),
        None => format!("{name} ({script})"),
    }
}

/// The functions of the frames, the innermost first.
struct Functions<'x, 'm> {
    graph: &'x Graph<'m>,
    /// The frame that was looked at last.
    frame: Option<Address>,
    frames_left: usize,
}

impl<'x, 'm> Functions<'x, 'm> {
    fn new(graph: &'x Graph<'m>, isolate: Address) -> Self {
        let version = graph.layout().version;
        let offset = EXIT_FRAME.iter().find(|(of, _)| *of == version);
        let memory = graph.decoder.memory;
        let frame = offset.and_then(|(_, offset)| memory.word(isolate + offset));
        let mut functions = Functions {
            graph,
            frame: None,
            frames_left: MOST_FRAMES,
        };
        functions.frame = frame.filter(|&frame| functions.is_frame(frame));
        functions
    }

    fn is_frame(&self, frame: Address) -> bool {
        let mapping = self.graph.decoder.memory.mapping(frame);
        frame.is_multiple_of(8) && mapping.is_some_and(|mapping| mapping.content == Content::Stack)
    }

    fn word_below(&self, frame: Address, offset: u64) -> Option<u64> {
        self.graph.decoder.memory.word(frame.checked_sub(offset)?)
    }

    /// The frame of whoever called the one at `frame`. A stack grows down, so it lies above.
    fn caller(&self, frame: Address) -> Option<Address> {
        let caller = self.word_below(frame, 0)?;
        (caller > frame && self.is_frame(caller)).then_some(caller)
    }

    /// Where C++ has called JavaScript, what follows is the frame by which it had left JavaScript before.
    fn across_entry(&self, frame: Address, kind: u64) -> Option<Address> {
        if !ENTRIES.contains(&kind) {
            return Some(frame);
        }
        let exit = self.word_below(frame, EARLIER_EXIT_FRAME)?;
        (exit > frame && self.is_frame(exit)).then_some(exit)
    }

    fn function(&self, frame: Address) -> Option<Object<'m>> {
        let function = Tagged(self.word_below(frame, FUNCTION)?).strong()?;
        let function = self.graph.object(function)?;
        (function.kind() == Kind::JsFunction).then_some(function)
    }
}

impl<'m> Iterator for Functions<'_, 'm> {
    type Item = Object<'m>;

    fn next(&mut self) -> Option<Object<'m>> {
        loop {
            self.frames_left = self.frames_left.checked_sub(1)?;
            let frame = self.caller(self.frame?)?;
            let context_or_type = self.word_below(frame, CONTEXT_OR_TYPE)?;
            if Tagged(context_or_type).strong().is_none() {
                self.frame = self.across_entry(frame, context_or_type >> 1);
                continue;
            }
            self.frame = Some(frame);
            if let Some(function) = self.function(frame) {
                return Some(function);
            }
        }
    }
}
