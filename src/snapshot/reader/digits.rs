//! The values of decimal digits. Eight of them are one word: the value of the last in its highest byte, zeros before the first.

const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);

/// The digits that text begins with, as many as the length says; any word if the length is not 1 to 8.
#[inline(always)]
pub fn digits(text: [u8; 8], length: u32) -> u64 {
    (u64::from_le_bytes(text) ^ ZEROS).wrapping_shl(64u32.wrapping_sub(length.wrapping_mul(8)))
}

/// How many digits text begins with.
#[inline(always)]
pub fn count_digits(text: [u8; 8]) -> u32 {
    others(u64::from_le_bytes(text) ^ ZEROS).trailing_zeros() / 8
}

/// The value of eight digits.
#[inline(always)]
pub fn value(digits: u64) -> u32 {
    const EVERY_FOURTH: u64 = 0x0000_00ff_0000_00ff;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let upper = (pairs & EVERY_FOURTH).wrapping_mul(100 + (1_000_000 << 32));
    let lower = ((pairs >> 16) & EVERY_FOURTH).wrapping_mul(1 + (10_000 << 32));
    (upper.wrapping_add(lower) >> 32) as u32
}

/// The values of four times eight digits; none if there is something else among them.
#[inline(always)]
pub fn values(four: [u64; 4]) -> Option<[u32; 4]> {
    let are_digits = four.iter().all(|&digits| others(digits) == 0);
    are_digits.then(|| four.map(value))
}

/// The high bits of bytes that are no values of digits. The lowest of them is right; it may set some above it.
#[inline(always)]
fn others(digits: u64) -> u64 {
    const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);
    // 0x76 takes 10 and more over 0x7f.
    const BEYOND_NINE: u64 = u64::from_le_bytes([0x76; 8]);
    (digits.wrapping_add(BEYOND_NINE) | digits) & HIGH_BITS
}

/// [`values`] by instructions that multiply and add many small numbers at once.
#[cfg(target_arch = "x86_64")]
pub mod sse4 {
    use std::arch::x86_64::*;

    #[target_feature(enable = "sse4.1")]
    #[inline]
    pub fn values(four: [u64; 4]) -> Option<[u32; 4]> {
        let [first, second, third, fourth] = four.map(u64::cast_signed);
        let two = [(first, second), (third, fourth)].map(|(low, high)| _mm_set_epi64x(high, low));
        let beyond_nine = _mm_subs_epu8(_mm_max_epu8(two[0], two[1]), _mm_set1_epi8(9));
        if _mm_testz_si128(beyond_nine, beyond_nine) == 0 {
            return None;
        }
        // Neighbours become one number: 8 of one digit, 4 of two, 2 of four, 1 of eight.
        let of_two = |digits| _mm_maddubs_epi16(digits, _mm_set1_epi16(0x01_0a));
        let of_four = |digits| _mm_madd_epi16(of_two(digits), _mm_set1_epi32(1 << 16 | 100));
        let packed = _mm_packus_epi32(of_four(two[0]), of_four(two[1]));
        let of_eight = _mm_madd_epi16(packed, _mm_set1_epi32(1 << 16 | 10_000));
        Some([
            _mm_extract_epi32::<0>(of_eight).cast_unsigned(),
            _mm_extract_epi32::<1>(of_eight).cast_unsigned(),
            _mm_extract_epi32::<2>(of_eight).cast_unsigned(),
            _mm_extract_epi32::<3>(of_eight).cast_unsigned(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By each way that this processor has.
    fn values_of(four: [u64; 4]) -> Option<[u32; 4]> {
        let found = values(four);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("sse4.1") {
            // SAFETY: the processor has what the function is compiled for.
            assert_eq!(unsafe { sse4::values(four) }, found, "{four:x?}");
        }
        found
    }

    fn eight_bytes(text: &str) -> [u8; 8] {
        let padded = format!("{text},1234567");
        padded.as_bytes()[..8].try_into().unwrap()
    }

    #[test]
    fn numbers_of_one_to_eight_digits_have_their_values() {
        for power in 0..8 {
            let numbers = [1, 3, 7, 9]
                .map(|factor| 12_345_678u32 % 10u32.pow(power) + factor * 10u32.pow(power));
            let four = numbers.map(|number| {
                let text = eight_bytes(&number.to_string());
                assert_eq!(count_digits(text), power + 1);
                digits(text, power + 1)
            });
            assert_eq!(values_of(four), Some(numbers));
        }
        assert_eq!(
            values_of([0, u64::from_le_bytes([9; 8]), 0, 0]),
            Some([0, 99_999_999, 0, 0])
        );
    }

    #[test]
    fn what_is_no_digit_is_found_at_every_place() {
        for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
            for place in 0..8 {
                let mut text = *b"90909090";
                text[place] = byte;
                assert_eq!(count_digits(text), place as u32);
                for lane in 0..4 {
                    let mut four = [digits(*b"12345678", 8); 4];
                    four[lane] = digits(text, 8);
                    assert_eq!(values_of(four), None, "{byte} at {place}");
                }
            }
        }
    }
}
