use proptest::prelude::*;

use super::*;
use crate::nft::packet_text;

fn syn() -> Vec<u8> {
    packet_text::parse("tcp 10.0.0.1 > 10.0.0.2:22").expect("a packet").bytes
}

/// A capture in either byte order, with the frames given.
fn capture(magic: u32, big: bool, link_type: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let version = if big { [0, 2, 0, 4] } else { [2, 0, 4, 0] };
    let mut file = [word(magic), version, word(0), word(0), word(65535), word(link_type)].concat();
    for frame in frames {
        let length = frame.len() as u32;
        file.extend([word(1), word(2), word(length), word(length + 5)].concat());
        file.extend(frame);
    }
    file
}

#[test]
fn records_are_found_in_either_byte_order_and_precision() {
    let frames = [vec![0x45, 1], syn(), vec![0x60]];
    for magic in [0xa1b2_c3d4, 0xa1b2_3c4d] {
        for big in [false, true] {
            let file = capture(magic, big, 101, &frames);
            assert!(is_capture(&file));
            let packet = record(&file, 2).expect("the second");
            assert_eq!((packet.bytes, packet.link), (syn(), false));
            assert_eq!((packet.captured_len, packet.original_len), (40, 45));
        }
    }
}

#[test]
fn link_headers_other_than_ethernet_are_taken_off() {
    let sll = [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0][..], &syn()].concat();
    let tagged = [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x81, 0, 0, 7, 8, 0][..], &syn()].concat();
    let mut sll2 = vec![0; 20];
    sll2[0] = 8;
    sll2.extend(syn());
    let null = |family: [u8; 4]| [&family[..], &syn()].concat();
    for (link_type, frame) in [
        (113, sll),
        (113, tagged),
        (276, sll2),
        (0, null([2, 0, 0, 0])),
        (0, null([0, 0, 0, 2])),
        (108, null([0, 0, 0, 2])),
        (12, syn()),
        (14, syn()),
        (228, syn()),
    ] {
        let packet = record(&capture(0xa1b2_c3d4, false, link_type, &[frame]), 1).expect("a packet");
        assert_eq!((packet.bytes, packet.link), (syn(), false), "link type {link_type}");
    }
    let ether = packet_text::parse("tcp 10.0.0.1 > 10.0.0.2:22 link ether").expect("a packet").bytes;
    let packet = record(&capture(0xa1b2_c3d4, false, 1, std::slice::from_ref(&ether)), 1).expect("a packet");
    assert_eq!((packet.bytes, packet.link), (ether, true));
}

#[test]
fn what_cannot_be_read_is_named() {
    let mut stp = vec![0; 16];
    stp[15] = 4;
    stp.extend([0x42, 0x42, 3]);
    let cut = |mut file: Vec<u8>, by: usize| {
        file.truncate(file.len() - by);
        file
    };
    let one = capture(0xa1b2_c3d4, false, 101, &[syn()]);
    let mut huge = one.clone();
    huge[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    for (file, number, part) in [
        (vec![0x0a, 0x0d, 0x0d, 0x0a, 0, 0], 1, "pcapng capture, which is not read yet"),
        (b"hello".to_vec(), 1, "not a pcap file"),
        (Vec::new(), 1, "not a pcap file"),
        (one[..20].to_vec(), 1, "ends in its header"),
        (one.clone(), 2, "the capture has 1 packets, and packet 2"),
        (one.clone(), 0, "counted from 1"),
        (cut(one.clone(), 3), 1, "ends in packet 1"),
        (cut(one, 45), 1, "ends in the header of packet 1"),
        (huge, 1, "over 262144"),
        (capture(0xa1b2_c3d4, false, 113, &[stp]), 1, "neither IP nor ARP"),
        (capture(0xa1b2_c3d4, false, 105, &[syn()]), 1, "link type 105 is not read"),
        (capture(0xa1b2_c3d4, false, 229, &[syn()]), 1, "not the one of its link header"),
    ] {
        let error = record(&file, number).expect_err(part);
        assert!(error.message.contains(part), "{}", error.message);
        assert!(error.at.end <= file.len() && error.at.start <= error.at.end);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_or_an_error(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        link_type in prop_oneof![Just(0u8), Just(1), Just(101), Just(113)],
        captured in 0u8..120,
        number in 0u64..4,
        magic in any::<bool>(),
    ) {
        if magic && bytes.len() > 40 {
            bytes[..4].copy_from_slice(&[0xd4, 0xc3, 0xb2, 0xa1]);
            bytes[20..24].copy_from_slice(&[link_type, 0, 0, 0]);
            bytes[32..36].copy_from_slice(&[captured, 0, 0, 0]);
        }
        match record(&bytes, number) {
            Ok(packet) => prop_assert!(packet.bytes.len() <= packet.captured_len as usize),
            Err(error) => prop_assert!(error.at.start <= error.at.end && error.at.end <= bytes.len()),
        }
    }
}
