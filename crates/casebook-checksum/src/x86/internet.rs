//! The Internet checksum with AVX2 and AVX-512. The invariants are those of [`super`].
//!
//! Words are made signed by flipping their top bit, which takes 32768 from each, and added in pairs to 32-bit lanes by
//! multiplying with one. `BIAS` for each word is given back when a block ends.

use crate::internet::{BLOCK_BYTES, scalar};
use crate::sum::add;
use core::arch::x86_64::*;

/// What flipping the top bit takes from a word.
const BIAS: i32 = 32768;

/// The sum of a block from the sum of its `vectors`, with `words` words in each: never negative, and less than 2^31.
#[inline(always)]
fn unbias(sum: i32, vectors: usize, words: usize) -> u64 {
    (i64::from(sum) + i64::from(BIAS) * (vectors * words) as i64) as u64
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: invariant 2, 64 bytes.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Up to 63 bytes, the rest of the vector zero.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_rest(bytes: &[u8]) -> __m512i {
    debug_assert!(bytes.len() < 64);
    let mask = (1u64 << (bytes.len() & 63)) - 1;
    // SAFETY: invariant 2; the mask has a bit for each byte of `bytes` and no more, as they are fewer than 64.
    unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
}

macro_rules! avx512 {
    ($(#[$doc:meta])* $name:ident, $features:literal, |$sum:ident, $words:ident, $ones:ident| $accumulate:expr) => {
        $(#[$doc])*
        #[target_feature(enable = $features)]
        pub(crate) fn $name(bytes: &[u8]) -> u64 {
            let flip = _mm512_set1_epi16(i16::MIN);
            let $ones = _mm512_set1_epi16(1);
            let mut total = 0;
            for block in bytes.chunks(BLOCK_BYTES) {
                let mut sums = [_mm512_setzero_si512(); 4];
                let (vectors, rest) = block.as_chunks::<64>();
                let (quads, singles) = vectors.as_chunks::<4>();
                for quad in quads {
                    for ($sum, vector) in sums.iter_mut().zip(quad) {
                        let $words = _mm512_xor_si512(load(vector), flip);
                        *$sum = $accumulate;
                    }
                }
                for ($sum, vector) in sums.iter_mut().zip(singles) {
                    let $words = _mm512_xor_si512(load(vector), flip);
                    *$sum = $accumulate;
                }
                let mut count = vectors.len();
                if !rest.is_empty() {
                    let $sum = &mut sums[3];
                    let $words = _mm512_xor_si512(load_rest(rest), flip);
                    *$sum = $accumulate;
                    count += 1;
                }
                let sum = _mm512_add_epi32(_mm512_add_epi32(sums[0], sums[1]), _mm512_add_epi32(sums[2], sums[3]));
                total = add(total, unbias(_mm512_reduce_add_epi32(sum), count, 32));
            }
            total
        }
    };
}

avx512! {
    /// Two instructions for 64 bytes.
    avx512_vnni, "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni",
    |sum, words, ones| _mm512_dpwssd_epi32(*sum, words, ones)
}

avx512! {
    /// Three instructions for 64 bytes.
    avx512, "avx512f,avx512bw,avx512vl,avx512dq",
    |sum, words, ones| _mm512_add_epi32(*sum, _mm512_madd_epi16(words, ones))
}

/// Three instructions for 32 bytes.
#[target_feature(enable = "avx2")]
pub(crate) fn avx2(bytes: &[u8]) -> u64 {
    let flip = _mm256_set1_epi16(i16::MIN);
    let ones = _mm256_set1_epi16(1);
    let mut total = 0;
    for block in bytes.chunks(BLOCK_BYTES) {
        let mut sums = [_mm256_setzero_si256(); 4];
        let (vectors, rest) = block.as_chunks::<32>();
        let (quads, singles) = vectors.as_chunks::<4>();
        for quad in quads {
            for (sum, vector) in sums.iter_mut().zip(quad) {
                let words = _mm256_xor_si256(load_256(vector), flip);
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(words, ones));
            }
        }
        for (sum, vector) in sums.iter_mut().zip(singles) {
            let words = _mm256_xor_si256(load_256(vector), flip);
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(words, ones));
        }
        let sum = _mm256_add_epi32(_mm256_add_epi32(sums[0], sums[1]), _mm256_add_epi32(sums[2], sums[3]));
        let half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
        let pair = _mm_add_epi32(half, _mm_shuffle_epi32::<0b01_00_11_10>(half));
        let one = _mm_add_epi32(pair, _mm_shuffle_epi32::<0b10_11_00_01>(pair));
        total = add(total, add(unbias(_mm_cvtsi128_si32(one), vectors.len(), 16), scalar(rest)));
    }
    total
}

#[inline]
#[target_feature(enable = "avx")]
fn load_256(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: invariant 2, 32 bytes.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}
