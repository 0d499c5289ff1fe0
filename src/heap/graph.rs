//! The marked heap, ready to be read: every object that takes part has a rank, and what is well known has been found.

use super::dispatch::DispatchTable;
use super::layout::Layout;
use super::layout::kind::Kind;
use super::mark::{Marked, Marker};
use super::memory::{Address, Memory};
use super::object::{Decoder, Object};
use super::pages::{Page, Pages};
use super::redaction::Redaction;
use super::roots::{Root, RootFinder, RootTable, WellKnown};
use super::tally::Tally;
use super::{HeapError, tagged::Tagged};

/// One isolate's reachable heap.
pub struct Graph<'m> {
    /// What turns words into objects.
    pub decoder: Decoder<'m>,
    /// The marked objects.
    pub pages: Pages<'m>,
    /// The number of marked objects.
    pub count: u32,
    /// The references from outside of the heap.
    pub roots: Vec<Root>,
    /// Whether every list of roots was found where the layout says. Else more native memory was searched.
    pub root_lists_are_right: bool,
    /// The isolate's root table.
    pub root_table: RootTable,
    /// The objects every part must know.
    pub well_known: WellKnown,
    /// The ephemeron tables reached.
    pub ephemeron_tables: Vec<Address>,
    /// The native contexts reached.
    pub native_contexts: Vec<Address>,
    /// The array buffers reached.
    pub array_buffers: Vec<Address>,
    /// The objects by map, if these could be counted while they were marked.
    pub tally: Option<Tally>,
    /// Words that looked like pointers to objects and were none.
    pub skipped: u64,
    /// References into the heaps of other isolates, which were not followed.
    pub foreign: u64,
    /// What hides the contents of strings, where they shall be hidden.
    pub redaction: Option<Redaction>,
    dispatch_table: Option<DispatchTable>,
}

impl<'m> Graph<'m> {
    /// Marks and numbers what the isolate at `isolate` holds.
    pub fn read(
        memory: &'m Memory<'m>,
        isolate: Address,
        layout: &'static Layout,
    ) -> Result<Graph<'m>, HeapError> {
        let decoder = Decoder::new(memory, layout);
        let table = RootTable::read(&decoder, isolate);
        let well_known =
            WellKnown::find(&decoder, &table).ok_or(HeapError::NotAnIsolate { isolate })?;
        let dispatch_table = DispatchTable::find(&decoder, isolate);
        let mut marker = Marker::new(&decoder, isolate, dispatch_table.clone());
        let (roots, root_lists_are_right) =
            RootFinder::new(&decoder, isolate).mark_from_roots(&table, &mut marker);
        let Marked {
            mut pages,
            ephemeron_tables,
            native_contexts,
            array_buffers,
            tally,
            skipped,
            foreign,
        } = marker.finish();
        let count = pages.rank();
        Ok(Graph {
            decoder,
            pages,
            count,
            roots,
            root_lists_are_right,
            root_table: table,
            well_known,
            ephemeron_tables,
            native_contexts,
            array_buffers,
            tally,
            skipped,
            foreign,
            redaction: None,
            dispatch_table,
        })
    }

    /// The layout of the V8 that wrote the heap.
    #[inline]
    pub fn layout(&self) -> &'static Layout {
        self.decoder.layout
    }

    /// The object at `address`.
    #[inline]
    pub fn object(&self, address: Address) -> Option<Object<'m>> {
        let run = self.pages.page(self.pages.find(address)?).view(address)?;
        self.decoder.object(address, run)
    }

    /// The object at `address` of that page.
    #[inline]
    pub fn object_on(&self, page: &Page<'m>, address: Address) -> Option<Object<'m>> {
        self.decoder.object(address, page.view(address)?)
    }

    /// What the slot of `object` at `offset` holds strongly, if it is of that kind.
    pub fn object_in(&self, object: &Object<'m>, offset: u16, kind: Kind) -> Option<Object<'m>> {
        self.object(object.pointer(offset)?)
            .filter(|target| target.kind() == kind)
    }

    /// The object that `value` points to.
    pub fn target(&self, value: Tagged) -> Option<Object<'m>> {
        self.object(value.target()?)
    }

    /// What decides how most objects are described: the map, or of a function what all its closures share.
    #[inline]
    pub fn descriptive_part(&self, object: &Object) -> Address {
        let shared = match object.kind() {
            Kind::JsFunction => object.pointer(self.layout().function.shared),
            _ => None,
        };
        shared.unwrap_or(object.shape.map)
    }

    /// Whether `address` lies in the read-only space.
    pub fn is_read_only(&self, address: Address) -> bool {
        self.pages
            .find(address)
            .is_some_and(|page| self.pages.page(page).read_only)
    }

    /// The addresses of all marked objects in the order of their ranks.
    pub fn addresses(&self) -> impl Iterator<Item = Address> + '_ {
        self.pages.iter().flat_map(|page| page.marked())
    }

    /// All marked objects in the order of their ranks. `None` is one that ceased to be an object after it was marked.
    pub fn objects(&self) -> impl Iterator<Item = Option<Object<'m>>> + '_ {
        self.pages.iter().flat_map(move |page| {
            page.marked()
                .map(move |address| self.decoder.object(address, page.view(address)?))
        })
    }

    /// The instruction stream of what describes machine code; embedded builtins have none.
    pub fn instruction_stream(&self, code: &Object) -> Option<Address> {
        code.pointer(self.layout().code.instruction_stream?)
    }

    /// The machine code of a function.
    #[inline]
    pub fn code_in_dispatch_table(&self, function: &Object<'m>) -> Option<Address> {
        self.dispatch_table
            .as_ref()?
            .code_of(&self.decoder, function)
    }
}
