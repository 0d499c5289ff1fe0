//! Arrays of numbers, which are nearly all of a snapshot: eight digits at a time, no JSON tree.

use super::digits::{count_digits, digits, value};
use super::error::{Fault, Found, Section};

/// How an array goes on behind a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterRow {
    /// By another row.
    Comma,
    /// Not at all.
    Bracket,
}

/// Why a row could not be read.
#[derive(Debug, PartialEq, Eq)]
pub enum RowFault {
    /// The text that can be seen ends within it.
    Incomplete,
    /// At this byte of the text, this is wrong.
    Wrong(usize, Fault),
}

/// Reads one row of numbers and what follows it: a comma, or the bracket that ends the array. Gives the number of bytes read.
/// A negative number is given as V8 means it, as an unsigned one of 32 bits.
#[inline]
pub fn read_row(
    text: &[u8],
    section: Section,
    row: &mut [u64],
) -> Result<(AfterRow, usize), RowFault> {
    let mut position = 0;
    let columns = row.len();
    for (column, value) in row.iter_mut().enumerate() {
        let (number, behind) = read_number(text, position, section)?;
        *value = number;
        position = behind;
        if let Some(b',') = text.get(position) {
            position += 1;
            continue;
        }
        position = skip_blanks(text, position);
        match text.get(position) {
            Some(b',') => position += 1,
            Some(b']') if column + 1 == columns => return Ok((AfterRow::Bracket, position + 1)),
            Some(&byte) => {
                return Err(wrong(
                    position,
                    byte,
                    "a comma or the end of a row",
                    section,
                ));
            }
            None => return Err(RowFault::Incomplete),
        }
    }
    Ok((AfterRow::Comma, position))
}

#[inline]
fn skip_blanks(text: &[u8], mut position: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(position) {
        position += 1;
    }
    position
}

#[cold]
fn wrong(position: usize, byte: u8, expected: &'static str, section: Section) -> RowFault {
    RowFault::Wrong(
        position,
        Fault::Unexpected {
            expected,
            found: Found(byte),
            section,
        },
    )
}

/// The number at `position`, and the position behind it. Blanks may stand before it.
#[inline]
fn read_number(text: &[u8], position: usize, section: Section) -> Result<(u64, usize), RowFault> {
    let eight_bytes =
        |position: usize| -> Option<[u8; 8]> { text.get(position..position + 8)?.try_into().ok() };
    if let Some((value, digits)) = eight_bytes(position).map(leading_digits)
        && digits > 0
    {
        if digits < 8 {
            return Ok((value, position + digits));
        }
        if let Some((rest, digits)) = eight_bytes(position + 8).map(leading_digits)
            && digits < 8
        {
            let value = value * POWERS_OF_TEN[digits] + rest;
            return Ok((value, position + 8 + digits));
        }
    }
    read_number_by_bytes(text, skip_blanks(text, position), section)
}

const POWERS_OF_TEN: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// The value of the digits that eight bytes begin with, and their number.
#[inline]
fn leading_digits(text: [u8; 8]) -> (u64, usize) {
    match count_digits(text) {
        0 => (0, 0),
        count => (u64::from(value(digits(text, count))), count as usize),
    }
}

#[cold]
fn read_number_by_bytes(
    text: &[u8],
    position: usize,
    section: Section,
) -> Result<(u64, usize), RowFault> {
    let is_negative = text.get(position) == Some(&b'-');
    let begin = position + usize::from(is_negative);
    let mut behind = begin;
    let mut value = 0u64;
    while let Some(&digit @ b'0'..=b'9') = text.get(behind) {
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u64::from(digit - b'0')))
            .ok_or(RowFault::Wrong(
                position,
                Fault::TooLarge {
                    section,
                    column: "of 64 bits",
                    value: u64::MAX,
                },
            ))?;
        behind += 1;
    }
    match text.get(behind) {
        None => Err(RowFault::Incomplete),
        Some(&byte) if behind == begin => Err(wrong(behind, byte, "a number", section)),
        Some(_) if is_negative => Ok((u64::from((value as u32).wrapping_neg()), behind)),
        Some(_) => Ok((value, behind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row_of<const N: usize>(text: &str) -> Result<([u64; N], AfterRow, usize), RowFault> {
        let mut row = [0; N];
        let (after, read) = read_row(text.as_bytes(), Section::Nodes, &mut row)?;
        Ok((row, after, read))
    }

    #[test]
    fn numbers_of_every_length_are_read() {
        for power in 0..20 {
            for number in [10u64.pow(power) - 1, 10u64.pow(power)] {
                for tail in ["", "         ", ",1234567890"] {
                    let text = format!("{number},{tail}");
                    let length = number.to_string().len() + 1;
                    assert_eq!(
                        row_of(&text),
                        Ok(([number], AfterRow::Comma, length)),
                        "{text}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_row_ends_by_a_comma_or_by_the_bracket_of_the_array() {
        assert_eq!(row_of("1,2,3,4"), Ok(([1, 2, 3], AfterRow::Comma, 6)));
        assert_eq!(
            row_of(" 1\n, 2 ,3\n]"),
            Ok(([1, 2, 3], AfterRow::Bracket, 11))
        );
    }

    #[test]
    fn a_row_that_is_not_all_there_is_incomplete() {
        for text in ["", "1", "1,", "1,2", "1,2,3", "1,2,3 "] {
            assert_eq!(row_of::<3>(text), Err(RowFault::Incomplete), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_told_with_its_place() {
        for (text, place) in [
            ("1,,3,", 2),
            ("1,2]", 3),
            ("1,x,", 2),
            ("1,2.5,", 3),
            ("[1,", 0),
        ] {
            match row_of::<3>(text) {
                Err(RowFault::Wrong(position, _)) => assert_eq!(position, place, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_negative_index_is_the_unsigned_one_that_v8_means() {
        assert_eq!(row_of("-2147483648,"), Ok(([1 << 31], AfterRow::Comma, 12)));
        assert_eq!(row_of("-1]"), Ok(([0xffff_ffff], AfterRow::Bracket, 3)));
    }

    #[test]
    fn a_number_beyond_64_bits_is_refused() {
        assert!(matches!(
            row_of::<1>("18446744073709551616,"),
            Err(RowFault::Wrong(0, Fault::TooLarge { .. }))
        ));
    }
}
