//! The versions in `std::simd`: nightly only, behind the feature `portable`, no `unsafe`. What the compiler makes of them
//! depends on what it compiles for; nothing is asked at run time.

use crate::crc32c::TABLES;
use crate::gf;
use crate::internet::{BLOCK_BYTES, scalar};
use crate::polynomial::{LANES, scalar32, scalar64};
use crate::sum::add;
use core::simd::prelude::*;

/// 64 bytes a step, as sixteen 32-bit lanes: low and high halves added apart, so that no lane carries within a block
/// (1024 words of less than 2^16 in each).
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    let mut total = 0;
    for block in bytes.chunks(BLOCK_BYTES) {
        let (vectors, rest) = block.as_chunks::<64>();
        let (mut low, mut high) = (u32x16::splat(0), u32x16::splat(0));
        for vector in vectors {
            let words = u32x16::from_ne_bytes(u8x64::from_array(*vector));
            low += words & u32x16::splat(0xffff);
            high += words >> 16;
        }
        let lanes: Simd<u64, 16> = low.cast::<u64>() + high.cast::<u64>();
        total = add(total, add(lanes.reduce_sum(), scalar(rest)));
    }
    total
}

/// Stretches of the bytes that [`crc`] works on at once, one in each lane.
const STRETCHES: usize = 16;

/// Sixteen stretches of equal length, each a lane of registers that looks up the four bytes of a word at once; then the
/// registers are joined by what the stretches behind them multiply by.
pub(crate) fn crc(state: u32, bytes: &[u8]) -> u32 {
    let words = bytes.len() / STRETCHES / 4;
    if words == 0 {
        return crate::crc32c::scalar(state, bytes);
    }
    let (stretched, rest) = bytes.split_at(words * 4 * STRETCHES);
    let mut registers = u32x16::splat(0);
    registers[0] = state;
    let byte = u32x16::splat(0xff);
    for word in 0..words {
        let next = core::array::from_fn(|lane| {
            let at = (lane * words + word) * 4;
            stretched.get(at..).and_then(|tail| tail.first_chunk()).map_or(0, |chunk| u32::from_le_bytes(*chunk))
        });
        let index = registers ^ u32x16::from_array(next);
        let look_up = |table: &[u32; 256], index: u32x16| u32x16::gather_or_default(table, (index & byte).cast());
        registers = look_up(&TABLES[3], index)
            ^ look_up(&TABLES[2], index >> 8)
            ^ look_up(&TABLES[1], index >> 16)
            ^ look_up(&TABLES[0], index >> 24);
    }
    let step = gf::power_of_bytes(4 * words as u64);
    let joined = registers.to_array().into_iter().fold(0, |sum, register| gf::multiply(step, sum) ^ register);
    crate::crc32c::scalar(joined, rest)
}

macro_rules! hash {
    ($name:ident, $word:ty, $scalar:ident) => {
        /// The lane algebra of [`crate::polynomial`].
        pub(crate) fn $name(start: $word, k: $word, bytes: &[u8]) -> $word {
            let (vectors, rest) = bytes.as_chunks::<LANES>();
            if vectors.is_empty() {
                return $scalar(start, k, rest);
            }
            let step = Simd::<$word, LANES>::splat(k.wrapping_pow(LANES as u32));
            let mut lanes = Simd::<$word, LANES>::splat(0);
            lanes[LANES - 1] = start;
            for vector in vectors {
                lanes = lanes * step + u8x64::from_array(*vector).cast::<$word>();
            }
            let joined = lanes.to_array().into_iter().fold(0, |h: $word, lane| h.wrapping_mul(k).wrapping_add(lane));
            $scalar(joined, k, rest)
        }
    };
}

hash!(hash32, u32, scalar32);
hash!(hash64, u64, scalar64);
