//! What an instance type's number means in one version: the table's column, the bits of strings, and the ranges of numbers that
//! have no names.

use super::Layout;
use super::instance_types::{ABSENT, COLUMNS, ROWS};
use super::kind::Kind;

/// What an instance type number means in one version.
pub struct InstanceTypes {
    types: Vec<InstanceType>,
}

/// One instance type.
#[derive(Debug, Clone, Copy)]
pub struct InstanceType {
    /// What the reader makes of it.
    pub kind: Kind,
    /// V8's name of the class.
    pub class: &'static str,
    /// Whether V8's `IsFixedArray` holds, which includes the hash tables.
    pub is_fixed_array: bool,
}

/// One past the largest instance type.
const INSTANCE_TYPES: usize = 2304;
/// From here to [`LAST_API_OBJECT`] types are the embedder's. `v8dbg_APIObjectType`, v8-internal.h.
pub(super) const FIRST_API_OBJECT: usize = 1058;
const LAST_API_OBJECT: usize = 2058;
pub(super) const FIRST_NONSTRING: usize = 128;

impl InstanceTypes {
    /// The instance types of the version of `layout`.
    pub fn of(layout: &Layout) -> InstanceTypes {
        let unknown = InstanceType {
            kind: Kind::Unknown,
            class: "",
            is_fixed_array: false,
        };
        let mut types = vec![unknown; INSTANCE_TYPES];
        for (number, entry) in types.iter_mut().enumerate() {
            entry.kind = match number {
                FIRST_API_OBJECT..=LAST_API_OBJECT => Kind::JsObject,
                _ if number < FIRST_NONSTRING => string_kind(number),
                _ => Kind::Unknown,
            };
        }
        let column = COLUMNS
            .iter()
            .position(|&version| version == layout.version)
            .unwrap_or(0);
        for &(class, kind, numbers) in ROWS {
            if let Some(entry) = types
                .get_mut(numbers[column] as usize)
                .filter(|_| numbers[column] != ABSENT)
            {
                *entry = InstanceType {
                    kind,
                    class,
                    is_fixed_array: false,
                };
            }
        }
        let number_of = |wanted: &str| types.iter().position(|entry| entry.class == wanted);
        if let (Some(first), Some(mut last)) =
            (number_of("FixedArray"), number_of("SimpleNumberDictionary"))
        {
            // In older versions the arrays of the compiler are subclasses of FixedArray too, and have the next numbers.
            for class in [
                "ClosureFeedbackCellArray",
                "ObjectBoilerplateDescription",
                "ScriptContextTable",
            ] {
                last = number_of(class)
                    .filter(|&number| number == last + 1)
                    .unwrap_or(last);
            }
            types[first..=last]
                .iter_mut()
                .for_each(|entry| entry.is_fixed_array = true);
        }
        InstanceTypes { types }
    }

    /// What `number` means; an unknown number is of kind `Unknown`.
    #[inline]
    pub fn get(&self, number: u16) -> InstanceType {
        match self.types.get(number as usize) {
            Some(found) => *found,
            None => self.types[0],
        }
    }
}

/// `StringRepresentationTag`, src/objects/instance-type.h; in `v8dbg`.
fn string_kind(number: usize) -> Kind {
    match number & 7 {
        0 => Kind::SeqString,
        1 => Kind::ConsString,
        2 => Kind::ExternalString,
        3 => Kind::SlicedString,
        5 => Kind::ThinString,
        _ => Kind::Unknown,
    }
}
