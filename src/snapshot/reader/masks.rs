//! Where bytes of one value stand in 64 bytes of text: a bit for each, the first byte's is the lowest.

/// The bytes that are looked at together.
pub const CHUNK: usize = 64;

/// The bits of the bytes that are `byte`.
#[inline]
pub fn equal(chunk: &[u8; CHUNK], byte: u8) -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has SSE2.
    unsafe {
        sse2::equal(chunk, byte)
    }
    #[cfg(not(target_arch = "x86_64"))]
    words::equal(chunk, byte)
}

/// The bits of the bytes that are no digits.
#[inline]
pub fn no_digits(chunk: &[u8; CHUNK]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has SSE2.
    unsafe {
        sse2::no_digits(chunk)
    }
    #[cfg(not(target_arch = "x86_64"))]
    words::no_digits(chunk)
}

/// 16 bytes at a time.
#[cfg(target_arch = "x86_64")]
mod sse2 {
    use super::CHUNK;
    use std::arch::x86_64::*;

    #[target_feature(enable = "sse2")]
    #[inline]
    pub fn equal(chunk: &[u8; CHUNK], byte: u8) -> u64 {
        let wanted = _mm_set1_epi8(byte as i8);
        gather(|part| _mm_movemask_epi8(_mm_cmpeq_epi8(sixteen(chunk, part), wanted)))
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    pub fn no_digits(chunk: &[u8; CHUNK]) -> u64 {
        // '0' becomes the least number of 8 bits with a sign, '9' the tenth.
        let shift = _mm_set1_epi8((b'0' as i8).wrapping_sub(i8::MIN));
        let beyond = _mm_set1_epi8(i8::MIN + 10);
        !gather(|part| {
            let shifted = _mm_sub_epi8(sixteen(chunk, part), shift);
            _mm_movemask_epi8(_mm_cmplt_epi8(shifted, beyond))
        })
    }

    #[inline]
    fn gather(mask: impl Fn(usize) -> i32) -> u64 {
        let of = |part: usize| u64::from(mask(part) as u16) << (16 * part);
        of(0) | of(1) | of(2) | of(3)
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn sixteen(chunk: &[u8; CHUNK], part: usize) -> __m128i {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&chunk[at..at + 8]);
            i64::from_le_bytes(word)
        };
        _mm_set_epi64x(word(16 * part + 8), word(16 * part))
    }
}

/// 8 bytes at a time, for processors of every kind.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod words {
    use super::CHUNK;

    const LOW_BITS: u64 = u64::from_le_bytes([1; 8]);
    const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);

    pub fn equal(chunk: &[u8; CHUNK], byte: u8) -> u64 {
        gather(chunk, |word| {
            let others = word ^ (LOW_BITS * u64::from(byte));
            !(((others & !HIGH_BITS) + !HIGH_BITS) | others)
        })
    }

    pub fn no_digits(chunk: &[u8; CHUNK]) -> u64 {
        gather(chunk, |word| {
            let values = word ^ (LOW_BITS * u64::from(b'0'));
            // 0x76 takes 10 and more over 0x7f.
            ((values & !HIGH_BITS) + LOW_BITS * 0x76) | values
        })
    }

    /// Puts together what `mask` says in the high bit of each byte.
    fn gather(chunk: &[u8; CHUNK], mask: impl Fn(u64) -> u64) -> u64 {
        // Multiplied, the bits of eight bytes come together in the highest one.
        const TOGETHER: u64 = 0x0002_0408_1020_4081;
        let mut bits = 0;
        for (index, bytes) in chunk.chunks_exact(8).enumerate() {
            let mut word = [0; 8];
            word.copy_from_slice(bytes);
            let found = mask(u64::from_le_bytes(word)) & HIGH_BITS;
            bits |= (found.wrapping_mul(TOGETHER) >> 56) << (8 * index);
        }
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_the_bit_of_its_place() {
        for start in 0..=u8::MAX {
            let mut chunk = [0; CHUNK];
            for (byte, value) in chunk.iter_mut().zip(0u8..) {
                *byte = start.wrapping_add(value.wrapping_mul(37));
            }
            for (place, byte) in chunk.iter().enumerate() {
                assert_eq!(equal(&chunk, *byte) >> place & 1, 1);
                let is_no_digit = no_digits(&chunk) >> place & 1 == 1;
                assert_eq!(is_no_digit, !byte.is_ascii_digit(), "{byte}");
                assert_eq!(equal(&chunk, *byte), words::equal(&chunk, *byte));
            }
            assert_eq!(no_digits(&chunk), words::no_digits(&chunk));
            let others = chunk.iter().filter(|&&byte| byte != b',').count() as u32;
            assert_eq!(equal(&chunk, b',').count_zeros(), others);
        }
    }
}
