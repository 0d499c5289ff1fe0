//! The strings of the file and their numbers.

use super::Export;
use super::nodes::{object_id, page_of};
use crate::heap::census::{Census, EphemeronPair};
use crate::heap::describe::NodeName;
use crate::heap::extract::AccessorPart;
use crate::heap::layout::kind::Kind;
use crate::heap::memory::Address;
use crate::heap::names::{NameId, Names};
use crate::heap::notes::StringGroup;
use crate::heap::page_numbers::PageNumbers;
use crate::snapshot::chunk::ChunkOutput;
use crate::snapshot::writer::MAX_STRING_CHARACTERS;
use std::io;

/// The first string of the file, which nothing refers to. V8 writes the same.
const DUMMY_STRING: &str = "<dummy>";
/// The number of names of edges remembered by the address of their key.
pub(super) const REMEMBERED_KEYS: usize = 1 << 12;

/// How the strings of the file are numbered: the dummy, the names known before the nodes, keys of properties, numbers as text,
/// other strings, pairs of ephemerons, the names found on the way. What most edges are called comes first, where numbers are short.
pub(super) struct StringNumbers {
    pub(super) early_names: u64,
    pub(super) first_decimal: u64,
    /// By [`StringGroup`].
    pub(super) first_heap_string: [u64; 2],
    pub(super) first_pair: u64,
    pub(super) first_late_name: u64,
}

impl StringNumbers {
    pub(super) const FIRST_NAME: u64 = 1;

    pub(super) fn new(census: &Census, names: &Names) -> StringNumbers {
        let early_names = names.texts().len() as u64;
        let [keys, others] = census.strings.map(u64::from);
        let first_key = Self::FIRST_NAME + early_names;
        let first_decimal = first_key + keys;
        let first_other = first_decimal + u64::from(census.decimals.len());
        let first_heap_string = [first_key, first_other];
        let first_pair = first_other + others;
        let first_late_name = first_pair + census.ephemerons.len() as u64;
        StringNumbers {
            early_names,
            first_decimal,
            first_heap_string,
            first_pair,
            first_late_name,
        }
    }

    #[inline]
    pub(super) fn of_heap_string(&self, group: StringGroup, number: u32) -> u64 {
        self.first_heap_string[group as usize] + u64::from(number)
    }

    #[inline]
    pub(super) fn of_name(&self, name: NameId) -> u64 {
        match u64::from(name.0).checked_sub(self.early_names) {
            None => Self::FIRST_NAME + u64::from(name.0),
            Some(late) => self.first_late_name + late,
        }
    }
}

