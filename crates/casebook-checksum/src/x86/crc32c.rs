//! CRC-32C with the `crc32` instruction and with carry-less multiplication. The invariants are those of [`super`].

use crate::gf::{fold_constant, power};
use core::arch::x86_64::*;
use core::ops::RangeInclusive;
use core::sync::atomic::{Ordering::SeqCst, compiler_fence};

/// From how many bytes folding is faster than the `crc32` instruction alone.
pub(crate) const FOLD_FROM_BYTES: usize = 256;

/// From how many bytes three chains are faster than one.
pub(crate) const CHAINS_FROM_BYTES: usize = 3 * STRETCHES[2];

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
pub(crate) fn serial(state: u32, bytes: &[u8]) -> u32 {
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

/// The remainder of four vectors in a row, as one that stands where the last does.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,vpclmulqdq")]
fn join(sums: [__m512i; 4]) -> __m512i {
    let by_64 = constants(const { pair(512) });
    let by_128 = constants(const { pair(1024) });
    fold(fold(sums[0], by_64, sums[1]), by_128, fold(sums[2], by_64, sums[3]))
}

/// The register after the 64 bytes of `sum`, starting with zero.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq,avx512f,avx512vl,avx512dq,vpclmulqdq")]
fn reduce(sum: __m512i) -> u32 {
    // The four 16-byte lanes have 48, 32, 16 and 0 bytes behind them; the last is taken as it is.
    let [a, b, c] = const { [pair(384), pair(256), pair(128)] };
    let to_last = _mm512_set_epi64(0, 0, c[1], c[0], b[1], b[0], a[1], a[0]);
    let lanes = fold(sum, to_last, _mm512_maskz_mov_epi64(0b1100_0000, sum));
    let half = _mm256_xor_si256(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64::<1>(lanes));
    let last = _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half));
    let first = _mm_crc32_u64(0, _mm_cvtsi128_si64(last) as u64);
    _mm_crc32_u64(first, _mm_extract_epi64::<1>(last) as u64) as u32
}

/// Steps of a block: in each, four vectors are folded.
const STEPS: usize = 2;

/// Words in each of the three chains beside one step, which is what both take the same time for.
const WORDS: usize = 5;

/// Bytes of a block that are folded; the chains take the bytes behind them.
const FOLDED: usize = 256 * STEPS;

/// Bytes of a block that one chain takes.
const CHAIN: usize = 8 * WORDS * STEPS;

/// Bytes of a block.
const BLOCK: usize = FOLDED + 3 * CHAIN;

/// How many bytes are taken in blocks. In shorter inputs the chains' results are waited for; longer ones come from memory, which
/// is slower than either way and gives one stretch read in order fastest.
const IN_BLOCKS_BYTES: RangeInclusive<usize> = 4096..=1 << 20;

/// One block. The first bytes are folded into `sums`, whose vectors stand a block apart, while three `crc32` chains, which need
/// other parts of the processor, take the bytes behind them. The register that the chains leave is added to the first four
/// bytes of the next block, as any start value is.
///
/// The fences keep the compiler from putting all chains before all folding: the queue in front of the one unit that runs
/// `crc32` is short, and when it is full nothing else enters either.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq,avx512f,avx512bw,avx512vl,avx512dq,vpclmulqdq")]
fn block(sums: &mut [__m512i; 4], start: __m512i, block: &[u8; BLOCK]) -> __m512i {
    let quads = block.as_chunks::<64>().0.as_chunks::<4>().0;
    let groups = block[FOLDED..].as_chunks::<{ 8 * WORDS }>().0;
    let (mut a, mut b, mut c) = (0, 0, 0);
    for step in 0..STEPS {
        let quad = &quads[step];
        let by = if step == 0 { over_block() } else { constants(const { pair(2048) }) };
        let (x, y, z) = (&groups[step], &groups[STEPS + step], &groups[2 * STEPS + step]);
        let (x, y, z) = (x.as_chunks::<8>().0, y.as_chunks::<8>().0, z.as_chunks::<8>().0);
        for i in 0..WORDS {
            a = _mm_crc32_u64(a, u64::from_le_bytes(x[i]));
            b = _mm_crc32_u64(b, u64::from_le_bytes(y[i]));
            c = _mm_crc32_u64(c, u64::from_le_bytes(z[i]));
            compiler_fence(SeqCst);
            // The first vector goes last: it waits for the block before.
            if i < 3 {
                sums[i + 1] = fold(sums[i + 1], by, load(&quad[i + 1]));
            }
            if i == 3 {
                let vector = load(&quad[0]);
                sums[0] = fold(sums[0], by, if step == 0 { _mm512_xor_si512(vector, start) } else { vector });
            }
        }
    }
    let state = shift(a as u32, const { shift_constant(2 * CHAIN as u64) })
        ^ shift(b as u32, const { shift_constant(CHAIN as u64) })
        ^ c as u32;
    first_bytes(state)
}

/// A vector that starts with the register, which is what adding a start value takes.
#[inline]
#[target_feature(enable = "avx512f")]
fn first_bytes(state: u32) -> __m512i {
    _mm512_zextsi128_si512(_mm_cvtsi32_si128(state as i32))
}

/// From the last folded step of a block to the first of the next: one step and the chains' bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn over_block() -> __m512i {
    constants(const { pair(2048 + 8 * 3 * CHAIN as u64) })
}

/// Four vectors into four sums.
#[inline]
#[target_feature(enable = "avx512f,vpclmulqdq")]
fn fold_quad(sums: [__m512i; 4], constants: __m512i, quad: [__m512i; 4]) -> [__m512i; 4] {
    [
        fold(sums[0], constants, quad[0]),
        fold(sums[1], constants, quad[1]),
        fold(sums[2], constants, quad[2]),
        fold(sums[3], constants, quad[3]),
    ]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_quad(quad: &[[u8; 64]; 4]) -> [__m512i; 4] {
    [load(&quad[0]), load(&quad[1]), load(&quad[2]), load(&quad[3])]
}

/// Blocks of folding and chains together while they are followed by 256 bytes, folding of 256 bytes a step, then of 64; then
/// [`serial`].
#[target_feature(enable = "sse4.2,pclmulqdq,avx512f,avx512bw,avx512vl,avx512dq,vpclmulqdq")]
pub(crate) fn avx512(state: u32, mut bytes: &[u8]) -> u32 {
    let mut start = first_bytes(state);
    let mut sums = [_mm512_setzero_si512(); 4];
    let blocks = IN_BLOCKS_BYTES.contains(&bytes.len());
    let mut follows = false;
    while let (Some((first, rest)), true) = (bytes.split_first_chunk::<BLOCK>(), blocks && bytes.len() >= BLOCK + 256) {
        start = block(&mut sums, start, first);
        follows = true;
        bytes = rest;
    }
    let (vectors, rest) = bytes.as_chunks::<64>();
    let (quads, singles) = vectors.as_chunks::<4>();
    let (mut sum, singles) = if let Some((first, quads)) = quads.split_first() {
        let mut first = load_quad(first);
        first[0] = _mm512_xor_si512(first[0], start);
        sums = if follows { fold_quad(sums, over_block(), first) } else { first };
        for quad in quads {
            sums = fold_quad(sums, constants(const { pair(2048) }), load_quad(quad));
        }
        (join(sums), singles)
    } else if let Some((first, singles)) = singles.split_first() {
        (_mm512_xor_si512(load(first), start), singles)
    } else {
        return serial(state, rest);
    };
    for vector in singles {
        sum = fold(sum, constants(const { pair(512) }), load(vector));
    }
    serial(reduce(sum), rest)
}
