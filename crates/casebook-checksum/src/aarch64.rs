//! aarch64. One of the two modules with `unsafe` code.
//!
//! Invariants:
//!
//! 1. NEON is part of the target. The CRC extension is not: [`crc_stretches`] is called only where [`has_crc`] has said in the same
//!    function that the processor has it.
//! 2. A vector is loaded only from a reference to as many bytes as it reads.
#![allow(unsafe_code, reason = "instructions beyond the target's baseline; the invariants are stated above")]

use crate::internet::{BLOCK_BYTES, scalar};
use crate::sum::add;
use core::arch::aarch64::*;

/// 16 bytes an instruction: `uadalp` adds pairs of 16-bit words to 32-bit lanes. Four accumulators share a block, so a
/// lane gets 2048 words, less than 2^27.
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    let mut total = 0;
    for block in bytes.chunks(BLOCK_BYTES) {
        let (quads, rest) = block.as_chunks::<64>();
        let mut sums = [[0u32; 4]; 4].map(load_words);
        for quad in quads {
            let (vectors, _) = quad.as_chunks::<16>();
            for (sum, vector) in sums.iter_mut().zip(vectors) {
                // SAFETY: invariant 1, NEON.
                *sum = unsafe { vpadalq_u16(*sum, vreinterpretq_u16_u8(load(vector))) };
            }
        }
        for sum in sums {
            // SAFETY: invariant 1, NEON.
            total = add(total, unsafe { vaddlvq_u32(sum) });
        }
        total = add(total, scalar(rest));
    }
    total
}

#[inline(always)]
fn load(bytes: &[u8; 16]) -> uint8x16_t {
    // SAFETY: invariant 2, 16 bytes.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

#[inline(always)]
fn load_words(words: [u32; 4]) -> uint32x4_t {
    // SAFETY: invariant 2, 16 bytes.
    unsafe { vld1q_u32(words.as_ptr()) }
}

#[inline]
fn has_crc() -> bool {
    #[cfg(feature = "std")]
    return std::arch::is_aarch64_feature_detected!("crc");
    #[cfg(not(feature = "std"))]
    cfg!(target_feature = "crc")
}

/// The CRC register after `bytes` by the fastest version.
pub(crate) fn crc(state: u32, bytes: &[u8]) -> u32 {
    crc_instructions(state, bytes).unwrap_or_else(|| crate::crc32c::scalar(state, bytes))
}

/// With the `crc32c` instructions.
pub(crate) fn crc_instructions(state: u32, bytes: &[u8]) -> Option<u32> {
    // SAFETY: invariant 1, the CRC extension.
    has_crc().then(|| unsafe { crc_stretches(state, bytes) })
}

/// Bytes of each of the three stretches that are worked on at once.
const STRETCH: usize = 1024;

/// `SHIFT[n][b]`: byte `n` of a register with `STRETCH` zero bytes behind it.
static SHIFT: [[u32; 256]; 4] = {
    let step = crate::gf::power_of_bytes(STRETCH as u64);
    let mut tables = [[0; 256]; 4];
    let mut n = 0;
    while n < 4 {
        let mut byte = 0;
        while byte < 256 {
            tables[n][byte] = crate::gf::multiply(step, (byte as u32) << (8 * n));
            byte += 1;
        }
        n += 1;
    }
    tables
};

fn shift(state: u32) -> u32 {
    state.to_le_bytes().iter().zip(&SHIFT).fold(0, |sum, (&byte, table)| sum ^ table[usize::from(byte)])
}

/// Three chains at once, as the result of one comes two or three cycles late; the rest is one chain.
#[target_feature(enable = "crc")]
fn crc_stretches(mut state: u32, bytes: &[u8]) -> u32 {
    let (triples, rest) = bytes.as_chunks::<{ 3 * STRETCH }>();
    for triple in triples {
        let (first, others) = triple.split_at(STRETCH);
        let (second, third) = others.split_at(STRETCH);
        let (mut a, mut b, mut c) = (state, 0, 0);
        let words = first.as_chunks::<8>().0.iter().zip(second.as_chunks::<8>().0).zip(third.as_chunks::<8>().0);
        for ((x, y), z) in words {
            a = __crc32cd(a, u64::from_le_bytes(*x));
            b = __crc32cd(b, u64::from_le_bytes(*y));
            c = __crc32cd(c, u64::from_le_bytes(*z));
        }
        state = shift(shift(a) ^ b) ^ c;
    }
    let (words, rest) = rest.as_chunks::<8>();
    for word in words {
        state = __crc32cd(state, u64::from_le_bytes(*word));
    }
    for &byte in rest {
        state = __crc32cb(state, byte);
    }
    state
}
