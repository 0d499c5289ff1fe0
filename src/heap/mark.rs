//! Finds what is reachable, with V8's weak semantics, and leaves a mark on each object. Every object is checked before it is
//! followed; what is none loses its mark. The stack is bounded: what does not fit is found again by page. On the way the objects
//! are counted, each once.

use super::body::{tagged_slots, weak_slots};
use super::dispatch::DispatchTable;
use super::hash_table::HashTable;
use super::layout::kind::Kind;
use super::memory::{Address, View};
use super::object::{Decoder, Object};
use super::owner::Owner;
use super::pages::{PageIndex, Pages, Place};
use super::self_size::self_size;
use super::tagged::Tagged;
use super::tally::{Counting, Tally};

/// Entries of 8 bytes. Beyond it marked objects wait on their pages.
const STACK_CAPACITY: usize = 128 * 1024;
/// Bytes of an object whose slots are visited in one go. What they lead to comes before the next ones, so that a large array
/// does not fill the stack.
const VISITED_AT_ONCE: u64 = 8 * 1024;
/// How many objects ahead memory is asked for.
const PREFETCHED: usize = 8;
/// How many marked objects are remembered.
const LATELY_MARKED: usize = 256;

/// Marks objects.
pub struct Marker<'a, 'm> {
    decoder: &'a Decoder<'m>,
    dispatch_table: Option<DispatchTable>,
    pages: Pages<'m>,
    stack: Vec<Place>,
    /// Objects whose memory was asked for, the oldest first, and what can be read there.
    prefetched: [(PageIndex, Address, View<'m>); PREFETCHED],
    oldest: usize,
    prefetched_count: usize,
    /// Objects that were marked, at a place by their address: most slots lead to a few maps and empty arrays.
    lately_marked: [Address; LATELY_MARKED],
    overflown: bool,
    /// The slots not yet visited of large objects.
    unfinished: Vec<View<'m>>,
    ephemeron_tables: Vec<Address>,
    native_contexts: Vec<Address>,
    array_buffers: Vec<Address>,
    counting: Counting,
    met_any: bool,
    skipped: u64,
    foreign: u64,
}

/// What marking gave.
pub struct Marked<'m> {
    /// The marks.
    pub pages: Pages<'m>,
    /// The ephemeron tables reached: their entries are edges of the keys too.
    pub ephemeron_tables: Vec<Address>,
    /// The native contexts reached.
    pub native_contexts: Vec<Address>,
    /// The array buffers reached.
    pub array_buffers: Vec<Address>,
    /// The objects by map, if they could be counted.
    pub tally: Option<Tally>,
    /// Words that looked like pointers to objects and were none.
    pub skipped: u64,
    /// References into the heaps of other isolates, which were not followed.
    pub foreign: u64,
}

impl<'a, 'm> Marker<'a, 'm> {
    /// A marker that has reached nothing of the isolate at `isolate`.
    pub fn new(
        decoder: &'a Decoder<'m>,
        isolate: Address,
        dispatch_table: Option<DispatchTable>,
    ) -> Marker<'a, 'm> {
        Marker {
            decoder,
            dispatch_table,
            pages: Pages::new(Owner::new(isolate, decoder.layout)),
            stack: Vec::with_capacity(STACK_CAPACITY),
            prefetched: [(0, 0, View::EMPTY); PREFETCHED],
            lately_marked: [0; LATELY_MARKED],
            oldest: 0,
            prefetched_count: 0,
            overflown: false,
            unfinished: Vec::new(),
            ephemeron_tables: Vec::new(),
            native_contexts: Vec::new(),
            array_buffers: Vec::new(),
            counting: Counting::default(),
            met_any: false,
            skipped: 0,
            foreign: 0,
        }
    }

    /// Marks the object at `address`, if it looks like one, and later what it leads to.
    #[inline]
    pub fn mark(&mut self, address: Address) {
        if self.lately_marked[lately_marked_slot(address)] != address {
            self.mark_anew(address);
        }
    }

