//! CRC-32C with the `crc32` instruction and with carry-less multiplication. The invariants are those of [`super`].

use crate::gf::{fold_constant, power};
use core::arch::x86_64::*;

/// From how many bytes folding is faster than the `crc32` instruction alone.
pub(crate) const FOLD_FROM_BYTES: usize = 256;

/// Lengths of the stretches three `crc32` chains work on, the longest first.
const STRETCHES: [usize; 3] = [2048, 256, 64];

/// Eight bytes a step, three stretches at once while they are long enough.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq")]
pub(crate) fn sse42(mut state: u32, mut bytes: &[u8]) -> u32 {
    (state, bytes) = stretches::<{ STRETCHES[0] }>(state, bytes);
    (state, bytes) = stretches::<{ STRETCHES[1] }>(state, bytes);
    (state, bytes) = stretches::<{ STRETCHES[2] }>(state, bytes);
    serial(state, bytes)
}

/// One chain.
#[inline]
#[target_feature(enable = "sse4.2")]
fn serial(state: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut state = u64::from(state);
    for word in words {
        state = _mm_crc32_u64(state, u64::from_le_bytes(*word));
    }
    let mut state = state as u32;
    let (words, rest) = rest.as_chunks::<4>();
    if let Some(word) = words.first() {
        state = _mm_crc32_u32(state, u32::from_le_bytes(*word));
    }
    let (words, rest) = rest.as_chunks::<2>();
    if let Some(word) = words.first() {
        state = _mm_crc32_u16(state, u16::from_le_bytes(*word));
    }
    if let Some(&byte) = rest.first() {
        state = _mm_crc32_u8(state, byte);
    }
    state
}

/// Takes three stretches of N bytes as long as there are, and gives what is left.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq")]
fn stretches<const N: usize>(mut state: u32, mut bytes: &[u8]) -> (u32, &[u8]) {
    while let (Some((first, rest)), true) = (bytes.split_first_chunk::<N>(), bytes.len() >= 3 * N) {
        let (second, rest) = rest.split_at(N);
        let (third, rest) = rest.split_at(N);
        let (mut a, mut b, mut c) = (u64::from(state), 0, 0);
        let words = first.as_chunks::<8>().0.iter().zip(second.as_chunks::<8>().0).zip(third.as_chunks::<8>().0);
        for ((x, y), z) in words {
            a = _mm_crc32_u64(a, u64::from_le_bytes(*x));
            b = _mm_crc32_u64(b, u64::from_le_bytes(*y));
            c = _mm_crc32_u64(c, u64::from_le_bytes(*z));
        }
        state = shift(a as u32, const { shift_constant(2 * N as u64) })
            ^ shift(b as u32, const { shift_constant(N as u64) })
            ^ c as u32;
        bytes = rest;
    }
    (state, bytes)
}

/// The constant with which [`shift`] moves a register over `bytes` bytes: x^(8 bytes - 33).
const fn shift_constant(bytes: u64) -> u32 {
    power(8 * bytes - 33)
}

/// The register with zero bytes behind it: the product with x^(8 n - 33), doubled by reflection, times the x^32 that the
/// `crc32` instruction multiplies by as it reduces.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq")]
fn shift(state: u32, constant: u32) -> u32 {
    let product = _mm_clmulepi64_si128::<0>(_mm_cvtsi32_si128(state as i32), _mm_cvtsi32_si128(constant as i32));
    _mm_crc32_u64(0, _mm_cvtsi128_si64(product) as u64) as u32
}

/// The two constants that move 128 bits over `bits` bits: the first eight bytes have 64 more behind them in the register.
const fn pair(bits: u64) -> [i64; 2] {
    [fold_constant(bits + 32), fold_constant(bits - 32)]
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn constants(pair: [i64; 2]) -> __m512i {
    _mm512_broadcast_i32x4(_mm_set_epi64x(pair[1], pair[0]))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: invariant 2, 64 bytes.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// `sum` moved over the distance of `constants`, plus `next`.
#[inline]
#[target_feature(enable = "avx512f,vpclmulqdq")]
fn fold(sum: __m512i, constants: __m512i, next: __m512i) -> __m512i {
    let low = _mm512_clmulepi64_epi128::<0x00>(sum, constants);
    let high = _mm512_clmulepi64_epi128::<0x11>(sum, constants);
    _mm512_ternarylogic_epi64::<0x96>(low, high, next)
}

/// Folds 256 bytes a step in four registers, then 64, then 16; the rest is [`serial`].
#[target_feature(enable = "sse4.2,pclmulqdq,avx512f,avx512bw,avx512vl,avx512dq,vpclmulqdq")]
pub(crate) fn avx512(state: u32, bytes: &[u8]) -> u32 {
    let (vectors, rest) = bytes.as_chunks::<64>();
    let (quads, singles) = vectors.as_chunks::<4>();
    let start = _mm512_zextsi128_si512(_mm_cvtsi32_si128(state as i32));
    let (mut sum, singles) = if let Some((first, quads)) = quads.split_first() {
        let by_256 = constants(const { pair(2048) });
        let mut sums = [load(&first[0]), load(&first[1]), load(&first[2]), load(&first[3])];
        sums[0] = _mm512_xor_si512(sums[0], start);
        for quad in quads {
            for (sum, vector) in sums.iter_mut().zip(quad) {
                *sum = fold(*sum, by_256, load(vector));
            }
        }
        let joined = fold(sums[0], constants(const { pair(512) }), sums[1]);
        let other = fold(sums[2], constants(const { pair(512) }), sums[3]);
        (fold(joined, constants(const { pair(1024) }), other), singles)
    } else if let Some((first, singles)) = singles.split_first() {
        (_mm512_xor_si512(load(first), start), singles)
    } else {
        return serial(state, rest);
    };
    for vector in singles {
        sum = fold(sum, constants(const { pair(512) }), load(vector));
    }
    // The four 16-byte lanes have 48, 32, 16 and 0 bytes behind them; the last is taken as it is.
    let distances = const {
        let (a, b, c) = (pair(384), pair(256), pair(128));
        [a[0], a[1], b[0], b[1], c[0], c[1]]
    };
    let to_last =
        _mm512_set_epi64(0, 0, distances[5], distances[4], distances[3], distances[2], distances[1], distances[0]);
    let lanes = fold(sum, to_last, _mm512_maskz_mov_epi64(0b1100_0000, sum));
    let half = _mm256_xor_si256(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64::<1>(lanes));
    let last = _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half));
    let state = _mm_crc32_u64(0, _mm_cvtsi128_si64(last) as u64);
    let state = _mm_crc32_u64(state, _mm_extract_epi64::<1>(last) as u64);
    serial(state as u32, rest)
}
