//! From an address to an object: the map says what it is ([`Shape`]), [`Decoder`] checks it. A word is taken for an object only
//! if its map is one (and the map's map too), its kind is known and all its bytes are readable.

use super::layout::kind::Kind;
use super::layout::{InstanceTypes, Layout};
use super::memory::{Address, Memory, View};
use super::shape::Shape;
use super::size::size_in_bytes;
use super::tagged::Tagged;
use std::cell::Cell;

/// A checked object.
#[derive(Clone, Copy)]
pub struct Object<'m> {
    /// Where it is, without a tag.
    pub address: Address,
    /// What it is.
    pub shape: Shape,
    view: View<'m>,
}

impl<'m> Object<'m> {
    /// Its size in bytes.
    #[inline]
    pub fn size(&self) -> u64 {
        self.view.len()
    }

    /// Its kind.
    #[inline]
    pub fn kind(&self) -> Kind {
        self.shape.kind
    }

    /// The tagged word at `offset`; Smi 0 beyond the end.
    #[inline]
    pub fn tagged(&self, offset: u64) -> Tagged {
        Tagged(self.view.word(offset))
    }

    /// What the slot at `offset` holds strongly.
    #[inline]
    pub fn pointer(&self, offset: u16) -> Option<Address> {
        self.tagged(u64::from(offset)).strong()
    }

    /// The number of characters, if it is a string. src/objects/string.h, `String::length`.
    #[inline]
    pub fn string_length(&self) -> u64 {
        u64::from(self.view.half_word(STRING_LENGTH))
    }

    /// Its bytes.
    #[inline]
    pub fn view(&self) -> View<'m> {
        self.view
    }
}

/// Behind the map and the hash.
const STRING_LENGTH: u64 = 12;
/// The number of maps remembered; their slot is a hash of the address.
const REMEMBERED_MAPS: usize = 1 << 12;

/// Turns words into objects, for one V8 version.
pub struct Decoder<'m> {
    /// The memory that is read.
    pub memory: &'m Memory<'m>,
    /// The layout of the V8 that wrote it.
    pub layout: &'static Layout,
    /// What instance types mean.
    pub instance_types: InstanceTypes,
    shapes: Box<[Cell<Shape>; REMEMBERED_MAPS]>,
}

impl<'m> Decoder<'m> {
    /// A decoder of this memory.
    pub fn new(memory: &'m Memory<'m>, layout: &'static Layout) -> Decoder<'m> {
        Decoder {
            memory,
            layout,
            instance_types: InstanceTypes::of(layout),
            shapes: Box::new([const { Cell::new(Shape::NONE) }; REMEMBERED_MAPS]),
        }
    }

    /// What the map at `map` says, if there is a map.
    #[inline]
    pub fn shape(&self, map: Address) -> Option<Shape> {
        let slot = &self.shapes[((map >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize];
        let remembered = slot.get();
        if remembered.map == map && map != 0 {
            return Some(remembered);
        }
        let shape = self.read_shape(map)?;
        slot.set(shape);
        Some(shape)
    }

    #[cold]
    #[inline(never)]
    fn read_shape(&self, map: Address) -> Option<Shape> {
        let layout = &self.layout.map;
        let view = self.map_view(map)?;
        let meta_map = self.map_view(Tagged(view.word(0)).strong()?)?;
        let meta_meta_map = self.map_view(Tagged(meta_map.word(0)).strong()?)?;
        for view in [meta_map, meta_meta_map] {
            let kind = self
                .instance_types
                .get(view.quarter_word(u64::from(layout.instance_type)))
                .kind;
            if kind != Kind::Map {
                return None;
            }
        }
        let instance_type = view.quarter_word(u64::from(layout.instance_type));
        let meaning = self.instance_types.get(instance_type);
        (meaning.kind != Kind::Unknown).then(|| Shape::read(map, view, layout, meaning))
    }

    fn map_view(&self, map: Address) -> Option<View<'m>> {
        if !map.is_multiple_of(8) {
            return None;
        }
        self.memory
            .view(map, u64::from(self.layout.map.transitions) + 8)
    }

    /// The object at `address`, of which `run` is everything readable from there on.
    #[inline]
    pub fn object(&self, address: Address, run: View<'m>) -> Option<Object<'m>> {
        let shape = self.shape(Tagged(run.word(0)).strong()?)?;
        let size = match shape.instance_size_in_words() {
            0 => size_in_bytes(self.layout, self.memory, &shape, run)?,
            words => u64::from(words) * 8,
        };
        let fits = size >= 8 && size <= run.len() && address.is_multiple_of(8);
        fits.then(|| Object {
            address,
            shape,
            view: run.truncated(size),
        })
    }

    /// The object at `address`, found without a page: for the few that are read before marking.
    pub fn lone_object(&self, address: Address) -> Option<Object<'m>> {
        self.object(address, self.memory.run(address)?)
    }
}
