//! Hiding what strings say. A redacted snapshot has, for each string, its length and a keyed hash of its contents: equal strings
//! stay equal within one snapshot, and nobody can guess contents and compare, for the key ends with the frozen child.
//!
//! What the source of the program names stays: functions, classes and files. So does what V8 itself has in its read-only space.
//! Names of properties go: data often ends up there.

use std::io;

use rustc_hash::FxHashSet;
use siphasher::sip::SipHasher24;
use std::hash::Hasher;

use super::graph::Graph;
use super::layout::kind::Kind;
use super::memory::Address;
use super::object::Object;
use crate::snapshot::writer::MAX_STRING_CHARACTERS;

/// What stands for contents.
pub struct Redaction {
    key: [u8; 16],
    /// The strings that the source names.
    shown: FxHashSet<Address>,
}

impl Redaction {
    /// A redaction of `graph` with a new random key.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(graph: &Graph) -> io::Result<Redaction> {
        Ok(Redaction {
            key: random_key()?,
            shown: graph
                .objects()
                .flatten()
                .filter_map(|object| name_in_source(graph, &object))
                .collect(),
        })
    }

    fn hash(&self, units: impl Iterator<Item = u16>) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        units.for_each(|unit| hasher.write_u16(unit));
        hasher.finish()
    }
}

fn name_in_source(graph: &Graph, object: &Object) -> Option<Address> {
    match object.kind() {
        Kind::SharedFunctionInfo => graph.debug_name(object),
        Kind::Script => {
            let name = graph.string_in(object, graph.layout().script.name)?;
            Some(name.address)
        }
        _ => None,
    }
}

#[cfg(unix)]
fn random_key() -> io::Result<[u8; 16]> {
    let mut key = [0; 16];
    // SAFETY: the kernel writes that many bytes. So few are never cut short once the system has its entropy.
    let count = unsafe { libc::getrandom(key.as_mut_ptr().cast(), key.len(), 0) };
    match usize::try_from(count) {
        Ok(count) if count == key.len() => Ok(key),
        Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(unix))]
fn random_key() -> io::Result<[u8; 16]> {
    Err(io::ErrorKind::Unsupported.into())
}

impl<'m> Graph<'m> {
    /// The text of the string at `address` as the file shows it: itself, cut as V8 does, or what stands for it.
    pub fn shown_text(&self, address: Address) -> String {
        match &self.redaction {
            Some(redaction) if self.hides(address) => {
                let length = self
                    .object(address)
                    .map_or(0, |string| string.string_length());
                let hash = self.hash_of_text(redaction, address);
                format!("(redacted: {length} characters, {hash:016x})")
            }
            _ => self.utf8(address, MAX_STRING_CHARACTERS),
        }
    }

    /// The text of a symbol as the file shows it.
    pub fn shown_symbol_text(&self, symbol: &Object<'m>) -> String {
        match self.symbol_description(symbol) {
            Some(description) if self.hides(description.address) => {
                format!("<symbol {}>", self.shown_text(description.address))
            }
            _ => self.symbol_text(symbol),
        }
    }

    /// A key of a dictionary of elements as the file shows it. Positions in arrays say nothing; such keys may be anything.
    pub fn shown_index(&self, index: u32) -> u32 {
        match &self.redaction {
            Some(redaction) => {
                let [low, high] = [index as u16, (index >> 16) as u16];
                redaction.hash([low, high].into_iter()) as u32
            }
            None => index,
        }
    }

    /// Whether the file does not show what the string at `address` says.
    pub fn hides(&self, address: Address) -> bool {
        let is_hidden = |redaction: &Redaction| {
            !redaction.shown.contains(&address) && !self.is_read_only(address)
        };
        self.redaction.as_ref().is_some_and(is_hidden)
    }

    /// All of the text is hashed, however the string is stored.
    fn hash_of_text(&self, redaction: &Redaction, address: Address) -> u64 {
        let string = self.object(address);
        match string.as_ref().and_then(|string| self.characters(string)) {
            Some(characters) => redaction.hash(characters.units()),
            None => redaction.hash(self.text(address, usize::MAX).into_iter()),
        }
    }
}
