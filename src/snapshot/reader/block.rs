//! Many rows at a time, where they are as V8 writes them: digits and commas, and a line end behind a row at most. The commas
//! of a stretch of text are found first, 64 bytes at a time; then the numbers between them are worked out, each without
//! waiting for the one before it. What looks otherwise is left to [`read_row`](super::numbers::read_row).

use super::masks::{CHUNK, equal, no_digits};

/// The most rows of a block. Its text, its commas and its cells stay in the nearest cache.
pub const ROWS: usize = 256;
/// The most columns of a block.
const COLUMNS: usize = 7;
/// A number of nine digits fits into 32 bits.
const MOST_DIGITS: usize = 9;
/// What is read from the first digit of a number on.
const WORD: usize = 16;

/// Rows of numbers, column by column.
pub struct Block {
    width: usize,
    rows: usize,
    cells: Vec<[u32; ROWS]>,
    commas: Vec<u32>,
}

impl Block {
    /// A block for rows of so many columns.
    pub fn new(width: usize) -> Block {
        Block {
            width,
            rows: 0,
            cells: vec![[0; ROWS]; COLUMNS],
            // Those of the last chunk may be more than are needed.
            commas: vec![0; ROWS * COLUMNS + CHUNK],
        }
    }

    /// Reads the rows that `text` begins with, as many as there are and have room. Gives the number of bytes read, with the
    /// comma behind the last row.
    pub fn read(&mut self, text: &[u8]) -> usize {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt")
        {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { self.read_by_bit_instructions(text) };
        }
        self.read_by_width(text)
    }

    /// The same, compiled for processors that count and list bits by single instructions: a third faster.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi1,bmi2,popcnt")]
    fn read_by_bit_instructions(&mut self, text: &[u8]) -> usize {
        self.read_by_width(text)
    }

    #[inline(always)]
    fn read_by_width(&mut self, text: &[u8]) -> usize {
        match self.width {
            3 => self.read_columns::<3>(text),
            4 => self.read_columns::<4>(text),
            6 => self.read_columns::<6>(text),
            7 => self.read_columns::<7>(text),
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
    fn read_columns<const WIDTH: usize>(&mut self, text: &[u8]) -> usize {
        self.rows = 0;
        let (commas, has_line_ends) = find_commas(text, ROWS * WIDTH, &mut self.commas);
        let (commas, _) = self.commas[..commas].as_chunks::<WIDTH>();
        let Some(cells) = self.cells.first_chunk_mut::<WIDTH>() else {
            return 0;
        };
        let mut start = 0;
        for (row, commas) in commas.iter().take(ROWS).enumerate() {
            let first = start;
            let mut is_known = true;
            for (column, &comma) in commas.iter().enumerate() {
                let comma = comma as usize;
                let is_line_end = has_line_ends && text[comma.saturating_sub(1)] == b'\n';
                is_known &= !is_line_end || column + 1 == WIDTH;
                let length = (comma - start).wrapping_sub(usize::from(is_line_end));
                is_known &= length.wrapping_sub(1) < MOST_DIGITS;
                cells[column][row] = number(text, start, length);
                start = comma + 1;
            }
            if !is_known {
                return first;
            }
            self.rows = row + 1;
        }
        start
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

/// The value of 1 to 9 digits; any value if there are more or fewer.
#[inline(always)]
fn number(text: &[u8], start: usize, length: usize) -> u32 {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    const EVERY_FOURTH: u64 = 0x0000_00ff_0000_00ff;
    let Some(word) = text
        .get(start..start + WORD)
        .and_then(|word| word.first_chunk::<WORD>())
    else {
        return 0;
    };
    let ninth = word[8].wrapping_sub(b'0');
    let [eight, _] = [0, 8].map(|at| {
        let mut eight = [0; 8];
        eight.copy_from_slice(&word[at..at + 8]);
        u64::from_le_bytes(eight)
    });
    // The digits move to the end, and zeros stand before them.
    let values = (eight ^ ZEROS).wrapping_shl(64 - 8 * length.min(8) as u32);
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let upper = (pairs & EVERY_FOURTH).wrapping_mul(100 + (1_000_000 << 32));
    let lower = ((pairs >> 16) & EVERY_FOURTH).wrapping_mul(1 + (10_000 << 32));
    let value = (upper.wrapping_add(lower) >> 32) as u32;
    if length == MOST_DIGITS {
        value.wrapping_mul(10).wrapping_add(u32::from(ninth))
    } else {
        value
    }
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
