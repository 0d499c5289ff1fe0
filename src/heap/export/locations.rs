//! The locations of the file: where the functions and constructors of nodes stand.

use super::Export;
use crate::heap::locations::{Location, Locator};
use crate::heap::map_cache::MapCache;
use crate::heap::object::Object;
use crate::snapshot::chunk::ChunkOutput;
use crate::snapshot::row::Text;
use std::io;

/// Finds the texts of places; remembers those that all objects of a descriptive part have.
#[derive(Default)]
struct Places {
    locator: Locator,
    of_parts: MapCache<Option<Text>>,
}

impl<'m, W: ChunkOutput> Export<'_, 'm, W> {
    pub(super) fn locations(&mut self) -> io::Result<u64> {
        let graph = self.graph;
        let mut places = Places::default();
        let mut count = 0;
        let mut node = self.first_node;
        for page in graph.pages.iter() {
            for address in page.marked() {
                let object = graph.object_on(page, address);
                if let Some(object) = object.filter(|object| object.kind().is_js_object())
                    && let Some(place) = self.place_of(&object, &mut places)
                {
                    self.writer.location(node, &place);
                    count += 1;
                }
                node += 1;
            }
            self.writer.check()?;
        }
        Ok(count)
    }

    #[inline]
    fn place_of(&self, object: &Object<'m>, places: &mut Places) -> Option<Text> {
        let part = self.graph.descriptive_part(object);
        if let Some(place) = places.of_parts.get(part) {
            return *place;
        }
        let found = places.locator.locate(self.graph, object);
        let place = found.location.map(|location| {
            let Location {
                script,
                line,
                column,
            } = location;
            self.writer.place_text(script, line, column)
        });
        if found.holds_for_part {
            places.of_parts.insert(part, place);
        }
        place
    }
}