    fn mark_anew(&mut self, address: Address) {
        if !address.is_multiple_of(8) {
            self.skipped += 1;
            return;
        }
        let Some(page) = self.pages.find_or_touch(self.decoder.memory, address) else {
            return;
        };
        let found = self.pages.page(page);
        let Some(view) = found.view(address) else {
            self.foreign += u64::from(found.is_foreign);
            return;
        };
        self.lately_marked[lately_marked_slot(address)] = address;
        if !self.pages.mark(page, address) {
            return;
        }
        if self.stack.len() < STACK_CAPACITY {
            self.stack.push(Place::new(page, address));
        } else {
            self.postpone(page, address, view);
        }
    }

    /// Leaves the marked object's slots to a visit of its whole page. It is met now, for such a visit does not know whom it meets
    /// for the first time.
    #[inline(never)]
    fn postpone(&mut self, page: PageIndex, address: Address, view: View<'m>) {
        if let Some(object) = self.check(page, address, view) {
            self.meet(page, &object);
            self.pages.set_unvisited(page);
            self.overflown = true;
        }
    }

    /// Marks everything that can be reached from what is marked.
    pub fn mark_reachable(&mut self) {
        loop {
            // A value that is no object loses its mark again, so only an object is progress.
            self.met_any = false;
            self.mark_strongly_reachable();
            self.mark_ephemeron_values();
            self.mark_strongly_reachable();
            if !self.met_any {
                break;
            }
        }
    }

    /// The native contexts reached so far.
    pub fn native_contexts(&self) -> &[Address] {
        &self.native_contexts
    }

    /// Ends the marking.
    pub fn finish(self) -> Marked<'m> {
        Marked {
            pages: self.pages,
            ephemeron_tables: self.ephemeron_tables,
            native_contexts: self.native_contexts,
            array_buffers: self.array_buffers,
            tally: self.counting.finish(),
            skipped: self.skipped,
            foreign: self.foreign,
        }
    }

    /// Whether a word that points to `address` may be taken for a reference although nobody says it is one: it must be an
    /// object, not yet marked, and not lie within a marked one.
    pub fn is_candidate(&mut self, address: Address) -> bool {
        let Some(page) = self.pages.find_or_touch(self.decoder.memory, address) else {
            return false;
        };
        let page = self.pages.page(page);
        let Some(run) = page.view(address) else {
            return false;
        };
        if self
            .decoder
            .object(address, run)
            .is_none_or(|object| object.kind() == Kind::Filler)
        {
            return false;
        }
        match page.marked_before(address) {
            None => true,
            Some(before) => {
                let object = page
                    .view(before)
                    .and_then(|run| self.decoder.object(before, run));
                object.is_none_or(|object| before + object.size() <= address)
            }
        }
    }

    /// Like [`Marker::mark_reachable`], but values that hang on two conditions, ephemerons, may be left out.
    pub fn mark_strongly_reachable(&mut self) {
        loop {
            self.drain_stack();
            if !std::mem::take(&mut self.overflown) {
                return;
            }
            for page in 0..self.pages.len() as PageIndex {
                self.visit_page_again(page);
            }
        }
    }

    fn visit_page_again(&mut self, page: PageIndex) {
        if !self.pages.take_unvisited(page) {
            return;
        }
        // The page may change below us; what is marked anew was pushed, or noted on its page.
        let marked: Vec<Address> = self.pages.page(page).marked().collect();
        for address in marked {
            let view = self.pages.page(page).view(address).unwrap_or(View::EMPTY);
            if let Some(object) = self.check(page, address, view) {
                self.visit_slots(&object);
            }
            self.drain_stack();
        }
    }

