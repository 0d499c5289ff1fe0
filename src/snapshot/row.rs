//! Rows of numbers, formatted in place: eight digits at once, and what many rows have in common only once.

/// No row is longer: seven numbers of at most 20 digits, or two texts and a number.
pub const MAX_ROW: usize = 192;
/// No text is longer: two numbers of at most 20 digits, or three of at most ten, and commas.
const MAX_TEXT: usize = 48;

/// A part of rows that is formatted once and copied often.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    bytes: [u8; MAX_TEXT],
    length: u8,
}

impl Text {
    /// The text that `write` makes.
    pub fn of(write: impl FnOnce(&mut Row)) -> Text {
        let mut bytes = [0; MAX_ROW];
        let mut row = Row::new(&mut bytes);
        write(&mut row);
        let length = row.length().min(MAX_TEXT);
        let mut text = Text {
            bytes: [0; MAX_TEXT],
            length: length as u8,
        };
        text.bytes[..length].copy_from_slice(&bytes[..length]);
        text
    }

    /// Its characters.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// A row that is being filled. What does not fit is left out; [`MAX_ROW`] is chosen so that everything does.
pub struct Row<'b> {
    bytes: &'b mut [u8; MAX_ROW],
    length: usize,
}

const ZEROS: u64 = 0x3030_3030_3030_3030;
const EIGHT_DIGITS: u64 = 100_000_000;

impl<'b> Row<'b> {
    /// An empty row.
    #[inline]
    pub fn new(bytes: &'b mut [u8; MAX_ROW]) -> Row<'b> {
        Row { bytes, length: 0 }
    }

    /// Its length so far.
    #[inline]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Appends a character.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        self.put([byte], 1);
    }

    /// Appends a text.
    #[inline]
    pub fn text(&mut self, text: &Text) {
        // Copies of one size are some instructions; copies of many sizes are a call.
        self.put(text.bytes, usize::from(text.length));
    }

    /// Appends `value` in base 10.
    #[inline]
    pub fn number(&mut self, value: u64) {
        if let Some(&[length, digits @ ..]) = THREE_DIGITS.get(value as usize) {
            self.put(digits, usize::from(length));
        } else if value < EIGHT_DIGITS {
            let digits = eight_digits(value);
            let leading = digits.trailing_zeros() & !7;
            let text = (digits | ZEROS) >> leading;
            self.put(text.to_le_bytes(), 8 - leading as usize / 8);
        } else {
            self.long_number(value);
        }
    }

    #[cold]
    fn long_number(&mut self, value: u64) {
        self.number(value / EIGHT_DIGITS);
        let text = eight_digits(value % EIGHT_DIGITS) | ZEROS;
        self.put(text.to_le_bytes(), 8);
    }

    /// Appends the first `length` of `bytes`, and scribbles the others behind.
    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N], length: usize) {
        if let Some(place) = self.bytes[self.length.min(MAX_ROW)..].first_chunk_mut() {
            *place = bytes;
            self.length += length;
        }
    }
}

/// The numbers of up to three digits: how many there are, then the digits. Sizes and counts are mostly as small.
static THREE_DIGITS: [[u8; 4]; 1000] = {
    let mut texts = [[0; 4]; 1000];
    let mut value = 0;
    while value < texts.len() {
        let [hundreds, tens, ones] = [value / 100, value / 10 % 10, value % 10];
        let [hundreds, tens, ones] = [b'0' + hundreds as u8, b'0' + tens as u8, b'0' + ones as u8];
        texts[value] = match value {
            0..10 => [1, ones, 0, 0],
            10..100 => [2, tens, ones, 0],
            _ => [3, hundreds, tens, ones],
        };
        value += 1;
    }
    texts
};

/// The eight digits of `value`, the first in the lowest byte. All pairs of digits, then all digits, are found at once.
#[inline]
fn eight_digits(value: u64) -> u64 {
    let fours = (value / 10_000) | (value % 10_000) << 32;
    // Division by 100 and by 10, exact for numbers of four and of two digits.
    let hundreds = (fours * 10_486) >> 20 & 0x0000_007f_0000_007f;
    let twos = hundreds | (fours - 100 * hundreds) << 16;
    let tens = (twos * 103) >> 10 & 0x000f_000f_000f_000f;
    tens | (twos - 10 * tens) << 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: u64) -> String {
        let text = Text::of(|row| row.number(value));
        String::from_utf8(text.bytes().to_vec()).unwrap()
    }

    #[test]
    fn numbers_of_every_length_are_written_in_base_ten() {
        let powers = (0..=19).map(|power| 10u64.pow(power));
        let around = powers.flat_map(|power| [power - 1, power, power + 1]);
        for value in around.chain(0..20_000).chain([12_345_678, u64::MAX]) {
            assert_eq!(number(value), value.to_string());
        }
    }

    #[test]
    fn a_row_that_is_full_takes_no_more() {
        let mut bytes = [0; MAX_ROW];
        let mut row = Row::new(&mut bytes);
        (0..MAX_ROW).for_each(|_| row.number(u64::MAX));
        assert!(row.length() <= MAX_ROW);
    }
}
