//! CRC-32C, the Castagnoli CRC (RFC 9260 appendix A for SCTP, RFC 3720 section 12.1 for iSCSI): reflected, starts with all
//! ones, complemented at the end. The CRC of nothing is 0.
//!
//! A CRC is the remainder of the bytes, read as a polynomial over GF(2), modulo another of degree 32. Remainders are linear:
//! a CRC times x^(8 n) is what it counts for with `n` bytes behind it. So stretches may be taken apart, summed separately and
//! joined ([`combine`]), which is what every fast version does:
//!
//! - [`Path::Scalar`] looks up sixteen bytes at once, each in the table of its distance from the end.
//! - [`Path::Sse42`] keeps three `crc32` instructions busy (each waits three cycles for its result) on three stretches.
//! - [`Path::Avx512`] multiplies 64 bytes at once by x^2048 without carries (`vpclmulqdq`) and adds the 64 bytes that stand
//!   256 bytes further on; the last 16 bytes go through the `crc32` instruction, which is the reduction. On what fits in cache
//!   three `crc32` chains take a third of the bytes at the same time, as they need other units of the processor.
//!
//! SCTP stores the value in little-endian order: compare with `u32::from_le_bytes` of the field.

use crate::Path;
use crate::gf;

/// The CRC of `bytes`.
#[inline]
#[must_use]
pub fn checksum(bytes: &[u8]) -> u32 {
    append(0, bytes)
}

/// The CRC of the parts one after the other.
#[must_use]
pub fn checksum_parts(parts: &[&[u8]]) -> u32 {
    parts.iter().fold(0, |crc, part| append(crc, part))
}

/// The CRC of bytes whose CRC is `crc`, followed by `bytes`.
#[inline]
#[must_use]
pub fn append(crc: u32, bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    return !crate::x86::crc(!crc, bytes);
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    return !crate::aarch64::crc(!crc, bytes);
    #[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little"))))]
    !scalar(!crc, bytes)
}

/// The CRC of two parts joined, from the CRC of each and the length of the second.
///
/// The first counts x^(8 `second_bytes`) times. What the two complements add cancels out.
#[must_use]
pub const fn combine(first: u32, second: u32, second_bytes: u64) -> u32 {
    gf::multiply(gf::power_of_bytes(second_bytes), first) ^ second
}

/// The CRC of bytes whose CRC is `crc`, followed by `bytes`, by the version `path`; `None` when this processor or this build
/// does not have it.
#[must_use]
pub fn append_by(path: Path, crc: u32, bytes: &[u8]) -> Option<u32> {
    match path {
        Path::Reference => Some(reference(!crc, bytes)),
        Path::Scalar => Some(scalar(!crc, bytes)),
        #[cfg(target_arch = "x86_64")]
        Path::Sse42 => crate::x86::crc_sse42(!crc, bytes),
        #[cfg(target_arch = "x86_64")]
        Path::Avx512 => crate::x86::crc_avx512(!crc, bytes),
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        Path::ArmCrc => crate::aarch64::crc_instructions(!crc, bytes),
        #[cfg(feature = "portable")]
        Path::Portable => Some(crate::portable::crc(!crc, bytes)),
        _ => None,
    }
    .map(|state| !state)
}

/// Bit by bit. As all versions, from register to register: the complements are the caller's.
fn reference(mut state: u32, bytes: &[u8]) -> u32 {
    for &byte in bytes {
        state ^= u32::from(byte);
        for _ in 0..8 {
            state = gf::times_x(state);
        }
    }
    state
}

/// `TABLES[n][b]`: what byte `b` with `n` bytes behind it adds to the register.
pub(crate) static TABLES: [[u32; 256]; 16] = {
    let mut tables = [[0; 256]; 16];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut n = 0;
        while n < 16 {
            let mut bit = 0;
            while bit < 8 {
                value = gf::times_x(value);
                bit += 1;
            }
            tables[n][byte] = value;
            n += 1;
        }
        byte += 1;
    }
    tables
};

/// Sixteen bytes a step, one table for each ("slicing").
pub(crate) fn scalar(mut state: u32, bytes: &[u8]) -> u32 {
    let (chunks, rest) = bytes.as_chunks::<16>();
    for chunk in chunks {
        let (words, _) = chunk.as_chunks::<8>();
        let first = (u64::from_le_bytes(words[0]) ^ u64::from(state)).to_le_bytes();
        let look_up =
            |at: usize, word: [u8; 8]| (0..8).fold(0, |sum, byte| sum ^ TABLES[at - byte][usize::from(word[byte])]);
        state = look_up(15, first) ^ look_up(7, words[1]);
    }
    for &byte in rest {
        state = (state >> 8) ^ TABLES[0][usize::from(state as u8 ^ byte)];
    }
    state
}
