//! Many rows at a time, where they are as V8 writes them: digits and commas, and a line end behind a row at most. The commas
//! of a stretch of text are found first, 64 bytes at a time; then the numbers between them are worked out, four rows at a time,
//! without waiting for those before. What looks otherwise is left to [`read_row`](super::numbers::read_row).

use super::digits;
use super::masks::{CHUNK, equal, no_digits};

/// The most rows of a block. Its text, its commas and its cells stay in the nearest cache.
pub const ROWS: usize = 256;
/// The most columns of a block.
const COLUMNS: usize = 7;
/// A number of nine digits fits into 32 bits.
const MOST_DIGITS: usize = 9;
/// The rows whose numbers are worked out together.
const TOGETHER: usize = 4;

/// Rows of numbers, column by column.
pub struct Block {
    width: usize,
    rows: usize,
    cells: Vec<[u32; ROWS]>,
    /// The place of the comma before each number, which is `BEFORE_TEXT` for the first, and then of the one behind the last.
    commas: Vec<u32>,
}

/// The text begins behind it.
const BEFORE_TEXT: u32 = u32::MAX;

impl Block {
    /// A block for rows of so many columns.
    pub fn new(width: usize) -> Block {
        Block {
            width,
            rows: 0,
            cells: vec![[0; ROWS]; COLUMNS],
            // Those of the last chunk may be more than are needed.
            commas: vec![BEFORE_TEXT; 1 + ROWS * COLUMNS + CHUNK],
        }
    }

    /// Reads the rows that `text` begins with, as many as there are and have room. Gives the number of bytes read, with the
    /// comma behind the last row.
    pub fn read(&mut self, text: &[u8]) -> usize {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("sse4.1")
        {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { self.read_by_wide_instructions(text) };
        }
        self.read_by_width(text, digits::values)
    }

    /// The same, compiled for processors that list bits and work out four numbers by few instructions: twice as fast.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi1,bmi2,popcnt,sse4.1")]
    fn read_by_wide_instructions(&mut self, text: &[u8]) -> usize {
        self.read_by_width(text, |four| digits::sse4::values(four))
    }

    #[inline(always)]
    fn read_by_width(&mut self, text: &[u8], values: impl Fn([u64; TOGETHER]) -> Values) -> usize {
        match self.width {
            3 => self.read_columns::<3>(text, values),
            4 => self.read_columns::<4>(text, values),
            6 => self.read_columns::<6>(text, values),
            7 => self.read_columns::<7>(text, values),
            _ => 0,
        }
    }

    /// The number of rows that were read.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A column of the rows that were read.
    pub fn column(&self, column: usize) -> &[u32] {
        &self.cells[column][..self.rows]
    }

    #[inline(always)]
    fn read_columns<const WIDTH: usize>(
        &mut self,
        text: &[u8],
        values: impl Fn([u64; TOGETHER]) -> Values,
    ) -> usize {
        self.rows = 0;
        let (found, has_line_ends) = find_commas(text, ROWS * WIDTH, &mut self.commas[1..]);
        let rows = (found / WIDTH).min(ROWS);
        let Some(cells) = self.cells.first_chunk_mut::<WIDTH>() else {
            return 0;
        };
        while self.rows < rows {
            let first = self.rows;
            let next = Rows {
                text,
                commas: &self.commas[WIDTH * first..=WIDTH * rows],
                has_line_ends,
            };
            if next.read_together(cells, first, &values).is_some() {
                self.rows += TOGETHER;
                continue;
            }
            let read_one = |&row: &usize| next.read_one(cells, first, row).is_some();
            let wanted = TOGETHER.min(rows - first);
            let read = (first..first + wanted).take_while(read_one).count();
            self.rows += read;
            if read < wanted {
                break;
            }
        }
        behind(self.commas[WIDTH * self.rows])
    }
}

/// The values of digits; none if there is something else among them.
type Values = Option<[u32; TOGETHER]>;

/// The rows that come next.
struct Rows<'a> {
    text: &'a [u8],
    /// The place of the comma before each number, and of the one behind the last.
    commas: &'a [u32],
    has_line_ends: bool,
}

impl Rows<'_> {
    /// Reads four rows whose numbers have 1 to 8 digits, with line ends behind all of them or none. It may have changed cells
    /// of these rows if it cannot.
    #[inline(always)]
    fn read_together<const WIDTH: usize>(
        &self,
        cells: &mut [[u32; ROWS]; WIDTH],
        row: usize,
        values: impl Fn([u64; TOGETHER]) -> Values,
    ) -> Option<()> {
        let commas = self.commas.get(..=TOGETHER * WIDTH)?;
        let mut missing_digits = 0;
        for (column, cells) in cells.iter_mut().enumerate() {
            let has_line_end = self.has_line_ends && column + 1 == WIDTH;
            let mut four = [0; TOGETHER];
            for (row, digits) in four.iter_mut().enumerate() {
                let number = WIDTH * row + column;
                let start = behind(commas[number]);
                let mut end = commas[number + 1];
                if has_line_end {
                    end = end.wrapping_sub(1);
                    if *self.text.get(end as usize)? != b'\n' {
                        return None;
                    }
                }
                let length = end.wrapping_sub(start as u32);
                missing_digits |= 8u32.wrapping_sub(length);
                *digits = digits::digits(eight_bytes(self.text, start)?, length);
            }
            cells
                .get_mut(row..row + TOGETHER)?
                .copy_from_slice(&values(four)?);
        }
        // What is no digit was found, and so was a number without digits; one with too many sets a high bit.
        (missing_digits < 8).then_some(())
    }

    /// Reads one of the rows, whose numbers have 1 to 9 digits.
    fn read_one<const WIDTH: usize>(
        &self,
        cells: &mut [[u32; ROWS]; WIDTH],
        first: usize,
        row: usize,
    ) -> Option<()> {
        let commas = self.commas.get(WIDTH * (row - first)..)?;
        for (column, cells) in cells.iter_mut().enumerate() {
            let start = behind(commas[column]);
            let mut end = commas[column + 1] as usize;
            if self.has_line_ends && column + 1 == WIDTH && self.text[..end].ends_with(b"\n") {
                end -= 1;
            }
            cells[row] = number(self.text, start, end.checked_sub(start)?)?;
        }
        Some(())
    }
}

