//! CRC-32C: printed examples, parts, joining.

use crate::noise;
use casebook_checksum::{Path, crc32c};

/// RFC 3720 appendix B.4: the bytes, and the CRC as it is sent, lowest byte first.
fn vectors() -> Vec<(Vec<u8>, [u8; 4])> {
    let read = [
        0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ];
    vec![
        (vec![0; 32], [0xaa, 0x36, 0x91, 0x8a]),
        (vec![0xff; 32], [0x43, 0xab, 0xa8, 0x62]),
        ((0..32).collect(), [0x4e, 0x79, 0xdd, 0x46]),
        ((0..32).rev().collect(), [0x5c, 0xdb, 0x3f, 0x11]),
        (read.to_vec(), [0x56, 0x3a, 0x96, 0xd9]),
    ]
}

#[test]
fn the_examples_of_rfc_3720() {
    for (bytes, sent) in vectors() {
        assert_eq!(crc32c::checksum(&bytes), u32::from_le_bytes(sent));
        for path in Path::ALL {
            if let Some(crc) = crc32c::append_by(path, 0, &bytes) {
                assert_eq!(crc.to_le_bytes(), sent, "{path:?}");
            }
        }
    }
}

/// The check value of CRC-32/ISCSI in the catalogue of parametrised CRC algorithms (reveng).
#[test]
fn the_check_value_of_the_catalogue() {
    assert_eq!(crc32c::checksum(b"123456789"), 0xe306_9283);
}

#[test]
fn appending_and_joining_are_the_whole() {
    let length = if cfg!(miri) { 60 } else { 1200 };
    let bytes = noise(5, length);
    let whole = crc32c::checksum(&bytes);
    for cut in 0..=length {
        let (head, rest) = bytes.split_at(cut);
        assert_eq!(crc32c::append(crc32c::checksum(head), rest), whole, "append at {cut}");
        let joined = crc32c::combine(crc32c::checksum(head), crc32c::checksum(rest), rest.len() as u64);
        assert_eq!(joined, whole, "join at {cut}");
        assert_eq!(crc32c::checksum_parts(&[head, &[], rest]), whole, "parts at {cut}");
    }
}

#[test]
fn joining_knows_lengths_no_slice_has() {
    // Joining twice with a and with b is joining with a + b; u64::MAX is far over what a slice can hold.
    let (a, b) = (u64::MAX / 2, u64::MAX / 2 + 1);
    let crc = crc32c::checksum(b"casebook");
    assert_eq!(crc32c::combine(crc32c::combine(crc, 0, a), 0, b), crc32c::combine(crc, 0, u64::MAX));
}

/// A start value other than that of nothing reaches every version's folding.
#[test]
fn every_version_continues_a_crc() {
    let bytes = noise(9, if cfg!(miri) { 200 } else { 5000 });
    for length in [0, 1, 63, 64, 100, 127, 128, 200, 255, 256, 257, 511, 1000, 5000] {
        let Some(bytes) = bytes.get(..length) else { break };
        let expected = crc32c::append_by(Path::Reference, 0xdead_beef, bytes);
        for path in Path::ALL {
            let crc = crc32c::append_by(path, 0xdead_beef, bytes);
            assert!(crc.is_none() || crc == expected, "{path:?} {length}");
        }
        assert_eq!(Some(crc32c::append(0xdead_beef, bytes)), expected, "{length}");
    }
}

#[cfg(not(miri))]
proptest::proptest! {
    #[test]
    fn any_cuts_are_the_whole(seed: u64, cuts in proptest::collection::vec(0usize..3000, 0..20)) {
        let bytes = noise(seed, cuts.iter().sum());
        let mut rest = &bytes[..];
        let mut parts = Vec::new();
        let mut joined = 0;
        for cut in cuts {
            let (part, after) = rest.split_at(cut);
            joined = crc32c::combine(joined, crc32c::checksum(part), cut as u64);
            parts.push(part);
            rest = after;
        }
        let reference = crc32c::append_by(Path::Reference, 0, &bytes).unwrap();
        proptest::prop_assert_eq!(crc32c::checksum_parts(&parts), reference);
        proptest::prop_assert_eq!(joined, reference);
    }
}
