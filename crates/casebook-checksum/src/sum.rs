//! A sum of 16-bit words that is not finished: what `checksum(pseudo header, header, payload)` is put together from.

use crate::internet;

/// The one's complement sum of the bytes so far, and whether they were an odd number.
///
/// Inside are 64-bit words in the machine's byte order with the carry added back; [`Sum::fold`] gives the 16-bit word of the
/// RFC. `Sum` is plain data: sums of parts may be made in any order, on any thread, and joined with [`Sum::then`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum {
    words: u64,
    odd: bool,
}

impl Sum {
    /// The sum of no bytes.
    pub const EMPTY: Sum = Sum { words: 0, odd: false };

    pub(crate) const fn raw(words: u64, odd: bool) -> Sum {
        Sum { words, odd }
    }

    /// The sum of `bytes`. An odd last byte is the upper half of a word whose lower half is zero (RFC 1071 section 4.1),
    /// unless more bytes follow with [`Sum::then`].
    #[inline]
    #[must_use]
    pub fn of(bytes: &[u8]) -> Sum {
        Sum { words: internet::words(bytes), odd: bytes.len() % 2 == 1 }
    }

    /// The sum of the parts one after the other, as if they were one slice; each may have any length.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Sum {
        parts.iter().fold(Sum::EMPTY, |sum, part| sum.then(Sum::of(part)))
    }

    /// The sum of the bytes of `self` followed by the bytes of `next`.
    #[inline]
    #[must_use]
    pub fn then(self, next: Sum) -> Sum {
        // After an odd number of bytes the next part fills the other halves of the words: times 256 modulo 65535.
        let words = if self.odd { next.words.rotate_left(8) } else { next.words };
        Sum { words: add(self.words, words), odd: self.odd != next.odd }
    }

    /// The sum of `self` followed by `bytes`.
    #[inline]
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Sum {
        self.then(Sum::of(bytes))
    }

    /// The sum of `self` followed by a big-endian word, as headers hold them.
    #[inline]
    #[must_use]
    pub fn word(self, word: u16) -> Sum {
        self.then(Sum { words: u64::from(word.to_be()), odd: false })
    }

    /// The pseudo header of IPv4 (RFC 9293 section 3.1): addresses, protocol, length of the upper layer in bytes.
    #[must_use]
    pub fn pseudo_ipv4(source: [u8; 4], destination: [u8; 4], protocol: u8, length_bytes: u16) -> Sum {
        Sum::EMPTY.bytes(&source).bytes(&destination).word(u16::from(protocol)).word(length_bytes)
    }

    /// The pseudo header of IPv6 (RFC 8200 section 8.1): addresses, length of the upper layer in bytes, next header.
    #[must_use]
    pub fn pseudo_ipv6(source: [u8; 16], destination: [u8; 16], next_header: u8, length_bytes: u32) -> Sum {
        Sum::EMPTY.bytes(&source).bytes(&destination).bytes(&length_bytes.to_be_bytes()).word(u16::from(next_header))
    }

    /// Whether the bytes so far were an odd number.
    #[inline]
    pub const fn is_odd(self) -> bool {
        self.odd
    }

    /// The 16-bit sum of big-endian words, carries added back. 0x0000 only when every byte is zero.
    ///
    /// This is what a sender that leaves the checksum to the network card writes for the pseudo header.
    #[inline]
    #[must_use]
    pub const fn fold(self) -> u16 {
        // x + x rotated by half its width: the upper half is the sum of the halves with their carry added back.
        let half = (self.words.wrapping_add(self.words.rotate_left(32)) >> 32) as u32;
        u16::from_be((half.wrapping_add(half.rotate_left(16)) >> 16) as u16)
    }

    /// The checksum of bytes whose own field was zero or left out: the complement of [`Sum::fold`].
    ///
    /// UDP sends 0xffff where this is 0x0000, as 0x0000 says "no checksum" there (RFC 768).
    #[inline]
    #[must_use]
    pub const fn checksum(self) -> u16 {
        !self.fold()
    }

    /// Whether bytes that include their checksum field add up to zero, written 0xffff or, when all are zero, 0x0000.
    #[inline]
    pub const fn is_valid(self) -> bool {
        crate::ones::canonical(self.fold()) == 0
    }
}

/// Sums are equal when they are the same number and the next byte goes to the same half of a word.
impl PartialEq for Sum {
    fn eq(&self, other: &Sum) -> bool {
        self.odd == other.odd && crate::ones::same(self.fold(), other.fold())
    }
}

impl Eq for Sum {}

/// `a + b` modulo 2^64 - 1: the carry added back, which cannot carry again.
#[inline]
pub(crate) const fn add(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    sum + carry as u64
}