fn behind(comma: u32) -> usize {
    comma.wrapping_add(1) as usize
}

#[inline(always)]
fn eight_bytes(text: &[u8], start: usize) -> Option<[u8; 8]> {
    text.get(start..start + 8)?.try_into().ok()
}

/// The value of 1 to 9 digits that something else follows.
fn number(text: &[u8], start: usize, length: usize) -> Option<u32> {
    let eight = eight_bytes(text, start)?;
    let count = digits::count_digits(eight);
    let value = digits::value(digits::digits(eight, count));
    match text.get(start + 8)? {
        _ if count > 0 && count as usize == length => Some(value),
        ninth @ b'0'..=b'9' if count == 8 && length == MOST_DIGITS => {
            Some(10 * value + u32::from(ninth - b'0'))
        }
        _ => None,
    }
}

/// Puts the places of commas into `commas`, at least as many as are wanted unless the text that can be read by blocks ends
/// before: where there are other bytes than digits, commas and line ends, and at the end of what can be seen. Gives their
/// number, and whether there are line ends.
#[inline(always)]
fn find_commas(text: &[u8], wanted: usize, commas: &mut [u32]) -> (usize, bool) {
    let (mut found, mut ends_in_line_end, mut line_ends) = (0, 0, 0);
    let (chunks, _) = text.as_chunks::<CHUNK>();
    // Behind the last number there must be enough text to read.
    for (index, chunk) in chunks
        .iter()
        .enumerate()
        .take(chunks.len().saturating_sub(1))
    {
        let of_commas = equal(chunk, b',');
        let others = no_digits(chunk) & !of_commas;
        // Line ends must have a comma behind them, that of the last byte in the next chunk.
        let is_odd = others & !(of_commas >> 1 | 1 << 63) | ends_in_line_end & !of_commas;
        if is_odd != 0 || (others != 0 && others != equal(chunk, b'\n')) {
            break;
        }
        ends_in_line_end = others >> 63;
        line_ends |= others;
        found = list(of_commas, (CHUNK * index) as u32, commas, found);
        if found >= wanted {
            break;
        }
    }
    (found, line_ends != 0)
}

/// Lists the places of bits behind those that were found so far. Eight at a time are written, so that their number is
/// seldom guessed wrong; what is too much is written over by the next ones.
#[inline(always)]
fn list(mut bits: u64, first: u32, places: &mut [u32], found: usize) -> usize {
    let count = bits.count_ones() as usize;
    let mut next = found;
    while next < found + count {
        let Some(places) = places.get_mut(next..next + 8) else {
            break;
        };
        for place in places {
            *place = first + bits.trailing_zeros();
            bits &= bits.wrapping_sub(1);
        }
        next += 8;
    }
    found + count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of three columns that a block reads, and the number of bytes.
    fn rows_of(text: &str) -> (Vec<[u32; 3]>, usize) {
        let mut block = Block::new(3);
        let padded = format!("{text}{}", "x".repeat(2 * CHUNK));
        let read = block.read(padded.as_bytes());
        let rows = (0..block.rows()).map(|row| [0, 1, 2].map(|column| block.column(column)[row]));
        (rows.collect(), read)
    }

    /// Digits of many lengths behind each other, so that every length comes to lie at every place of a chunk.
    fn sample(separator: &str) -> (String, Vec<[u32; 3]>) {
        let rows: Vec<[u32; 3]> = (0..200u32)
            .map(|row| [row, 10u32.pow(row % 9), 999_999_999 / (row + 1)])
            .collect();
        let text = rows
            .iter()
            .map(|[a, b, c]| format!("{a},{b},{c}{separator}"));
        (text.collect(), rows)
    }

    #[test]
    fn rows_are_read_with_and_without_line_ends() {
        for separator in [",", "\n,"] {
            let (text, rows) = sample(separator);
            let (found, read) = rows_of(&text);
            assert!(found.len() > 190);
            assert_eq!(found, rows[..found.len()]);
            let (rest, _) = text.split_at(read);
            assert_eq!(rest.matches(',').count(), 3 * found.len());
        }
    }

    #[test]
    fn the_rows_before_what_a_block_does_not_know_are_read() {
        let (text, rows) = sample(",");
        let middle = text.match_indices(',').nth(3 * 100 - 1).unwrap().0 + 1;
        for strange in [
            "-1,2,3,",
            "1, 2,3,",
            ",2,3,",
            "1\n,2,3,",
            "1,2,1234567890,",
            "\n,2,3,",
            "1,2,3\n4,",
        ] {
            let text = format!("{}{strange}{}", &text[..middle], &text[middle..]);
            let (found, read) = rows_of(&text);
            assert!(found.len() > 90 && read <= middle, "{strange}");
            assert_eq!(found, rows[..found.len()], "{strange}");
            assert!(!strange.starts_with(['-', ',', '\n']) || found.len() <= 100);
        }
    }

    #[test]
    fn short_text_is_left_alone() {
        for length in 0..CHUNK {
            let text = "1,2,3,".repeat(CHUNK);
            assert_eq!(Block::new(3).read(&text.as_bytes()[..length]), 0);
        }
    }
}
