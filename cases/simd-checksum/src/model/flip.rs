//! A single flipped bit, told from the difference of two sums.
//!
//! One's complement sums are linear: turning bit `k` of a word on adds 2^k, turning it off takes 2^k away, wherever the word
//! is. So the difference names the bit and the direction, and only the words that have the bit as it would be now can be meant.

use casebook_checksum::ones;

use crate::facts::specimen::Specimen;

/// One bit of one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// Bit of the 16-bit word, 0 the lowest; 8 and above are in the even byte.
    pub bit: u8,
    /// True when it is now one.
    pub now_set: bool,
    /// Words that have the bit as it would be now.
    pub candidates: usize,
    /// Words that are covered, the pseudo header's among them.
    pub words: usize,
}

/// The one bit that explains the difference, if one does and a word could hold it.
pub fn flip(specimen: &Specimen<'_>) -> Option<Flip> {
    let ones::BitFlip { bit, now_set } = ones::single_flip(specimen.difference())?;
    let pseudo = specimen.pseudo.as_ref().map(|pseudo| pseudo.words()).unwrap_or_default();
    let chunks = specimen.covered.chunks(2).map(|pair| match *pair {
        [a, b] => (u16::from_be_bytes([a, b]), true),
        // The byte an odd message is filled up with was never sent.
        [a] => (u16::from_be_bytes([a, 0]), bit >= 8),
        _ => (0, false),
    });
    let (mut candidates, mut words) = (0, 0);
    for (word, can) in pseudo.into_iter().map(|word| (word, true)).chain(chunks) {
        words += 1;
        candidates += usize::from(can && (word >> bit & 1 == 1) == now_set);
    }
    (candidates > 0).then_some(Flip { bit, now_set, candidates, words })
}
