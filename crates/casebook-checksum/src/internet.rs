//! The Internet checksum (RFC 1071) of a slice, in every version.
//!
//! All versions give a 64-bit number that is the sum of the 16-bit words in the machine's byte order, modulo 65535, and
//! that is zero only when every byte is zero; so folded they are equal bit by bit, not only as numbers.

use crate::Path;
use crate::Sum;
use crate::sum::add;

/// After how many bytes the SIMD versions empty their 32-bit lanes.
///
/// Words are added as signed numbers of at most 32768 in size; 32768 of them are at most 2^30, so even the sum over all
/// lanes fits in an `i32`.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// Up to this length no version is looked up: 64-bit words are added in the caller.
const SHORT_BYTES: usize = 64;

/// The checksum of `bytes`: the complement of their sum, as a header field says it.
#[inline]
#[must_use]
pub fn checksum(bytes: &[u8]) -> u16 {
    Sum::of(bytes).checksum()
}

/// The checksum of the parts one after the other.
#[must_use]
pub fn checksum_parts(parts: &[&[u8]]) -> u16 {
    Sum::of_parts(parts).checksum()
}

/// The sum of `bytes` by the version `path`; `None` when this processor or this build does not have it.
#[must_use]
pub fn sum_by(path: Path, bytes: &[u8]) -> Option<Sum> {
    let words = match path {
        Path::Reference => return Some(reference(bytes)),
        Path::Scalar => Some(scalar(bytes)),
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 => crate::x86::sum_avx2(bytes),
        #[cfg(target_arch = "x86_64")]
        Path::Avx512 => crate::x86::sum_avx512(bytes),
        #[cfg(target_arch = "x86_64")]
        Path::Avx512Vnni => crate::x86::sum_avx512_vnni(bytes),
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        Path::Neon => Some(crate::aarch64::sum(bytes)),
        #[cfg(feature = "portable")]
        Path::Portable => Some(crate::portable::sum(bytes)),
        _ => None,
    }?;
    Some(Sum::raw(words, bytes.len() % 2 == 1))
}

/// The sum as RFC 1071 section 1 says it: pairs of bytes are big-endian words, carries are added back.
fn reference(bytes: &[u8]) -> Sum {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        let word = u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
        sum += u32::from(word);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    Sum::raw(u64::from((sum as u16).to_be()), bytes.len() % 2 == 1)
}

/// The sum of `bytes` by the fastest version this processor has.
#[inline(always)]
pub(crate) fn words(bytes: &[u8]) -> u64 {
    if bytes.len() <= SHORT_BYTES { scalar(bytes) } else { long(bytes) }
}

/// From this length the first bytes are added apart, so that no vector lies across two cache lines.
const ALIGN_FROM_BYTES: usize = 4096;

#[inline(never)]
fn long(bytes: &[u8]) -> u64 {
    if bytes.len() < ALIGN_FROM_BYTES { vectors(bytes) } else { aligned(bytes) }
}

fn aligned(bytes: &[u8]) -> u64 {
    let (head, rest) = bytes.split_at_checked(bytes.as_ptr().align_offset(64)).unwrap_or((&[], bytes));
    let sum = vectors(rest);
    // As in `Sum::then`.
    add(scalar(head), if head.len() % 2 == 1 { sum.rotate_left(8) } else { sum })
}

#[inline]
fn vectors(bytes: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    return crate::x86::sum(bytes);
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    return crate::aarch64::sum(bytes);
    #[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little"))))]
    scalar(bytes)
}

/// 64-bit words, the carry of each addition going into the next one.
#[inline(always)]
pub(crate) fn scalar(bytes: &[u8]) -> u64 {
    let (chunks, rest) = bytes.as_chunks::<64>();
    let mut sum = 0u64;
    let mut carry = false;
    for chunk in chunks {
        let (words, _) = chunk.as_chunks::<8>();
        (sum, carry) = sum.carrying_add(u64::from_ne_bytes(words[0]), carry);
        (sum, carry) = sum.carrying_add(u64::from_ne_bytes(words[1]), carry);
        (sum, carry) = sum.carrying_add(u64::from_ne_bytes(words[2]), carry);
        (sum, carry) = sum.carrying_add(u64::from_ne_bytes(words[3]), carry);
        (sum, carry) = sum.carrying_add(u64::from_ne_bytes(words[4]), carry);
        (sum, carry) = sum.carrying_add(u64::from_ne_bytes(words[5]), carry);
        (sum, carry) = sum.carrying_add(u64::from_ne_bytes(words[6]), carry);
        (sum, carry) = sum.carrying_add(u64::from_ne_bytes(words[7]), carry);
    }
    // The flag in flight may carry once more: `add` adds that one back.
    sum = add(sum, u64::from(carry));
    if rest.is_empty() { sum } else { add(sum, tail(rest)) }
}

/// Fewer than 64 bytes.
#[inline(always)]
fn tail(bytes: &[u8]) -> u64 {
    let mut sum = 0u64;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        sum = add(sum, u64::from_ne_bytes(*word));
    }
    let (words, rest) = rest.as_chunks::<4>();
    // At most one word of 32 bits, one of 16 and one byte: their sum has no carry to add back.
    let mut small = 0u64;
    if let Some(word) = words.first() {
        small += u64::from(u32::from_ne_bytes(*word));
    }
    let (words, rest) = rest.as_chunks::<2>();
    if let Some(word) = words.first() {
        small += u64::from(u16::from_ne_bytes(*word));
    }
    if let Some(&byte) = rest.first() {
        small += u64::from(u16::from_ne_bytes([byte, 0]));
    }
    add(sum, small)
}
