//! From V8 13 on a function finds its machine code through a table. Where all isolates have one together, nothing tells where
//! it is; it is found by its contents: at the right base the entries of known functions all lead to `Code`. Where each isolate
//! has its own, the contents would not tell them apart. src/sandbox/js-dispatch-table.h.

use super::layout::DispatchTablePlace;
use super::layout::kind::Kind;
use super::memory::{Address, Content};
use super::object::{Decoder, Object};
use super::tagged::Tagged;
use std::cell::Cell;

const ENTRY_SIZE: u64 = 16;
/// Entry point, then the code's address and the parameter count in one word.
const CODE_OFFSET: u64 = 8;
const CODE_SHIFT: u32 = 16;
/// `kJSDispatchHandleShift`, include/v8-internal.h.
const HANDLE_SHIFT: u32 = 8;
/// So many functions must agree on a table.
const WITNESSES: usize = 16;

/// The table's place.
#[derive(Debug, Clone)]
pub struct DispatchTable {
    base: Address,
    /// The last handle and its code: closures of one function, which have the same handle, often lie side by side.
    last: Cell<Option<(u32, Option<Address>)>>,
}

impl DispatchTable {
    /// Finds the table, and makes sure of it with the help of functions of the native context that is reachable from `isolate`.
    pub fn find(decoder: &Decoder, isolate: Address) -> Option<DispatchTable> {
        let table = decoder.layout.function.dispatch?.table;
        let context = native_context(decoder, isolate)?;
        let witnesses: Vec<Object> = (16..context.size())
            .step_by(8)
            .filter_map(|offset| decoder.lone_object(context.tagged(offset).strong()?))
            .filter(|object| object.kind() == Kind::JsFunction)
            .take(WITNESSES)
            .collect();
        if witnesses.len() < WITNESSES {
            return None;
        }
        let at = |base: Address| DispatchTable {
            base,
            last: Cell::new(None),
        };
        let is_right = |table: &DispatchTable| {
            witnesses
                .iter()
                .all(|function| table.code_of(decoder, function).is_some())
        };
        let memory = decoder.memory;
        match table {
            DispatchTablePlace::Isolate(offset) => {
                memory.word(isolate + offset).map(at).filter(is_right)
            }
            DispatchTablePlace::Process => memory
                .mappings()
                .map(|mapping| at(mapping.start))
                .find(is_right),
        }
    }

    /// The code of `function`.
    #[inline]
    pub fn code_of(&self, decoder: &Decoder, function: &Object) -> Option<Address> {
        let offset = decoder.layout.function.dispatch?.handle;
        let handle = function.view().half_word(u64::from(offset));
        match self.last.get() {
            Some((last, code)) if last == handle => code,
            _ => {
                let code = self.find_code(decoder, handle);
                self.last.set(Some((handle, code)));
                code
            }
        }
    }

    fn find_code(&self, decoder: &Decoder, handle: u32) -> Option<Address> {
        let entry = ENTRY_SIZE * u64::from(handle >> HANDLE_SHIFT) + CODE_OFFSET;
        let word = decoder.memory.word(self.base.checked_add(entry)?)?;
        let code = (word >> CODE_SHIFT) & !7;
        let object = decoder.lone_object(code)?;
        (object.kind() == Kind::Code).then_some(code)
    }
}

/// How far the isolate's own fields reach, at most.
const ISOLATE_FIELDS: u64 = 128 * 1024;

/// A native context: the one of the first context that a field of the isolate points to.
fn native_context<'m>(decoder: &Decoder<'m>, isolate: Address) -> Option<Object<'m>> {
    (isolate..isolate + ISOLATE_FIELDS)
        .step_by(8)
        .find_map(|address| {
            let target = Tagged(decoder.memory.word(address)?).strong()?;
            decoder
                .memory
                .mapping(target)
                .filter(|mapping| mapping.content == Content::Heap)?;
            let object = decoder.lone_object(target)?;
            match object.kind() {
                Kind::NativeContext => Some(object),
                Kind::Context => {
                    let map = decoder.lone_object(object.shape.map)?;
                    decoder.lone_object(map.pointer(decoder.layout.map.constructor)?)
                }
                .filter(|object| object.kind() == Kind::NativeContext),
                _ => None,
            }
        })
}
