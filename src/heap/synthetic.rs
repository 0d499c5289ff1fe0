//! A small heap made by hand, in the layout of any version: what the tests corrupt. It has a root table, objects with fast and
//! dictionary properties, elements, strings of several shapes, a context, an ephemeron table and weak references.

use super::layout::instance_types::{COLUMNS, ROWS};
use super::layout::{Layout, PageOwner, SymbolFlags};
use super::memory::{Address, Content, Mapping};

/// Where the heap starts.
pub const HEAP: Address = 0x1234_0000_0000;
/// Where the first object is, behind the page's header.
pub const FIRST_OBJECT: Address = HEAP + PAGE_HEADER;
const PAGE_HEADER: u64 = 0x100;
/// Where the page's metadata is, in versions that keep it apart.
pub const METADATA: u64 = 0x40;
/// Where the isolate is.
pub const ISOLATE: Address = 0x5678_0000_0000;

/// A stored image: the mappings with their bytes.
pub type Image = Vec<(Mapping, Vec<u8>)>;

/// Tags the address of an object.
pub fn strong(address: Address) -> u64 {
    address | 1
}

/// Tags the address of an object that is held weakly.
pub fn weak(address: Address) -> u64 {
    address | 3
}

/// A small integer.
pub fn smi(value: i32) -> u64 {
    (value as u32 as u64) << 32
}

/// Puts a heap together, object by object.
pub struct Builder {
    layout: &'static Layout,
    heap: Vec<u8>,
    roots: Vec<u64>,
    meta_map: Address,
}

impl Builder {
    /// An empty heap with a map of maps.
    pub fn new(layout: &'static Layout) -> Builder {
        let roots = vec![0; layout.root_names.lines().count()];
        let mut builder = Builder {
            layout,
            heap: vec![0; PAGE_HEADER as usize],
            roots,
            meta_map: FIRST_OBJECT,
        };
        let meta_map = builder.map("Map", 10, 0);
        assert_eq!(meta_map, FIRST_OBJECT);
        builder.belong_to(ISOLATE);
        builder
    }

    /// Makes the page one of the isolate at `isolate`. The metadata lies in the page, where nothing else is.
    pub fn belong_to(&mut self, isolate: Address) {
        let layout = self.layout.page;
        let heap = isolate + layout.heap;
        match layout.owner {
            PageOwner::Header(offset) => self.set(HEAP, offset.into(), heap),
            PageOwner::Metadata {
                metadata,
                heap: offset,
            } => {
                self.set(HEAP, metadata.into(), HEAP + METADATA);
                self.set(HEAP, METADATA + u64::from(offset), heap);
            }
        }
    }

    fn instance_type(&self, class: &str) -> u16 {
        let column = COLUMNS
            .iter()
            .position(|&version| version == self.layout.version)
            .unwrap();
        let row = ROWS
            .iter()
            .find(|(name, _, numbers)| *name == class && numbers[column] != u16::MAX);
        row.unwrap_or_else(|| panic!("{class}")).2[column]
    }

    /// An object of these words, the first of which is the map.
    pub fn object(&mut self, words: &[u64]) -> Address {
        let address = HEAP + self.heap.len() as u64;
        for word in words {
            self.heap.extend_from_slice(&word.to_le_bytes());
        }
        address
    }

