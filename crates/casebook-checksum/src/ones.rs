//! One's complement numbers of 16 bits: arithmetic modulo 65535, where 0x0000 and 0xffff are the same number.
//!
//! Values are what the field of a header says, read as big-endian.

/// Whether two values are the same number: equal, or one is 0x0000 and the other 0xffff.
#[inline]
pub const fn same(a: u16, b: u16) -> bool {
    canonical(a) == canonical(b)
}

/// The number in 0..=0xfffe: 0xffff is written 0x0000.
#[inline]
pub const fn canonical(a: u16) -> u16 {
    if a == 0xffff { 0 } else { a }
}

/// `a + b`, the carry added back (RFC 1071 section 1).
#[inline]
pub const fn add(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    sum + carry as u16
}

/// `a - b`: the complement of a number is its negative.
#[inline]
pub const fn sub(a: u16, b: u16) -> u16 {
    add(a, !b)
}

/// What a stored checksum differs by from the computed one, in 0..=0xfffe.
///
/// Sums are linear, so the difference says what happened to the bytes without knowing them: words that went up by `d` after
/// the sum was stored leave a difference of `d` (the stored field is a complement, and computed went down by `d`).
#[inline]
pub const fn difference(stored: u16, computed: u16) -> u16 {
    canonical(sub(stored, computed))
}

/// A difference that one flipped bit makes: bit `bit` of a word was turned on, or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitFlip {
    /// Bit of the 16-bit word, 0 the lowest, read as big-endian. Bit 8 and above are in the even byte.
    pub bit: u8,
    /// Whether the bit is now one (it was zero when the checksum was made).
    pub now_set: bool,
}

/// The single bit flips in the covered bytes that explain a [`difference`].
///
/// At most one: 2^k and -2^j are different numbers modulo 65535 for all j, k below 16. `None`: no single flip does. A flip
/// in the stored field itself is one too: the field is covered, as a word.
pub const fn single_flip(difference: u16) -> Option<BitFlip> {
    let up = canonical(difference);
    let down = canonical(!up);
    if up.is_power_of_two() {
        Some(BitFlip { bit: up.trailing_zeros() as u8, now_set: true })
    } else if down.is_power_of_two() {
        Some(BitFlip { bit: down.trailing_zeros() as u8, now_set: false })
    } else {
        None
    }
}

/// The checksum after the covered word `old` became `new` (RFC 1624 equation 3: `HC' = ~(~HC + ~m + m')`).
///
/// Equation 4 of RFC 1141 would be shorter and gives 0xffff where a sender writes 0x0000, so it is not used.
#[inline]
pub const fn update(checksum: u16, old: u16, new: u16) -> u16 {
    !add(add(!checksum, !old), new)
}

/// [`update`] for an address of 32 bits, or a port pair: two words.
#[inline]
pub const fn update_u32(checksum: u16, old: u32, new: u32) -> u16 {
    let high = update(checksum, (old >> 16) as u16, (new >> 16) as u16);
    update(high, old as u16, new as u16)
}

/// [`update`] for a stretch of any length, `old` and `new` starting at an even offset of the covered bytes.
///
/// The lengths may differ only when nothing follows in the sum: what follows would move.
pub fn update_bytes(checksum: u16, old: &[u8], new: &[u8]) -> u16 {
    update(checksum, crate::Sum::of(old).fold(), crate::Sum::of(new).fold())
}
