//! What lanes make of a sum and of a polynomial, step by step, for the page.

use casebook_checksum::{Sum, polynomial};

/// One lane of a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The 16-bit words it took.
    pub words: u64,
    /// Their sum in a wide register, carries not yet added back.
    pub wide: u64,
    /// The same, carries added back.
    pub folded: u16,
}

/// The big-endian words of `bytes`, dealt out to `lanes` lanes in turn.
pub fn internet(bytes: &[u8], lanes: usize) -> Vec<Lane> {
    let lanes = lanes.max(1);
    let mut out = vec![Lane { words: 0, wide: 0, folded: 0 }; lanes];
    for (at, pair) in bytes.chunks(2).enumerate() {
        let word = u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
        let lane = &mut out[at % lanes];
        lane.words += 1;
        lane.wide += u64::from(word);
    }
    for lane in &mut out {
        lane.folded = Sum::of(&lane.wide.to_be_bytes()).fold();
    }
    out
}

/// The sum of the lanes: that of the bytes, whatever the number of lanes.
pub fn joined(lanes: &[Lane]) -> u16 {
    lanes.iter().fold(Sum::EMPTY, |sum, lane| sum.word(lane.folded)).fold()
}

/// `h = h * k + byte` in lanes: as the scalar loop says, with lanes that each run the scalar loop, and with the algebra that
/// repairs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polynomial {
    /// The definition.
    pub scalar: u32,
    /// Lanes that multiply by k and are added up: another number.
    pub naive: u32,
    /// Lanes that multiply by k to the number of lanes, joined by the scalar loop.
    pub correct: u32,
    /// The lanes of the correct way before they are joined.
    pub lanes: Vec<u32>,
}

/// All three for `bytes`. Bytes that fill no last step go through the scalar loop in the correct way.
pub fn polynomial(k: u32, bytes: &[u8], lanes: usize) -> Polynomial {
    let lanes = lanes.max(1);
    let (mut naive, mut each) = (vec![0_u32; lanes], vec![0_u32; lanes]);
    for (at, byte) in bytes.iter().enumerate() {
        let lane = &mut naive[at % lanes];
        *lane = lane.wrapping_mul(k).wrapping_add(u32::from(*byte));
    }
    let step = k.wrapping_pow(lanes as u32);
    let whole = bytes.len() / lanes * lanes;
    for (at, byte) in bytes[..whole].iter().enumerate() {
        let lane = &mut each[at % lanes];
        *lane = lane.wrapping_mul(step).wrapping_add(u32::from(*byte));
    }
    let joined = each.iter().fold(0_u32, |h, lane| h.wrapping_mul(k).wrapping_add(*lane));
    Polynomial {
        scalar: polynomial::hash32(0, k, bytes),
        naive: naive.iter().fold(0, |sum, lane| sum.wrapping_add(*lane)),
        correct: polynomial::hash32(joined, k, &bytes[whole..]),
        lanes: each,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_keep_the_sum_and_naive_lanes_change_the_polynomial() {
        let bytes: Vec<u8> = (0..777_u32).map(|at| (at * 31 + 7) as u8).collect();
        for lanes in [1, 2, 4, 8, 16, 64] {
            let sum = joined(&internet(&bytes, lanes));
            assert!(casebook_checksum::ones::same(sum, Sum::of(&bytes).fold()), "{lanes} lanes");
            let all = polynomial(31, &bytes, lanes);
            assert_eq!(all.scalar, all.correct, "{lanes} lanes");
            assert_eq!(all.scalar == all.naive, lanes == 1, "{lanes} lanes");
        }
    }
}