    /// Overwrites a word.
    pub fn set(&mut self, address: Address, offset: u64, word: u64) {
        let at = (address + offset - HEAP) as usize;
        self.heap[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }

    fn set_bytes(&mut self, address: Address, offset: u64, bytes: &[u8]) {
        let at = (address + offset - HEAP) as usize;
        self.heap[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A map of instances of `class` with that size in words, 0 if it varies.
    pub fn map(&mut self, class: &str, words: u8, inobject_start: u8) -> Address {
        let instance_type = self.instance_type(class);
        self.map_of_type(instance_type, words, inobject_start)
    }

    /// A map of instances of that type.
    pub fn map_of_type(&mut self, instance_type: u16, words: u8, inobject_start: u8) -> Address {
        let layout = self.layout.map;
        let map = self.object(&[0; 10]);
        self.set(map, 0, strong(self.meta_map));
        self.set_bytes(map, layout.instance_size_in_words.into(), &[words]);
        self.set_bytes(
            map,
            layout.inobject_properties_start.into(),
            &[inobject_start],
        );
        self.set_bytes(
            map,
            layout.instance_type.into(),
            &instance_type.to_le_bytes(),
        );
        map
    }

    /// Gives the root of that name a value.
    pub fn root(&mut self, name: &str, target: Address) {
        let index = self
            .layout
            .root_names
            .lines()
            .position(|root| root == name)
            .unwrap();
        self.roots[index] = strong(target);
    }

    /// A string of one-byte characters.
    pub fn string(&mut self, map: Address, text: &str) -> Address {
        let string = self.object(&vec![0; 2 + text.len().div_ceil(8)]);
        self.set(string, 0, strong(map));
        self.set_bytes(string, 12, &(text.len() as u32).to_le_bytes());
        self.set_bytes(string, 16, text.as_bytes());
        string
    }

    /// An array-like object: map, length, elements.
    pub fn array(&mut self, map: Address, elements: &[u64]) -> Address {
        let mut words = vec![strong(map), smi(elements.len() as i32)];
        words.extend_from_slice(elements);
        self.object(&words)
    }

    /// Descriptors of fields: key and index of each.
    pub fn descriptors(&mut self, map: Address, fields: &[(Address, u32)]) -> Address {
        let entries = u64::from(self.layout.descriptors.entries);
        let array = self.object(&vec![0; entries as usize / 8 + 3 * fields.len()]);
        self.set(array, 0, strong(map));
        self.set_bytes(
            array,
            self.layout.descriptors.count.into(),
            &(fields.len() as u16).to_le_bytes(),
        );
        for (index, &(key, field)) in fields.iter().enumerate() {
            let entry = entries + 24 * index as u64;
            // A tagged field.
            let details = field << super::layout::bits::FIELD_INDEX_SHIFT | 4 << 6;
            self.set(array, entry, strong(key));
            self.set(array, entry + 8, smi(details as i32));
        }
        array
    }

    /// The finished heap, an isolate with the root table, and a stack that holds `on_stack`.
    pub fn finish(self, on_stack: &[u64]) -> Image {
        let words = |words: &[u64]| {
            words
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        let mut isolate = vec![0; self.layout.roots.table as usize];
        isolate.extend(words(&self.roots));
        let mapping = |start: Address, bytes: &[u8], content| Mapping {
            start,
            end: start + bytes.len() as u64,
            writable_or_executable: true,
            content,
        };
        let mut heap = self.heap;
        heap.resize(heap.len().next_multiple_of(4096), 0);
        let stack = words(on_stack);
        vec![
            (mapping(HEAP, &heap, Content::Heap), heap),
            (mapping(ISOLATE, &isolate, Content::Native), isolate),
            (mapping(0x7fff_0000_0000, &stack, Content::Stack), stack),
        ]
    }
}

/// How large an isolate is with its fields and with the lists of roots that some of them point to.
pub const ISOLATE_BYTES: usize = 0x1_3000;
/// How far its fields reach.
const ISOLATE_FIELDS: u64 = 0x1_2000;

/// Gives the isolate of an image its full size; what is new is zero.
pub fn enlarge_isolate(image: &mut Image) {
    let (mapping, isolate) = &mut image[1];
    isolate.resize(ISOLATE_BYTES, 0);
    mapping.end = mapping.start + ISOLATE_BYTES as u64;
}

/// The words of a full isolate by which lists of roots are told from anything else.
pub fn root_list_words(layout: &Layout) -> [(Address, u64); 6] {
    let roots = layout.roots;
    let [scopes, globals, nodes] = [1, 2, 3].map(|list| ISOLATE + ISOLATE_FIELDS + 0x100 * list);
    [
        (ISOLATE + roots.handle_scope_implementer, scopes),
        (scopes, ISOLATE),
        (ISOLATE + roots.global_handles, globals),
        (globals, ISOLATE),
        (globals + roots.global_handle_nodes, nodes),
        (nodes, globals),
    ]
}

/// Overwrites a word of an image's isolate.
pub fn set_in_isolate(image: &mut Image, address: Address, word: u64) {
    let at = (address - ISOLATE) as usize;
    image[1].1[at..at + 8].copy_from_slice(&word.to_le_bytes());
}

/// A number that one element of the heap's arrays is, so that a test finds it.
pub const MARKED_ELEMENT: i32 = 7;

/// A heap with one of each; its global array is on the stack.
pub fn heap(layout: &'static Layout) -> Image {
    let mut heap = Builder::new(layout);
    let oddball = heap.map("Oddball", 6, 0);
    // Internalized one-byte strings have the same type in all versions.
    let string_map = heap.map_of_type(8, 0, 0);
    let cons_map = heap.map_of_type(41, 4, 0);
    let sliced_map = heap.map_of_type(43, 4, 0);
    let fixed_array = heap.map("FixedArray", 0, 0);
    let descriptor_array = heap.map("DescriptorArray", 0, 0);
    let property_array = heap.map("PropertyArray", 0, 0);
    let name_dictionary = heap.map("NameDictionary", 0, 0);
    let ephemeron_table = heap.map("EphemeronHashTable", 0, 0);
    let weak_array = heap.map("WeakFixedArray", 0, 0);
    let heap_number = heap.map("HeapNumber", 2, 0);
    let symbol_map = heap.map("Symbol", 3, 0);

    let empty = heap.string(string_map, "");
    let mut oddballs = Vec::new();
    for name in ["undefined_value", "the_hole_value", "null_value"] {
        let object = heap.object(&[strong(oddball), 0, strong(empty), 0, strong(empty), 0]);
        heap.root(name, object);
        oddballs.push(object);
    }
    let [undefined, _, null] = oddballs[..] else {
        unreachable!()
    };
    for name in ["Object", "constructor", "__proto__", "prototype"] {
        let text = heap.string(string_map, name);
        let root = match name {
            "Object" => "Object_string",
            "constructor" => "constructor_string",
            "__proto__" => "proto_string",
            _ => "prototype_string",
        };
        heap.root(root, text);
    }
    let flags = match layout.properties.symbol_flags {
        SymbolFlags::Bits | SymbolFlags::Visibility => 0,
    };
    let description = heap.string(string_map, "Symbol.toStringTag");
    let tag = heap.object(&[strong(symbol_map), flags, strong(description)]);
    heap.root("to_string_tag_symbol", tag);
    let empty_array = heap.array(fixed_array, &[]);
    heap.root("empty_fixed_array", empty_array);
    heap.root("fixed_array_map", fixed_array);
    heap.root("meta_map", FIRST_OBJECT);

    // An object with two fields, the second in its property array.
    let (first, second) = (
        heap.string(string_map, "first"),
        heap.string(string_map, "second"),
    );
    let fast_map = heap.map("JSObject", 4, 3);
    let descriptors = heap.descriptors(descriptor_array, &[(first, 0), (second, 1)]);
    heap.set(fast_map, layout.map.descriptors.into(), strong(descriptors));
    heap.set(fast_map, layout.map.prototype.into(), strong(null));
    heap.set(fast_map, layout.map.constructor.into(), strong(null));
    heap.set_bytes(
        fast_map,
        layout.map.bit_field3.into(),
        &(2u32 << 10).to_le_bytes(),
    );
    heap.set_bytes(fast_map, layout.map.bit_field2.into(), &[3 << 2]);
    let number = heap.object(&[strong(heap_number), 1.5f64.to_bits()]);
    let cons = heap.object(&[strong(cons_map), 11 << 32, strong(first), strong(second)]);
    let sliced = heap.object(&[strong(sliced_map), 3 << 32, strong(first), smi(1)]);
    let other_fields = heap.array(property_array, &[strong(cons)]);
    let elements = heap.array(
        fixed_array,
        &[strong(sliced), smi(MARKED_ELEMENT), strong(undefined)],
    );
    let fast = heap.object(&[
        strong(fast_map),
        strong(other_fields),
        strong(elements),
        strong(number),
    ]);

    // An object with its properties in a dictionary: three counts, prefix, entries of key, value, details.
    let slow_map = heap.map("JSObject", 3, 3);
    heap.set(slow_map, layout.map.prototype.into(), strong(fast));
    heap.set(slow_map, layout.map.constructor.into(), strong(null));
    heap.set_bytes(
        slow_map,
        layout.map.bit_field3.into(),
        &(1u32 << 21).to_le_bytes(),
    );
    let mut entries = vec![smi(1), smi(0), smi(2)];
    entries.resize(layout.properties.name_dictionary_prefix as usize, smi(0));
    entries.extend([
        strong(second),
        strong(fast),
        smi(0),
        strong(undefined),
        strong(undefined),
        smi(0),
    ]);
    let dictionary = heap.array(name_dictionary, &entries);
    let slow = heap.object(&[strong(slow_map), strong(dictionary), strong(empty_array)]);

    // An ephemeron, and a weak reference that alone keeps nothing alive.
    let value = heap.array(fixed_array, &[strong(slow)]);
    let table = heap.array(
        ephemeron_table,
        &[
            smi(1),
            smi(0),
            smi(2),
            strong(fast),
            strong(value),
            strong(undefined),
            strong(undefined),
        ],
    );
    let dead = heap.array(fixed_array, &[smi(1)]);
    let weakly = heap.array(weak_array, &[weak(fast), weak(dead), 3]);
    let global = heap.array(fixed_array, &[strong(slow), strong(table), strong(weakly)]);
    heap.finish(&[strong(global)])
}
