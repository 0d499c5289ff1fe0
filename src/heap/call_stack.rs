//! The JavaScript stack of the isolate's thread: which functions were being called when the memory was frozen.
//!
//! No function of V8 is called. While a thread is out of JavaScript, the isolate knows the frame by which it has left; from there
//! on frames are linked by their frame pointers, and a frame of JavaScript has its function. What the optimizing compilers have
//! inlined is part of its caller's frame, and a place is where a function begins, not where it stands: V8 collects the
//! positions of calls only when an error asks for them.

use super::graph::Graph;
use super::layout::kind::Kind;
use super::locations::Locator;
use super::memory::{Address, Content, Memory};
use super::object::Object;
use super::tagged::Tagged;

/// So many calls are told, the innermost first.
const MOST_CALLS: usize = 32;

/// A stack of V8 is at most some MB, and a frame has some words.
const MOST_FRAMES: usize = 1 << 16;

/// At the frame pointer: the frame of the caller.
const CALLER: u64 = 0;
/// Below the frame pointer: the context, or what kind of frame it is. `v8dbg_off_fp_context_or_frame_type`.
const CONTEXT_OR_TYPE: u64 = 8;
/// Below the frame pointer of JavaScript: the function. `v8dbg_off_fp_function`.
const FUNCTION: u64 = 16;
/// Below the frame pointer where C++ calls JavaScript: the frame by which it had left JavaScript before, or 0.
/// `EntryFrameConstants`, src/execution/x64/frame-constants-x64.h.
const EARLIER_EXIT_FRAME: u64 = 64;
/// What kind frames are of where C++ calls JavaScript: `v8dbg_frametype_EntryFrame` and `v8dbg_frametype_ConstructEntryFrame`,
/// as small integers of 31 bits (`StackFrame::TypeToMarker`, src/execution/frames.h).
const ENTRIES: [u64; 2] = [1 << 1, 2 << 1];

/// The calls of the isolate at `isolate`, the innermost first, as `Error.stack` has them: `leak (/srv/app.js:3:7)`. Empty where
/// it ran no JavaScript, or where that cannot be known.
pub fn calls(graph: &Graph, isolate: Address) -> Vec<String> {
    let memory = graph.decoder.memory;
    let Some(exit) = memory.word(isolate + graph.layout().roots.exit_frame) else {
        return Vec::new();
    };
    let mut locator = Locator::default();
    Frames::of_javascript(memory, exit)
        .filter_map(|function| graph.object(function))
        .filter(|function| function.kind() == Kind::JsFunction)
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

/// The frames of JavaScript on a stack, the innermost first: what each has where its function is.
struct Frames<'m> {
    memory: &'m Memory<'m>,
    /// The frame that was looked at last.
    frame: Option<Address>,
    left: usize,
}

impl<'m> Frames<'m> {
    /// Those that lie behind `exit`, the frame by which JavaScript was left.
    fn of_javascript(memory: &'m Memory<'m>, exit: Address) -> Self {
        Frames {
            memory,
            frame: is_frame(memory, exit).then_some(exit),
            left: MOST_FRAMES,
        }
    }

    fn word_below(&self, frame: Address, offset: u64) -> Option<u64> {
        self.memory.word(frame.checked_sub(offset)?)
    }

    /// The frame that `frame` names at that offset. A stack grows down, so earlier frames lie above.
    fn earlier(&self, frame: Address, offset: u64) -> Option<Address> {
        let earlier = self.word_below(frame, offset)?;
        (earlier > frame && is_frame(self.memory, earlier)).then_some(earlier)
    }
}

fn is_frame(memory: &Memory, frame: Address) -> bool {
    let mapping = memory.mapping(frame);
    frame.is_multiple_of(8) && mapping.is_some_and(|mapping| mapping.content == Content::Stack)
}

impl Iterator for Frames<'_> {
    type Item = Address;

    fn next(&mut self) -> Option<Address> {
        loop {
            self.left = self.left.checked_sub(1)?;
            let frame = self.earlier(self.frame?, CALLER)?;
            let context_or_type = Tagged(self.word_below(frame, CONTEXT_OR_TYPE)?);
            if context_or_type.strong().is_some() {
                self.frame = Some(frame);
                if let Some(function) = Tagged(self.word_below(frame, FUNCTION)?).strong() {
                    return Some(function);
                }
                continue;
            }
            self.frame = match ENTRIES.contains(&context_or_type.0) {
                true => self.earlier(frame, EARLIER_EXIT_FRAME),
                false => Some(frame),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::memory::Mapping;

    const STACK: Address = 0x7fff_0000_0000;

    /// The functions of a stack of these words, whose exit frame is at the word with that index.
    fn functions(words: &[u64], exit: u64) -> Vec<Address> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mapping = Mapping {
            start: STACK,
            end: STACK + bytes.len() as u64,
            writable_or_executable: true,
            content: Content::Stack,
        };
        let image = [(mapping, bytes)];
        Frames::of_javascript(&Memory::of_image(&image), at(exit)).collect()
    }

    fn at(word: u64) -> Address {
        STACK + 8 * word
    }

    const CONTEXT: u64 = 0x1001;
    const STUB: u64 = 9 << 1;

    #[test]
    fn each_frame_of_javascript_gives_its_function_and_others_give_none() {
        let words = [
            at(3), // 0: the exit frame
            0x2001,
            CONTEXT,
            at(5), // 3: JavaScript
            STUB,
            at(8), // 5: a stub
            0x3001,
            CONTEXT,
            0, // 8: JavaScript, which nobody has called
        ];
        assert_eq!(functions(&words, 0), [0x2000, 0x3000]);
    }

    #[test]
    fn where_native_code_has_called_javascript_the_walk_goes_on_behind_it() {
        let mut words = [0; 16];
        words[0] = at(9);
        words[1] = at(11); // 8 words below the entry: the earlier exit frame
        words[8] = ENTRIES[0];
        words[9] = 1; // the frame of native code that called
        words[11] = at(14);
        words[12] = 0x2001;
        words[13] = CONTEXT;
        assert_eq!(functions(&words, 0), [0x2000]);
        words[1] = 0;
        assert!(functions(&words, 0).is_empty());
    }

    #[test]
    fn a_chain_that_is_broken_ends_the_stack() {
        for caller in [at(0), at(2), at(2) + 1, at(100), 0, u64::MAX] {
            let words = [caller, 0x2001, CONTEXT, 0];
            assert!(functions(&words, 0).is_empty(), "{caller:#x}");
        }
        assert!(functions(&[at(3), 0x2001, CONTEXT, 0], 3).is_empty());
        assert!(functions(&[], 0).is_empty());
    }
}
