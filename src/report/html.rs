//! The analysis as one page for the browser that needs nothing else: no network, no other file.

use super::analysis::Analysis;
use super::classes::Classes;
use super::heap::Heap;
use super::treemap::{TreemapBox, boxes};
use serde::Serialize;

/// Style, structure and script of the page, with a mark where the data belongs.
const PAGE: &str = include_str!("page.html");
const DATA_MARK: &str = "{{DATA}}";

#[derive(Serialize)]
struct Data<'a> {
    analysis: &'a Analysis,
    treemap: Vec<TreemapBox>,
}

/// The page.
pub fn page(heap: &Heap, analysis: &Analysis) -> Result<String, serde_json::Error> {
    let classes = Classes::of(heap);
    let data = Data {
        analysis,
        treemap: boxes(heap, &classes),
    };
    // No text of the heap may end the script element.
    let json = serde_json::to_string(&data)?.replace('<', "\\u003c");
    Ok(PAGE.replacen(DATA_MARK, &json, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::analysis::analyze;
    use crate::snapshot::reader::sample::Sample;
    use crate::snapshot::{EdgeType, NodeType};

    #[test]
    fn no_text_of_the_heap_can_become_part_of_the_page() {
        let mut sample = Sample::with_root();
        let evil = "</script><script>alert(1)</script><!-- {{DATA}}";
        let node = sample.node(NodeType::Object, evil, 100);
        sample.edge(0, EdgeType::Property, evil, node);
        let heap = Heap::of(sample.build());
        let page = page(&heap, &analyze(&heap, evil, None, 20)).unwrap();
        assert_eq!(
            page.matches("<script").count(),
            PAGE.matches("<script").count()
        );
        assert!(!page.contains("<script>alert"));
        assert!(!page.contains("<!-- "));
    }

    #[test]
    fn the_page_needs_no_other_file() {
        for word in [
            "http:", "https:", "src=", "href=", "@import", "url(", "fetch(",
        ] {
            assert!(!PAGE.contains(word), "{word}");
        }
    }
}