impl<'m, W: ChunkOutput> Export<'_, 'm, W> {
    /// The number of a text among the strings.
    pub(super) fn name_number(&mut self, text: &str) -> u64 {
        let name = self.names.intern(text);
        self.number_of(name)
    }

    #[inline]
    pub(super) fn number_of(&self, name: NameId) -> u64 {
        match self.census.shared_names.get(&name) {
            Some(&string) => self.strings.of_heap_string(StringGroup::Key, string),
            None => self.strings.of_name(name),
        }
    }

    pub(super) fn node_name_number(&mut self, name: NodeName) -> u64 {
        match name {
            NodeName::Name(name) => self.number_of(name),
            NodeName::Text(address) => self.key_number(address),
        }
    }

    #[inline]
    pub(super) fn key_number(&mut self, key: Address) -> u64 {
        let slot =
            (key >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> 40 & (REMEMBERED_KEYS - 1);
        let (remembered, number) = self.remembered_keys[slot];
        if remembered == key {
            return number;
        }
        let number = self.find_key_number(key);
        self.remembered_keys[slot] = (key, number);
        number
    }

    pub(super) fn find_key_number(&mut self, key: Address) -> u64 {
        let Some(object) = self.graph.object(key) else {
            return self.name_number("");
        };
        match object.kind() {
            Kind::Symbol => {
                let text = self.graph.shown_symbol_text(&object);
                self.name_number(&text)
            }
            Kind::ThinString => match object.pointer(16) {
                Some(actual) if actual != key => self.key_number(actual),
                _ => self.name_number(""),
            },
            _ => match self
                .graph
                .pages
                .rank_of(key)
                .and_then(|rank| self.census.string_of(rank))
            {
                Some((group, number)) => self.strings.of_heap_string(group, number),
                None => {
                    let text = self.graph.shown_text(key);
                    self.name_number(&text)
                }
            },
        }
    }

    pub(super) fn accessor_number(&mut self, part: AccessorPart, key: Address) -> u64 {
        let Some(object) = self
            .graph
            .object(key)
            .filter(|object| object.kind().is_string())
        else {
            return self.key_number(key);
        };
        let text = self.graph.shown_text(object.address);
        let prefix = match part {
            AccessorPart::Getter => "get",
            AccessorPart::Setter => "set",
        };
        self.name_number(&format!("{prefix} {text}"))
    }

    pub(super) fn all_strings(&mut self, page_numbers: PageNumbers<'_>) -> io::Result<u64> {
        self.writer.one_byte_string(DUMMY_STRING.as_bytes());
        let early_names = self.strings.early_names as usize;
        self.names_from(0, early_names);
        self.heap_strings(StringGroup::Key)?;
        for number in self.census.decimals.iter() {
            self.writer.number_string(u64::from(number));
        }
        self.heap_strings(StringGroup::Other)?;
        for index in 0..self.census.ephemerons.len() {
            let text = self.pair_text(self.census.ephemerons[index], page_numbers);
            self.writer.string(text.encode_utf16());
        }
        self.names_from(early_names, usize::MAX);
        Ok(self.strings.first_late_name + (self.names.texts().len() - early_names) as u64)
    }

    pub(super) fn names_from(&mut self, first: usize, count: usize) {
        for text in self.names.texts().skip(first).take(count) {
            self.writer.string(text.encode_utf16());
        }
    }

    pub(super) fn heap_strings(&mut self, group: StringGroup) -> io::Result<()> {
        let mut bytes = [0; MAX_STRING_CHARACTERS];
        let graph = self.graph;
        for (rank, address) in graph.addresses().enumerate() {
            if self.census.notes().string_group(rank as u32) != Some(group) {
                continue;
            }
            if graph.redaction.is_some() {
                let text = graph.shown_text(address);
                self.writer.string(text.encode_utf16());
                continue;
            }
            let object = graph.object(address);
            let characters = object.and_then(|string| graph.characters(&string));
            match characters
                .as_ref()
                .map(|characters| (characters.bytes(&mut bytes), characters))
            {
                Some((Some(text), _)) => self.writer.one_byte_string(text),
                Some((None, characters)) => self.writer.string(characters.units()),
                None => self.writer.one_byte_string(b""),
            }
        }
        Ok(())
    }

    /// The name of the edges of an ephemeron, in the very form that DevTools takes apart to let the key alone retain the value:
    /// any number, then the pair. V8 numbers the edges of key and of table; one number for both makes it one string.
    pub(super) fn pair_text(
        &mut self,
        pair: EphemeronPair,
        page_numbers: PageNumbers<'_>,
    ) -> String {
        let (key, key_id) = self.name_and_id(pair.key, page_numbers);
        let (value, value_id) = self.name_and_id(pair.value, page_numbers);
        let (_, table_id) = self.name_and_id(pair.table, page_numbers);
        format!(
            "1 / part of key ({key} @{key_id}) -> value ({value} @{value_id}) pair in WeakMap (table @{table_id})"
        )
    }

    pub(super) fn name_and_id(
        &mut self,
        rank: u32,
        page_numbers: PageNumbers<'_>,
    ) -> (String, u64) {
        let Some(address) = self.graph.pages.address_of(rank) else {
            return (String::new(), 0);
        };
        let id = object_id(page_numbers.number_of(page_of(address)), address);
        let Some(object) = self.graph.object(address) else {
            return (String::new(), id);
        };
        let text = match self.type_and_name(rank, &object).1 {
            NodeName::Name(name) => self.names.text(name).to_owned(),
            NodeName::Text(text) => self.graph.shown_text(text),
        };
        (text, id)
    }
}
