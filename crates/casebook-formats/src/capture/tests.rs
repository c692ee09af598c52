use proptest::prelude::*;

use super::*;

fn word(order: Order, value: u32) -> [u8; 4] {
    match order {
        Order::Little => value.to_le_bytes(),
        Order::Big => value.to_be_bytes(),
    }
}

fn words(order: Order, values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| word(order, *value)).collect()
}

/// A pcap file header; `0x0004_0002` is version 2.4 as two halves.
fn pcap_header(order: Order, magic: u32, snap: u32, link: u32) -> Vec<u8> {
    let version = if order == Order::Little { 0x0004_0002 } else { 0x0002_0004 };
    words(order, &[magic, version, 0, 0, snap, link])
}

fn record(order: Order, seconds: u32, fraction: u32, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u32;
    [words(order, &[seconds, fraction, length, length]), data.to_vec()].concat()
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = body.len() as u32 + 12;
    [words(order, &[kind, length]), body, words(order, &[length])].concat()
}

fn section(order: Order) -> Vec<u8> {
    block(order, 0x0a0d_0d0a, &words(order, &[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]))
}

fn half(order: Order, value: u16) -> [u8; 2] {
    if order == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
}

fn interface(order: Order, link: u16, snap: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = [half(order, link).to_vec(), vec![0, 0], words(order, &[snap])].concat();
    body.extend(packed(order, options));
    block(order, 1, &body)
}

