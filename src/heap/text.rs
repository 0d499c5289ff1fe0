//! The text of strings: sequential, external, sliced, thin and cons ones, cut at a limit, without recursion; and of symbols.

use super::graph::Graph;
use super::layout::SymbolFlags;
use super::layout::kind::Kind;
use super::memory::{Address, View};
use super::object::Object;
use crate::snapshot::writer::MAX_STRING_CHARACTERS;

/// How many parts of a cons string may wait. A deeper one is cut.
const MAX_PENDING_PARTS: usize = 4096;
/// How many strings of other strings are followed.
const MAX_INDIRECTIONS: usize = 64;

/// Characters of one byte or two, as they lie in memory.
#[derive(Clone, Copy)]
pub struct Characters<'m> {
    view: View<'m>,
    one_byte: bool,
}

impl Characters<'_> {
    /// Their number.
    pub fn len(&self) -> u64 {
        if self.one_byte {
            self.view.len()
        } else {
            self.view.len() / 2
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.view.is_empty()
    }

    /// The characters as bytes, if they are of one byte each.
    pub fn bytes<'b>(&self, bytes: &'b mut [u8]) -> Option<&'b [u8]> {
        self.one_byte.then(|| self.view.copy(bytes))
    }

    /// The characters in UTF-16.
    pub fn units(&self) -> impl Iterator<Item = u16> + '_ {
        (0..self.len()).map(|index| {
            if self.one_byte {
                u16::from(self.view.byte(index))
            } else {
                self.view.quarter_word(2 * index)
            }
        })
    }
}

/// Offset of a string's length and of its first character. src/objects/string.tq.
const CHARACTERS: u64 = 16;
/// ExternalString's cached address of its characters.
const EXTERNAL_DATA: u64 = 24;
const SLICED_OFFSET: u64 = 24;
/// `kUncachedExternalStringMask`: such a string has no cached address.
const UNCACHED: u16 = 16;
const SYMBOL_FLAGS: u64 = 12;
const SYMBOL_DESCRIPTION: u16 = 16;

impl<'m> Graph<'m> {
    /// The first `limit` characters of the string at `address`.
    pub fn text(&self, address: Address, limit: usize) -> Vec<u16> {
        let mut text = Vec::new();
        let mut pending = vec![address];
        while let Some(part) = pending.pop() {
            if text.len() >= limit {
                break;
            }
            let Some(string) = self.object(part).filter(|string| string.kind().is_string()) else {
                continue;
            };
            if string.kind() == Kind::ConsString && pending.len() < MAX_PENDING_PARTS {
                pending.extend(string.pointer(24));
                pending.extend(string.pointer(16));
            } else if let Some(characters) = self.characters(&string) {
                let room = limit - text.len();
                text.extend(characters.units().take(room));
            }
        }
        text
    }

    /// The text as UTF-8, with replacement characters for lone surrogates.
    pub fn utf8(&self, address: Address, limit: usize) -> String {
        String::from_utf16_lossy(&self.text(address, limit))
    }

    /// The characters of a string that has them in one piece.
    pub fn characters(&self, string: &Object<'m>) -> Option<Characters<'m>> {
        let length = string.string_length();
        let (mut string, mut first) = (*string, 0);
        for _ in 0..MAX_INDIRECTIONS {
            match string.kind() {
                Kind::ThinString => string = self.object(string.pointer(16)?)?,
                Kind::SlicedString => {
                    first += string.tagged(SLICED_OFFSET).length();
                    string = self.object(string.pointer(16)?)?;
                }
                Kind::SeqString | Kind::ExternalString => {
                    return self.flat_characters(&string, first, length);
                }
                _ => return None,
            }
        }
        None
    }

    fn flat_characters(
        &self,
        string: &Object<'m>,
        first: u64,
        length: u64,
    ) -> Option<Characters<'m>> {
        let one_byte = string.shape.is_one_byte();
        let width = if one_byte { 1 } else { 2 };
        let data = if string.kind() == Kind::SeqString {
            string.view().from(CHARACTERS)
        } else if string.shape.instance_type() & UNCACHED != 0 {
            return None;
        } else {
            let address = string.view().word(EXTERNAL_DATA);
            self.decoder
                .memory
                .view(address, width * string.string_length())?
        };
        Some(Characters {
            view: data.from(width * first).truncated(width * length),
            one_byte,
        })
    }

    /// The string that the slot of `object` at `offset` holds.
    pub fn string_in(&self, object: &Object<'m>, offset: u16) -> Option<Object<'m>> {
        self.object(object.pointer(offset)?)
            .filter(|string| string.kind().is_string())
    }

    /// Whether there is no text at `address`.
    pub fn is_empty_string(&self, address: Address) -> bool {
        self.object(address)
            .is_none_or(|string| string.string_length() == 0)
    }

    /// Whether V8 hides the symbol from JavaScript.
    pub fn is_private_symbol(&self, symbol: &Object) -> bool {
        let flags = symbol.view().half_word(SYMBOL_FLAGS);
        match self.layout().properties.symbol_flags {
            SymbolFlags::Bits => flags & 1 != 0,
            SymbolFlags::Visibility => flags & 3 != 0,
        }
    }

    /// The string that describes a symbol, if it has one.
    pub fn symbol_description(&self, symbol: &Object<'m>) -> Option<Object<'m>> {
        self.string_in(symbol, SYMBOL_DESCRIPTION)
    }

    /// The name of an edge for a property whose key is `symbol`: private names by their name alone.
    pub fn symbol_text(&self, symbol: &Object<'m>) -> String {
        let flags = symbol.view().half_word(SYMBOL_FLAGS);
        let is_private_name = match self.layout().properties.symbol_flags {
            SymbolFlags::Bits => flags & 1 << 4 != 0,
            SymbolFlags::Visibility => flags & 3 >= 2,
        };
        let description = self.symbol_description(symbol);
        let limit = MAX_STRING_CHARACTERS;
        let text = description.map(|description| self.utf8(description.address, limit));
        match text {
            Some(text) if is_private_name => text,
            Some(text) => format!("<symbol {text}>"),
            None => "<symbol>".to_owned(),
        }
    }
}