    fn drain_stack(&mut self) {
        loop {
            while self.prefetched_count < PREFETCHED {
                let Some(place) = self.stack.pop() else {
                    break;
                };
                let (address, view) = self.pages.at(place);
                let view = view.unwrap_or(View::EMPTY);
                view.prefetch();
                self.prefetched[(self.oldest + self.prefetched_count) % PREFETCHED] =
                    (place.page(), address, view);
                self.prefetched_count += 1;
            }
            if self.prefetched_count == 0 {
                let Some(words) = self.unfinished.pop() else {
                    return;
                };
                self.visit_words(words);
                continue;
            }
            let (page, address, view) = self.prefetched[self.oldest];
            self.oldest = (self.oldest + 1) % PREFETCHED;
            self.prefetched_count -= 1;
            if let Some(object) = self.check(page, address, view) {
                self.meet(page, &object);
                self.visit_slots(&object);
            }
        }
    }

    /// The object at a marked address. What is none loses its mark.
    #[inline]
    fn check(&mut self, page: PageIndex, address: Address, view: View<'m>) -> Option<Object<'m>> {
        let object = self.decoder.object(address, view);
        if object.is_none() {
            self.pages.unmark(page, address);
            self.lately_marked[lately_marked_slot(address)] = 0;
            self.skipped += 1;
        }
        object
    }

    /// What is done once for each object.
    #[inline]
    fn meet(&mut self, page: PageIndex, object: &Object<'m>) {
        let bytes = self_size(self.decoder.layout, self.pages.page(page), object);
        self.counting.count(object, bytes);
        self.met_any = true;
        match object.kind() {
            Kind::EphemeronHashTable => self.ephemeron_tables.push(object.address),
            Kind::NativeContext => self.native_contexts.push(object.address),
            Kind::JsArrayBuffer => self.array_buffers.push(object.address),
            _ => {}
        }
    }

    /// What can be read from a marked object's address on.
    #[inline]
    fn view(&self, address: Address) -> View<'m> {
        let page = self.pages.find(address);
        let view = page.and_then(|page| self.pages.page(page).view(address));
        view.unwrap_or(View::EMPTY)
    }

    #[inline]
    fn visit_slots(&mut self, object: &Object<'m>) {
        self.mark(object.shape.map);
        match object.kind() {
            Kind::EphemeronHashTable => return,
            Kind::JsFunction => {
                if let Some(code) = self
                    .dispatch_table
                    .as_ref()
                    .and_then(|table| table.code_of(self.decoder, object))
                {
                    self.mark(code);
                }
            }
            _ => {}
        }
        let slots = tagged_slots(self.decoder.layout, object);
        let weak = weak_slots(self.decoder.layout, object);
        let strong = [
            slots.start..weak.start.min(slots.end),
            weak.end.max(slots.start)..slots.end,
        ];
        for slots in strong {
            let length = slots.end.saturating_sub(slots.start);
            self.visit_words(object.view().from(slots.start).truncated(length));
        }
    }

    #[inline]
    fn visit_words(&mut self, words: View<'m>) {
        if words.len() > VISITED_AT_ONCE {
            self.unfinished.push(words.from(VISITED_AT_ONCE));
        }
        for word in words.words(0, VISITED_AT_ONCE) {
            if let Some(target) = Tagged(word).strong() {
                self.mark(target);
            }
        }
    }

    /// Marks the values of ephemerons whose table and key are marked.
    fn mark_ephemeron_values(&mut self) {
        for index in 0..self.ephemeron_tables.len() {
            let address = self.ephemeron_tables[index];
            let Some(table) = self.decoder.object(address, self.view(address)) else {
                continue;
            };
            for entry in HashTable::new(&table, 3, 2).entries() {
                let (key, value): (Tagged, Tagged) = (entry.slot(0), entry.slot(1));
                if let (Some(key), Some(value)) = (key.target(), value.strong())
                    && self.pages.is_marked(key)
                {
                    self.mark(value);
                }
            }
        }
    }
}

#[inline]
fn lately_marked_slot(address: Address) -> usize {
    (address >> 3) as usize % LATELY_MARKED
}
