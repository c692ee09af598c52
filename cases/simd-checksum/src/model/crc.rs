//! A single flipped bit under CRC-32C, which names its place.
//!
//! A CRC is linear over exclusive or: the CRC stored by the sender and the one of what arrived differ by the CRC of the error
//! alone. The error x^p has another remainder for every p below 2^31 - 1, the order of the Castagnoli polynomial, so a single
//! flipped bit is found wherever it is. That nothing else explains the same difference: the polynomial is a multiple of
//! x + 1, so no two flipped bits do, and up to 5243 bits its distance is 6 (Koopman, "32-Bit Cyclic Redundancy Codes for
//! Internet Applications", 2002), so no two, three or four do.

use casebook_checksum::crc32c;

/// Up to this many bytes no other change of four bits or fewer has the same difference: 5243 bits.
pub const FOUR_BITS_BYTES: usize = 655;

/// Where the field is in an SCTP packet (RFC 9260 section 3.1).
const FIELD: std::ops::Range<usize> = 8..12;

/// A bit of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bit {
    /// Byte, from the beginning of the SCTP header.
    pub at: usize,
    /// The bit, as a mask.
    pub mask: u8,
}

/// The one bit of a packet of `bytes` bytes whose flipping makes `stored` and `computed` differ as they do.
pub fn locate(stored: u32, computed: u32, bytes: usize) -> Option<Bit> {
    let difference = stored ^ computed;
    if difference.is_power_of_two() {
        // The field itself, least significant byte first.
        let bit = difference.trailing_zeros() as usize;
        return Some(Bit { at: FIELD.start + bit / 8, mask: 1 << (bit % 8) });
    }
    let empty = crc32c::checksum(&[0]);
    let table: Vec<u32> = (0..=255).map(|byte| crc32c::checksum(&[byte]) ^ empty).collect();
    // What each bit of the last byte counts; with every byte further to the front, one byte of zeros more behind it.
    let mut counts: [u32; 8] = std::array::from_fn(|bit| table[1 << bit]);
    for at in (0..bytes).rev() {
        if !FIELD.contains(&at)
            && let Some(bit) = counts.iter().position(|count| *count == difference)
        {
            return Some(Bit { at, mask: 1 << bit });
        }
        counts.iter_mut().for_each(|count| *count = *count >> 8 ^ table[usize::from(*count as u8)]);
    }
    None
}

/// Adler-32 as SCTP had it before RFC 3309: over the packet with a field of zeros (RFC 2960, appendix B).
pub fn adler32(covered: &[u8]) -> u32 {
    const PRIME: u32 = 65_521;
    let (mut low, mut high) = (1_u32, 0_u32);
    for (at, byte) in covered.iter().enumerate() {
        let byte = if FIELD.contains(&at) { 0 } else { *byte };
        low = (low + u32::from(byte)) % PRIME;
        high = (high + low) % PRIME;
    }
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crc(packet: &[u8]) -> u32 {
        crc32c::checksum_parts(&[&packet[..8], &[0; 4], &packet[12..]])
    }

    /// Every bit of packets of several lengths; pairs at many distances.
    #[test]
    fn every_single_bit_is_found_and_no_pair_is_taken_for_one() {
        for bytes in [12, 13, 16, 60, 120] {
            let packet: Vec<u8> = (0..bytes).map(|at| (at * 37 + 11) as u8).collect();
            let sent = crc(&packet);
            for at in 0..bytes {
                for bit in 0..8 {
                    let mut arrived = packet.clone();
                    arrived[at] ^= 1 << bit;
                    // The field is compared as it arrived.
                    let mut stored = sent.to_le_bytes();
                    if FIELD.contains(&at) {
                        stored[at - 8] ^= 1 << bit;
                    }
                    let found = locate(u32::from_le_bytes(stored), crc(&arrived), bytes);
                    assert_eq!(found, Some(Bit { at, mask: 1 << bit }), "{bytes} bytes, byte {at}, bit {bit}");
                }
            }
            for first in (0..bytes * 8).filter(|bit| !FIELD.contains(&(bit / 8))) {
                for second in (0..first).filter(|bit| !FIELD.contains(&(bit / 8))).step_by(bytes) {
                    let mut arrived = packet.clone();
                    arrived[first / 8] ^= 1 << (first % 8);
                    arrived[second / 8] ^= 1 << (second % 8);
                    assert_eq!(locate(sent, crc(&arrived), bytes), None, "{first} and {second}");
                }
            }
        }
    }

    /// RFC 1950, section 9, and the example every implementation is checked with.
    #[test]
    fn adler_is_that_of_zlib() {
        let mut text = b"Wikipedi".to_vec();
        text.extend([1, 2, 3, 4]);
        text.extend(b"a");
        let plain: Vec<u8> = b"Wikipedi\0\0\0\0a".to_vec();
        assert_eq!(adler32(&text), adler32(&plain));
        let (mut a, mut b) = (1_u32, 0_u32);
        for byte in &plain {
            a += u32::from(*byte);
            b += a;
        }
        assert_eq!(adler32(&plain), ((b % 65_521) << 16) | (a % 65_521));
    }
}