fn packed(order: Order, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (code, value) in options {
        bytes.extend(half(order, *code));
        bytes.extend(half(order, value.len() as u16));
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    if !options.is_empty() {
        bytes.extend([0; 4]);
    }
    bytes
}

fn enhanced(order: Order, interface: u32, ticks: u64, data: &[u8], options: &[(u16, &[u8])]) -> Vec<u8> {
    let length = data.len() as u32;
    let mut body = words(order, &[interface, (ticks >> 32) as u32, ticks as u32, length, length]);
    body.extend(data);
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend(packed(order, options));
    block(order, 6, &body)
}

const BOTH: [Order; 2] = [Order::Little, Order::Big];

#[test]
fn pcap_of_every_form_gives_time_number_and_place() {
    for order in BOTH {
        for (magic, fraction, ns) in [(0xa1b2_c3d4, 5, 5_000), (0xa1b2_3c4d, 5, 5)] {
            let head = pcap_header(order, magic, 65_535, 1);
            let file = [head, record(order, 7, fraction, b"abc"), record(order, 8, 0, b"")].concat();
            let all: Vec<Frame<'_>> = frames(&file).collect();
            assert_eq!(all.len(), 2, "{order:?} {magic:x}");
            assert_eq!((all[0].number, all[0].time_ns, all[0].data), (1, Some(7_000_000_000 + ns), &b"abc"[..]));
            assert_eq!((all[0].start, all[0].data_start, all[0].end), (24, 40, 43));
            assert_eq!((all[1].number, all[1].original_bytes, all[1].end), (2, 0, file.len()));
        }
    }
}

#[test]
fn modified_pcap_has_an_interface() {
    let mut file = pcap_header(Order::Little, 0xa1b2_cd34, 65_535, 1);
    file.extend(words(Order::Little, &[1, 2, 3, 3, 9, 0]));
    file.extend(b"abc");
    let all: Vec<Frame<'_>> = frames(&file).collect();
    assert_eq!((all.len(), all[0].interface, all[0].data), (1, 9, &b"abc"[..]));
}

#[test]
fn the_link_type_word_says_the_frame_check_sequence() {
    // Two 16-bit words of it: four bytes.
    let file =
        [pcap_header(Order::Little, 0xa1b2_c3d4, 0, 0x2400_0001), record(Order::Little, 1, 1, b"abcdefgh")].concat();
    let frame = frames(&file).next().unwrap();
    assert_eq!((frame.link, frame.fcs_bytes), (LinkType::ETHERNET, 4));
    assert_eq!(frame.without_fcs(), (&b"abcd"[..], 4));
}

#[test]
fn times_of_four_billion_seconds_and_steps_back_are_numbers() {
    let head = pcap_header(Order::Little, 0xa1b2_c3d4, 100, 1);
    let file = [head, record(Order::Little, u32::MAX, u32::MAX, b"a"), record(Order::Little, 0, 0, b"b")].concat();
    let times: Vec<Option<i64>> = frames(&file).map(|frame| frame.time_ns).collect();
    let last = i64::from(u32::MAX);
    assert_eq!(times, [Some(last * 1_000_000_000 + last * 1_000), Some(0)]);
}

#[test]
fn a_record_over_the_snap_length_is_read_and_said_once() {
    let head = pcap_header(Order::Little, 0xa1b2_c3d4, 2, 1);
    let file = [head, record(Order::Little, 1, 0, b"abcd"), record(Order::Little, 1, 0, b"efgh")].concat();
    let mut walk = frames(&file);
    assert_eq!(walk.by_ref().count(), 2);
    assert_eq!(walk.problems().len(), 1);
    assert_eq!((walk.problems()[0].start, walk.problems()[0].end), (24, 44));
}

#[test]
fn a_length_that_lies_costs_its_own_record_only() {
    for lie in [u32::MAX, 0x7fff_ffff, 300_000] {
        let mut bad = record(Order::Little, 100, 0, &[7; 60]);
        bad[8..12].copy_from_slice(&lie.to_le_bytes());
        let good = |data: &[u8]| record(Order::Little, 101, 5, data);
        let head = pcap_header(Order::Little, 0xa1b2_c3d4, 262_144, 1);
        let file = [head, good(b"first"), bad, good(b"second"), good(b"third")].concat();
        let mut walk = frames(&file);
        let data: Vec<&[u8]> = walk.by_ref().map(|frame| frame.data).collect();
        assert_eq!(data, [&b"first"[..], b"second", b"third"], "{lie}");
        assert_eq!(walk.problems().len(), 1);
        assert_eq!((walk.problems()[0].start, walk.problems()[0].end), (45, 121));
    }
}

#[test]
fn a_capture_of_no_records_is_read() {
    for file in [pcap_header(Order::Big, 0xa1b2_c3d4, 0, 1), section(Order::Big)] {
        let mut walk = frames(&file);
        assert!(walk.next().is_none() && walk.problems().is_empty());
    }
    let mut walk = frames(b"no capture");
    assert!(walk.next().is_none() && walk.problems().len() == 1);
}

#[test]
fn pcapng_of_two_sections_and_orders_counts_interfaces_over_both() {
    let mut file = Vec::new();
    for order in BOTH {
        file.extend(section(order));
        file.extend(interface(order, 1, 0, &[]));
        file.extend(interface(order, 276, 0, &[(9, &[9])]));
        // Names, statistics, a custom block: passed by.
        file.extend(block(order, 4, &[0; 4]));
        file.extend(block(order, 5, &[0; 12]));
        file.extend(block(order, 0xbad, &[0; 8]));
        file.extend(enhanced(order, 1, 77, b"abcde", &[(2, &word(order, 0b1110_0000_0010))]));
        file.extend(enhanced(order, 0, 77, b"x", &[(1, b"a comment"), (2, &word(order, 1))]));
    }
    let mut walk = frames(&file);
    let all: Vec<Frame<'_>> = walk.by_ref().collect();
    assert_eq!(walk.problems(), []);
    let seen: Vec<_> = all.iter().map(|frame| (frame.number, frame.interface, frame.link.0, frame.time_ns)).collect();
    assert_eq!(seen, [(1, 1, 276, Some(77)), (2, 0, 1, Some(77_000)), (3, 3, 276, Some(77)), (4, 2, 1, Some(77_000))]);
    let flags = all[0].flags;
    assert_eq!((flags.direction(), all[1].flags.direction()), (2, 1));
    assert!(flags.checksum_not_ready() && flags.checksum_valid() && flags.segmentation_offload());
    assert_eq!(&file[all[0].data_start..][..5], b"abcde");
}

#[test]
fn units_of_time_follow_the_interface() {
    let hour = 3600_i64.to_le_bytes();
    // Resolution, ticks, nanoseconds (draft-ietf-opsawg-pcapng 4.2, if_tsresol).
    for (resolution, ticks, ns) in [
        (6, 1_000_001, Some(1_000_001_000)),
        (0, 3, Some(3_000_000_000)),
        (12, 5_999, Some(5)),
        (0x80 | 10, 1536, Some(1_500_000_000)),
        (0x80 | 63, u64::MAX, Some(1_999_999_999)),
        (127, u64::MAX, Some(0)),
        (0, u64::MAX, None),
    ] {
        for offset in [false, true] {
            let options: &[(u16, &[u8])] =
                if offset { &[(9, &[resolution]), (14, &hour)] } else { &[(9, &[resolution])] };
            let order = Order::Little;
            let file = [section(order), interface(order, 1, 0, options), enhanced(order, 0, ticks, b"", &[])].concat();
            let shift = if offset { 3_600_000_000_000 } else { 0 };
            assert_eq!(frames(&file).next().unwrap().time_ns, ns.map(|ns: i64| ns + shift), "{resolution} {ticks}");
        }
    }
}

#[test]
fn simple_and_obsolete_packets_are_packets() {
    let order = Order::Big;
    let mut obsolete = half(order, 0).to_vec();
    obsolete.extend([0, 0]);
    obsolete.extend(words(order, &[0, 9, 2, 2]));
    obsolete.extend([b"xy\0\0".to_vec(), packed(order, &[(2, &word(order, 2))])].concat());
    let simple = [words(order, &[10]), b"abcd".to_vec()].concat();
    let file =
        [section(order), interface(order, 1, 4, &[]), block(order, 3, &simple), block(order, 2, &obsolete)].concat();
    let all: Vec<Frame<'_>> = frames(&file).collect();
    assert_eq!((all[0].data, all[0].original_bytes, all[0].time_ns), (&b"abcd"[..], 10, None));
    assert_eq!((all[1].data, all[1].time_ns, all[1].flags.direction()), (&b"xy"[..], Some(9_000), 2));
}

#[test]
fn a_block_that_lies_is_passed_and_said() {
    let order = Order::Little;
    for at in [4, 0] {
        // The length, and the type with the length of zero.
        let mut bad = enhanced(order, 0, 1, b"bad packet", &[]);
        bad[at..at + 4].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
        if at == 0 {
            bad[4..8].copy_from_slice(&[0; 4]);
        }
        let good = enhanced(order, 0, 2, b"good", &[]);
        let file = [section(order), interface(order, 1, 0, &[]), bad, good].concat();
        let mut walk = frames(&file);
        let data: Vec<&[u8]> = walk.by_ref().map(|frame| frame.data).collect();
        assert_eq!((data, walk.problems().len()), (vec![&b"good"[..]], 1));
    }
    // More kept than the block has room for, and an interface nobody described.
    let mut long = enhanced(order, 0, 1, b"abc", &[]);
    long[20..24].copy_from_slice(&400_u32.to_le_bytes());
    let file = [section(order), interface(order, 1, 0, &[]), long, enhanced(order, 9, 1, b"x", &[])].concat();
    let mut walk = frames(&file);
    assert_eq!((walk.by_ref().count(), walk.problems().len(), walk.number()), (0, 2, 2));
}

fn small_captures() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for order in BOTH {
        for magic in [0xa1b2_c3d4_u32, 0xa1b2_3c4d] {
            let mut file = pcap_header(order, magic, 65_535, 1);
            for length in [0, 5, 60, 1] {
                file.extend(record(order, 1_700_000_000, 9, &vec![0x55; length]));
            }
            files.push(file);
        }
        let mut file = [section(order), interface(order, 1, 65_535, &[(9, &[6])])].concat();
        for length in [0, 5, 60, 1] {
            file.extend(enhanced(order, 0, 5, &vec![0x55; length], &[(2, &[1, 0, 0, 0])]));
        }
        file.extend([section(order), interface(order, 101, 0, &[]), enhanced(order, 0, 5, b"last", &[])].concat());
        files.push(file);
    }
    files
}

