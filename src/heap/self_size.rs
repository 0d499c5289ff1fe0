//! What the file says of an object's size: `SizeForSnapshot`, src/profiler/heap-snapshot-generator.cc.

use super::layout::Layout;
use super::layout::kind::Kind;
use super::object::Object;
use super::pages::Page;

/// The bytes of the node of `object`, which lies in `page`.
#[inline]
pub fn self_size(layout: &Layout, page: &Page, object: &Object) -> u64 {
    if page.read_only && layout.snapshot.read_only_is_free {
        return 0;
    }
    let text = match object.kind() {
        Kind::ExternalString if layout.snapshot.external_text_counts => {
            object.string_length() * if object.shape.is_one_byte() { 1 } else { 2 }
        }
        _ => 0,
    };
    object.size() + text
}
