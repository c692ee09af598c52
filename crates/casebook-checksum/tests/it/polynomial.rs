//! The multiply-add checksum, and the mistake of the story.

use crate::noise;
use casebook_checksum::Path;
use casebook_checksum::polynomial::{hash32, hash32_by, hash64, hash64_by};

/// The mistake: four lanes each run the scalar loop over every fourth byte, and are added up at the end.
fn naive_lanes(k: u32, bytes: &[u8]) -> u32 {
    let mut lanes = [0u32; 4];
    for chunk in bytes.chunks(4) {
        for (lane, &byte) in lanes.iter_mut().zip(chunk) {
            *lane = lane.wrapping_mul(k).wrapping_add(u32::from(byte));
        }
    }
    lanes.iter().fold(0, |sum, &lane| sum.wrapping_add(lane))
}

/// `h = h * 31 + byte` from 0 is Java's `String.hashCode` (its documentation prints the sum of `s[i] * 31^(n-1-i)`);
/// "hello" is 99162322 there.
#[test]
fn the_definition_is_the_known_one() {
    assert_eq!(hash32(0, 31, b"hello"), 99_162_322);
}

#[test]
fn naive_lanes_change_the_value_and_lose_the_order() {
    let (text, swapped) = (b"pay 100 to 7", b"pay 010 to 7");
    assert_ne!(naive_lanes(31, text), hash32(0, 31, text));
    // "1" and "0" stand in one step of four, in different lanes: the wrong checksum cannot tell.
    assert_eq!(naive_lanes(31, text), naive_lanes(31, swapped));
    assert_ne!(hash32(0, 31, text), hash32(0, 31, swapped));
}

#[test]
fn any_start_and_factor_give_the_definition() {
    let bytes = noise(21, if cfg!(miri) { 200 } else { 3000 });
    for (start, k) in [(0, 31), (1, 0), (5381, 33), (u64::MAX, 0x0100_0000_01b3), (7, 2), (1 << 40, u64::MAX)] {
        for length in [0, 1, 63, 64, 65, 127, 128, 200, 255, 256, 257, 1000, 3000] {
            let Some(bytes) = bytes.get(..length) else { break };
            let (mut small, mut wide) = (start as u32, start);
            for &byte in bytes {
                small = small.wrapping_mul(k as u32).wrapping_add(u32::from(byte));
                wide = wide.wrapping_mul(k).wrapping_add(u64::from(byte));
            }
            assert_eq!(hash32(start as u32, k as u32, bytes), small, "{k} {length}");
            assert_eq!(hash64(start, k, bytes), wide, "{k} {length}");
            for path in Path::ALL {
                let found = hash32_by(path, start as u32, k as u32, bytes);
                assert!(found.is_none_or(|value| value == small), "{path:?} {k} {length}");
                let found = hash64_by(path, start, k, bytes);
                assert!(found.is_none_or(|value| value == wide), "{path:?} {k} {length}");
            }
        }
    }
}

/// The value continues: what was computed is the start of the rest.
#[test]
fn parts_continue() {
    let bytes = noise(22, 700);
    for cut in [0, 1, 64, 299, 300, 700] {
        let (head, rest) = bytes.split_at(cut);
        assert_eq!(hash64(hash64(3, 31, head), 31, rest), hash64(3, 31, &bytes));
    }
}
