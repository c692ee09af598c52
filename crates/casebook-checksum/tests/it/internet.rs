//! The Internet checksum: printed examples, parts, pseudo headers.

use crate::noise;
use casebook_checksum::{Path, Sum, internet};

/// RFC 1071 section 3: the sum of these words is ddf0 with a carry of 2.
#[test]
fn the_example_of_rfc_1071() {
    let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    assert_eq!(Sum::of(&bytes).fold(), 0xddf2);
    assert_eq!(internet::checksum(&bytes), !0xddf2);
}

/// RFC 1071 section 3, the same bytes read in the other order and swapped afterwards.
#[test]
fn swapped_bytes_give_the_swapped_sum() {
    assert_eq!(Sum::of(&[0x01, 0x00, 0x03, 0xf2, 0xf5, 0xf4, 0xf7, 0xf6]).fold(), 0xddf2u16.swap_bytes());
}

/// The header of an IPv4 packet from 192.168.0.1 to 192.168.0.199 (Wikipedia, "Internet checksum").
const HEADER: [u8; 20] = [
    0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00,
    0xc7,
];

#[test]
fn a_header_that_includes_its_checksum_is_valid() {
    assert!(Sum::of(&HEADER).is_valid());
    let mut without = HEADER;
    without[10..12].fill(0);
    assert_eq!(internet::checksum(&without), 0xb861);
    assert!(!Sum::of(&without).is_valid());
}

/// RFC 1071 section 1: 0xffff is the other zero; a field of 0xffff in place of 0x0000 verifies.
#[test]
fn both_zeros_verify() {
    let payload = [0x12, 0x34, 0xed, 0xcb];
    assert_eq!(Sum::of(&payload).fold(), 0xffff);
    assert!(Sum::of(&payload).word(0x0000).is_valid());
    assert!(Sum::of(&payload).word(0xffff).is_valid());
    assert!(!Sum::of(&payload).word(0x0001).is_valid());
    assert_eq!(Sum::of(&payload), Sum::EMPTY);
}

#[test]
fn only_zeros_add_up_to_zero() {
    for path in Path::ALL {
        for length in [1, 2, 31, 64, 129, 1448] {
            if let Some(sum) = internet::sum_by(path, &vec![0; length]) {
                assert_eq!(sum.fold(), 0x0000, "{path:?} {length}");
            }
            if let Some(sum) = internet::sum_by(path, &vec![0xff; length & !1]) {
                assert_eq!(sum.fold(), if length > 1 { 0xffff } else { 0 }, "{path:?} {length}");
            }
        }
    }
}

#[test]
fn an_odd_part_swaps_what_follows() {
    let bytes = [1, 2, 3, 4, 5];
    for cut in 0..=5 {
        let (head, rest) = bytes.split_at(cut);
        assert_eq!(Sum::of(head).then(Sum::of(rest)).fold(), 0x0906, "cut at {cut}");
    }
}

#[test]
fn a_pseudo_header_is_its_bytes() {
    let v4 = Sum::pseudo_ipv4([192, 0, 2, 1], [198, 51, 100, 7], 6, 1460);
    assert_eq!(v4.fold(), Sum::of(&[192, 0, 2, 1, 198, 51, 100, 7, 0, 6, 0x05, 0xb4]).fold());
    let (source, destination) = ([0x20; 16], [0xfe; 16]);
    let v6 = Sum::pseudo_ipv6(source, destination, 58, 70_000);
    let length = 70_000u32.to_be_bytes();
    assert_eq!(v6.fold(), Sum::of_parts(&[&source, &destination, &length, &[0, 0, 0, 58]]).fold());
}

#[test]
fn noise_cut_anywhere_twice_is_the_whole() {
    let bytes = noise(7, if cfg!(miri) { 24 } else { 150 });
    let whole = internet::checksum(&bytes);
    for first in 0..=bytes.len() {
        for second in first..=bytes.len() {
            let parts = [&bytes[..first], &bytes[first..second], &bytes[second..]];
            assert_eq!(internet::checksum_parts(&parts), whole, "cut at {first} and {second}");
        }
    }
}

#[cfg(not(miri))]
proptest::proptest! {
    #[test]
    fn any_cuts_are_the_whole(seed: u64, cuts in proptest::collection::vec(0usize..3000, 0..40)) {
        let bytes = noise(seed, cuts.iter().sum());
        let mut rest = &bytes[..];
        let mut parts = Vec::new();
        for cut in cuts {
            let (part, after) = rest.split_at(cut);
            parts.push(part);
            rest = after;
        }
        let reference = internet::sum_by(Path::Reference, &bytes).unwrap();
        proptest::prop_assert_eq!(Sum::of_parts(&parts).fold(), reference.fold());
        proptest::prop_assert_eq!(Sum::of_parts(&parts).is_odd(), bytes.len() % 2 == 1);
    }

    /// Joining is associative, so parts may be added by several threads and joined in order.
    #[test]
    fn joining_is_associative(a: Vec<u8>, b: Vec<u8>, c: Vec<u8>) {
        let (x, y, z) = (Sum::of(&a), Sum::of(&b), Sum::of(&c));
        proptest::prop_assert_eq!(x.then(y).then(z).fold(), x.then(y.then(z)).fold());
    }
}