#[test]
fn a_capture_cut_at_any_byte_gives_the_records_before_the_cut() {
    for file in small_captures() {
        let whole: Vec<Frame<'_>> = frames(&file).collect();
        for cut in 0..file.len() {
            let mut walk = frames(&file[..cut]);
            let got: Vec<Frame<'_>> = walk.by_ref().collect();
            let expected: Vec<Frame<'_>> = whole.iter().copied().filter(|frame| frame.end <= cut).collect();
            assert_eq!(got, expected, "cut at {cut}");
            let again = frames(&file[..cut]).problems().len();
            assert!(walk.problems().len() >= again);
            for problem in walk.problems() {
                assert!(problem.start <= problem.end && problem.end <= cut, "{problem:?} of {cut} bytes");
            }
        }
    }
}

/// Frames lie inside of the file, in order; the walk ends.
fn holds_promises(file: &[u8]) {
    let mut walk = frames(file);
    let (mut at, mut count) = (0, 0);
    for frame in walk.by_ref() {
        assert!(at <= frame.start && frame.start <= frame.data_start && frame.end <= file.len());
        assert!(frame.data_start + frame.data.len() <= frame.end);
        assert_eq!(frame.data, &file[frame.data_start..frame.data_start + frame.data.len()]);
        at = frame.end;
        count += 1;
    }
    assert!(count <= file.len());
    for problem in walk.problems() {
        assert!(problem.start <= problem.end && problem.end <= file.len(), "{problem:?}");
    }
    assert!(walk.position() <= file.len());
}

proptest! {
    #[test]
    fn any_bytes_are_walked(bytes in proptest::collection::vec(any::<u8>(), 0..400), form in 0..8_usize) {
        let files = small_captures();
        let mut file = files[form % files.len()][..24].to_vec();
        file.extend(bytes);
        holds_promises(&file);
    }

    #[test]
    fn a_damaged_capture_is_walked(
        form in 0..8_usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let files = small_captures();
        let mut file = files[form % files.len()].clone();
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        holds_promises(&file);
    }
}
