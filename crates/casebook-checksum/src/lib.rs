//! The checksums of packets and of stored data, and how to add a lot of bytes without changing the sum.
//!
//! | module | what |
//! |---|---|
//! | [`internet`] | the Internet checksum of IPv4, TCP, UDP, ICMP, GRE, OSPF … (RFC 1071) |
//! | [`crc32c`] | CRC-32C of SCTP and iSCSI (RFC 9260 appendix A, RFC 3720), and the CRC of two parts joined |
//! | [`polynomial`] | `h = h * K + byte`, wrapping: the checksum that naive lanes change |
//! | [`ones`] | one's complement numbers of 16 bits: compare, subtract, update in place (RFC 1624) |
//! | [`prefetch`] | asking for a cache line ahead of use |
//!
//! # Carries
//!
//! The Internet checksum adds 16-bit words and adds each carry out of the top back in at the bottom. A carry is worth
//! 65536, and 65536 = 65535 + 1, so carrying around is arithmetic modulo 65535. From this all else follows:
//!
//! - **0x0000 and 0xffff are the same number**, as 65535 = 0 modulo 65535. A sum of words is 0x0000 only when every
//!   word is zero; any other multiple of 65535 is written 0xffff. Compare with [`ones::same`], not with `==`.
//! - **Byte order does not matter.** Swapping the bytes of a word multiplies it by 256 modulo 65535 (the byte that leaves
//!   at the top returns at the bottom). Swapping all words multiplies the sum by 256, so words are added as the machine
//!   loads them and the sum is swapped once.
//! - **A part that starts at an odd offset** has all its bytes in the other half of the word: its sum is swapped too, and
//!   then added. That is all [`Sum`] has to remember of the parts before: whether they were an odd number of bytes.
//! - **Wider words are fine.** 2^32 - 1 and 2^64 - 1 are multiples of 65535, so 64-bit words with the carry added back
//!   give the same number, four words at a time.
//! - **Carries can wait.** Added in a wider lane, 16-bit words carry into the bits above; those are folded at the end.
//!   A 32-bit lane holds 65537 words and no more: 128 KiB in one lane. The accumulators here are emptied every
//!   [`internet::BLOCK_BYTES`], or checked carries are used.
//!
//! # Lanes
//!
//! Addition modulo 65535 may be done in any order, so lanes may each add every n-th word. What differs is how the words
//! get into wider lanes:
//!
//! - AVX-512 VNNI: `vpdpwssd` multiplies signed words by one and adds two products to a 32-bit lane. Words are unsigned:
//!   flipping the top bit turns `w` into `w - 32768` as a signed number, and 32768 for each word is added at the end. Two
//!   instructions for 64 bytes.
//! - AVX-512BW and AVX2: the same with `vpmaddwd` and an addition.
//! - NEON: `uadalp` adds pairs of words to 32-bit lanes, one instruction for 16 bytes.
//! - `std::simd`: 32-bit lanes, low and high half of each added apart.
//!
//! `h * K + byte` is different: what a byte counts for depends on how many follow it, and lanes that each run the scalar
//! loop give a different value. [`polynomial`] says why and what to do.
//!
//! # Dispatch
//!
//! The default target of x86-64 promises SSE2 only. What the processor has is asked once and kept in one byte; a call
//! loads it and branches. Up to 64 bytes the Internet checksum does not even ask: 64-bit words with the carry are added in
//! the caller. From 4096 bytes it aligns its loads and takes 32 bytes each, which memory answers a little faster than 64.
//! Every version is public by name ([`Path`], [`implementations`]), and all give the same value for the same bytes.
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(feature = "portable", feature(portable_simd))]

pub mod crc32c;
mod gf;
pub mod internet;
pub mod ones;
mod path;
pub mod polynomial;
pub mod prefetch;
mod sum;

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod aarch64;
#[cfg(feature = "portable")]
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use path::{Algorithm, Implementation, Path, implementations};
pub use sum::Sum;
