//! The one's complement sum of RFC 1071 and the CRC-32C of SCTP, over slices.

/// A sum that is not finished: 64-bit words in the machine's byte order, and whether the bytes were an odd number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    words: u64,
    odd: bool,
}

#[inline]
fn add(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    sum + u64::from(carry)
}

impl Sum {
    /// The sum of no bytes.
    pub const EMPTY: Sum = Sum { words: 0, odd: false };

    /// The sum of `bytes`.
    #[inline]
    pub fn of(bytes: &[u8]) -> Sum {
        let (chunks, rest) = bytes.as_chunks::<8>();
        let mut words = chunks.iter().fold(0, |sum, chunk| add(sum, u64::from_ne_bytes(*chunk)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        words = add(words, u64::from_ne_bytes(last));
        Sum { words, odd: bytes.len() % 2 == 1 }
    }

    /// The sum of the bytes of `self` followed by those of `next`.
    #[inline]
    pub fn then(self, next: Sum) -> Sum {
        let words = if self.odd { next.words.rotate_left(8) } else { next.words };
        Sum { words: add(self.words, words), odd: self.odd != next.odd }
    }

    /// The sum of `self` followed by `bytes`.
    #[inline]
    pub fn bytes(self, bytes: &[u8]) -> Sum {
        self.then(Sum::of(bytes))
    }

    /// The sum of `self` followed by a big-endian word.
    #[inline]
    pub fn word(self, word: u16) -> Sum {
        self.then(Sum { words: u64::from(word.to_be()), odd: false })
    }

    /// The 16-bit sum of big-endian words.
    #[inline]
    pub fn fold(self) -> u16 {
        let half = (self.words.wrapping_add(self.words.rotate_left(32)) >> 32) as u32;
        u16::from_be((half.wrapping_add(half.rotate_left(16)) >> 16) as u16)
    }
}

/// CRC-32C of the parts one after the other.
pub fn crc32c(parts: &[&[u8]]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut at = 0;
        while at < 256 {
            let (mut crc, mut bit) = (at as u32, 0);
            while bit < 8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
                bit += 1;
            }
            table[at] = crc;
            at += 1;
        }
        table
    };
    let bytes = parts.iter().copied().flatten();
    !bytes.fold(!0_u32, |crc, byte| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ byte)])
}
