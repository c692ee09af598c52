//! Bits and checksums.

/// Writes `bits` bits at bit `at`, most significant first; false when they are not all there.
pub(crate) fn put_bits(bytes: &mut [u8], at: usize, bits: u16, value: u128) -> bool {
    if at + usize::from(bits) > bytes.len() * 8 {
        return false;
    }
    for bit in 0..usize::from(bits) {
        let mask = 0x80 >> ((at + bit) % 8);
        let byte = &mut bytes[(at + bit) / 8];
        let set = value >> (usize::from(bits) - 1 - bit) & 1 == 1;
        *byte = if set { *byte | mask } else { *byte & !mask };
    }
    true
}

/// Reads `bits` bits at bit `at`.
pub(crate) fn get_bits(bytes: &[u8], at: usize, bits: u16) -> Option<u128> {
    let mut value = 0;
    for bit in at..at + usize::from(bits) {
        value = value << 1 | u128::from(bytes.get(bit / 8)? >> (7 - bit % 8) & 1);
    }
    Some(value)
}

/// The sum of the 16-bit words, the last padded with zeros.
pub fn sum16(data: &[u8]) -> u64 {
    let pairs = data.chunks_exact(2);
    let last = pairs.remainder().first().map_or(0, |byte| u64::from(*byte) << 8);
    pairs.map(|pair| u64::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u64>() + last
}

/// The Internet checksum (RFC 1071), added to `start`.
pub fn checksum(data: &[u8], start: u64) -> u16 {
    let mut sum = start + sum16(data);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// CRC-32C as SCTP uses it (RFC 9260, appendix A).
pub(super) fn crc32c(data: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}
