//! One's complement arithmetic, updates in place, and what a difference tells.

use crate::noise;
use casebook_checksum::{internet, ones};

#[test]
fn the_two_zeros_are_one_number() {
    assert!(ones::same(0x0000, 0xffff));
    assert!(!ones::same(0x0001, 0xffff));
    assert_eq!(ones::sub(5, 5), 0xffff);
    assert_eq!(ones::difference(5, 5), 0);
    assert_eq!(ones::add(0xffff, 0x0001), 0x0001);
}

/// RFC 1624 section 4: equation 3 gives 0x0000, where equation 4 of RFC 1141 gave 0xffff.
#[test]
fn the_example_of_rfc_1624() {
    assert_eq!(ones::update(0xdd2f, 0x5555, 0x3285), 0x0000);
}

#[test]
fn an_update_is_the_checksum_of_the_new_bytes() {
    let rounds = if cfg!(miri) { 20 } else { 2000 };
    for seed in 0..rounds {
        let mut bytes = noise(seed, 40);
        let stored = internet::checksum(&bytes);
        let (old, new) = (bytes[12..18].to_vec(), noise(!seed, 6));
        bytes[12..18].copy_from_slice(&new);
        let expected = internet::checksum(&bytes);
        assert!(ones::same(ones::update_bytes(stored, &old, &new), expected));
        let word = |b: &[u8]| u32::from_be_bytes([b[0], b[1], b[2], b[3]]);
        let half = |b: &[u8]| u16::from_be_bytes([b[4], b[5]]);
        let updated = ones::update(ones::update_u32(stored, word(&old), word(&new)), half(&old), half(&new));
        assert!(ones::same(updated, expected));
    }
}

#[test]
fn every_single_flip_is_found_and_no_other_difference_is() {
    let mut flips = 0;
    for difference in 0..=u16::MAX {
        let Some(flip) = ones::single_flip(difference) else { continue };
        flips += 1;
        let value = 1u16 << flip.bit;
        let again = if flip.now_set { value } else { !value };
        assert!(ones::same(again, difference));
    }
    // Sixteen bits, up and down.
    assert_eq!(flips, 32);
}

/// The bit is named as the bytes hold it, whatever the other bytes are.
#[test]
fn a_flipped_bit_is_named() {
    let bytes = noise(3, 61);
    let stored = internet::checksum(&bytes);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut hit = bytes.clone();
            hit[at] ^= 1 << bit;
            let found = ones::single_flip(ones::difference(stored, internet::checksum(&hit)));
            let in_word = if at % 2 == 0 { bit + 8 } else { bit };
            let now_set = hit[at] & 1 << bit != 0;
            assert_eq!(found, Some(ones::BitFlip { bit: in_word, now_set }), "byte {at} bit {bit}");
        }
    }
}

/// A rewritten address without an update leaves what the address went up by.
#[test]
fn a_rewrite_without_update_leaves_the_difference_of_the_words() {
    let mut bytes = noise(11, 20);
    let stored = internet::checksum(&bytes);
    let old = bytes[12..16].to_vec();
    bytes[12..16].copy_from_slice(&[10, 0, 0, 7]);
    let difference = ones::difference(stored, internet::checksum(&bytes));
    let sum = |b: &[u8]| casebook_checksum::Sum::of(b).fold();
    assert!(ones::same(difference, ones::sub(sum(&[10, 0, 0, 7]), sum(&old))));
}
