//! How the tables of a version are written: single rows, and what changes in those of the version before. All of it is done when
//! the program is compiled. It knows no version.

use super::kind::Kind;
use super::{Field, Tag};
use crate::snapshot::NodeType;

pub(super) const fn field(kind: Kind, name: &'static str, offset: u16) -> Field {
    Field {
        kind,
        name,
        offset,
        weak: false,
    }
}

pub(super) const fn weak_field(kind: Kind, name: &'static str, offset: u16) -> Field {
    Field {
        kind,
        name,
        offset,
        weak: true,
    }
}

pub(super) const fn tag(kind: Kind, offset: u16, name: &'static str) -> Tag {
    Tag {
        kind,
        offset,
        name,
        node_type: None,
    }
}

pub(super) const fn tag_as(
    node_type: NodeType,
    kind: Kind,
    offset: u16,
    name: &'static str,
) -> Tag {
    Tag {
        kind,
        offset,
        name,
        node_type: Some(node_type),
    }
}

/// What a version changes in a table stands for the rows of the same kind and name in that of the version before.
macro_rules! updated {
    ($Row:ty, $before:expr, gone: $gone:expr, new: $new:expr $(,)?) => {{
        const BEFORE: &[$Row] = $before;
        const NEW: &[$Row] = $new;
        const GONE: &[(Kind, &str)] = $gone;
        const fn stays(row: &$Row) -> bool {
            let mut index = 0;
            while index < NEW.len() {
                if $crate::heap::layout::rows::is_same(
                    row.kind,
                    row.name,
                    NEW[index].kind,
                    NEW[index].name,
                ) {
                    return false;
                }
                index += 1;
            }
            index = 0;
            while index < GONE.len() {
                if $crate::heap::layout::rows::is_same(
                    row.kind,
                    row.name,
                    GONE[index].0,
                    GONE[index].1,
                ) {
                    return false;
                }
                index += 1;
            }
            true
        }
        const COUNT: usize = {
            let (mut count, mut index) = (NEW.len(), 0);
            while index < BEFORE.len() {
                count += stays(&BEFORE[index]) as usize;
                index += 1;
            }
            count
        };
        const ROWS: [$Row; COUNT] = {
            let mut rows = [BEFORE[0]; COUNT];
            let (mut count, mut index) = (0, 0);
            while index < BEFORE.len() {
                if stays(&BEFORE[index]) {
                    rows[count] = BEFORE[index];
                    count += 1;
                }
                index += 1;
            }
            index = 0;
            while index < NEW.len() {
                rows[count] = NEW[index];
                count += 1;
                index += 1;
            }
            rows
        };
        &ROWS
    }};
}
pub(super) use updated;

pub(super) const fn is_same(kind: Kind, name: &str, other_kind: Kind, other_name: &str) -> bool {
    let (name, other_name) = (name.as_bytes(), other_name.as_bytes());
    if kind as u8 != other_kind as u8 || name.len() != other_name.len() {
        return false;
    }
    let mut index = 0;
    while index < name.len() {
        if name[index] != other_name[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// A list of `LENGTH` names: that of the version before with one more.
pub(super) const fn inserted<const LENGTH: usize>(
    before: &[&'static str],
    position: usize,
    name: &'static str,
) -> [&'static str; LENGTH] {
    let mut names = [name; LENGTH];
    let mut index = 0;
    while index < before.len() {
        names[index + (index >= position) as usize] = before[index];
        index += 1;
    }
    names
}
