//! The multiply-add checksum `h = h * K + byte`, wrapping: a polynomial in K whose coefficients are the bytes.
//!
//! # Why naive lanes change the value
//!
//! Of `n` bytes, byte `i` counts `b[i] * K^(n-1-i)`: what it counts for is how many bytes follow it. Four lanes that each run
//! the scalar loop over every fourth byte multiply `b[i]` by K once for each byte *of its own lane* that follows, about
//! `(n-i)/4` times instead of `n-1-i`. Adding the lanes up gives a number, the same one every time, and not this checksum;
//! two bytes of one step, in different lanes, may even change places unseen. No final correction can repair it: the
//! powers it needs are lost in the sum. (`tests/it/polynomial.rs` keeps this mistake and shows what it gives.)
//!
//! # The lane algebra
//!
//! With L lanes, lane `j` takes the bytes `j, j+L, j+2L …` and multiplies by **K^L** at each step, since L bytes go by. After the
//! last full step of L bytes, lane `j` still has the L-1-j bytes of the higher lanes behind it:
//!
//! ```text
//! h = sum over j of lane[j] * K^(L-1-j)        and the start value begins in lane L-1, which counts K^0
//! ```
//!
//! That sum is the scalar loop run over the lanes (`h = h * K + lane[j]`), so it costs L steps, once. Bytes left over go through
//! the scalar loop. Wrapping arithmetic is a ring (modulo 2^32, 2^64), so the value is the same bit by bit.
//!
//! Chains of one multiplication per byte become chains of one per L bytes: the gain is as much latency hidden as lanes used.

use crate::Path;

/// Lanes: enough that four 512-bit registers of 32-bit lanes hide the latency of a multiplication.
pub(crate) const LANES: usize = 64;

/// From how many bytes lanes are worth their final sum.
const LANES_FROM_BYTES: usize = 4 * LANES;

macro_rules! width {
    ($word:ty, $hash:ident, $hash_by:ident, $scalar:ident, $lanes:ident, $x86:ident) => {
        /// `h = h * k + byte` over `bytes`, starting with `h = start`, by the fastest version this processor has.
        #[inline]
        #[must_use]
        pub fn $hash(start: $word, k: $word, bytes: &[u8]) -> $word {
            if bytes.len() < LANES_FROM_BYTES {
                return $scalar(start, k, bytes);
            }
            #[cfg(target_arch = "x86_64")]
            return crate::x86::$hash(start, k, bytes);
            #[cfg(not(target_arch = "x86_64"))]
            $lanes(start, k, bytes)
        }

        /// The same by the version `path`; `None` when this processor or this build does not have it.
        #[must_use]
        pub fn $hash_by(path: Path, start: $word, k: $word, bytes: &[u8]) -> Option<$word> {
            match path {
                Path::Reference => Some($scalar(start, k, bytes)),
                Path::Scalar => Some($lanes(start, k, bytes)),
                #[cfg(target_arch = "x86_64")]
                Path::Avx2 => crate::x86::polynomial::$x86::avx2(start, k, bytes),
                #[cfg(target_arch = "x86_64")]
                Path::Avx512 => crate::x86::polynomial::$x86::avx512(start, k, bytes),
                #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
                Path::Neon => Some($lanes(start, k, bytes)),
                #[cfg(feature = "portable")]
                Path::Portable => Some(crate::portable::$hash(start, k, bytes)),
                _ => None,
            }
        }

        /// The definition.
        #[inline]
        pub(crate) fn $scalar(start: $word, k: $word, bytes: &[u8]) -> $word {
            bytes.iter().fold(start, |h, &byte| h.wrapping_mul(k).wrapping_add(<$word>::from(byte)))
        }

        /// The lane algebra, written so that the compiler makes vectors of it for whatever its caller is compiled for.
        #[inline(always)]
        pub(crate) fn $lanes(start: $word, k: $word, bytes: &[u8]) -> $word {
            let step = k.wrapping_pow(LANES as u32);
            let mut lanes = [0; LANES];
            lanes[LANES - 1] = start;
            let (chunks, rest) = bytes.as_chunks::<LANES>();
            for chunk in chunks {
                for (lane, &byte) in lanes.iter_mut().zip(chunk) {
                    *lane = lane.wrapping_mul(step).wrapping_add(<$word>::from(byte));
                }
            }
            if chunks.is_empty() {
                return $scalar(start, k, rest);
            }
            $scalar(lanes.iter().fold(0, |h: $word, &lane| h.wrapping_mul(k).wrapping_add(lane)), k, rest)
        }
    };
}

width!(u32, hash32, hash32_by, scalar32, lanes32, wide32);
width!(u64, hash64, hash64_by, scalar64, lanes64, wide64);
