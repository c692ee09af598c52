use proptest::prelude::*;

use super::checksum::{Offload, Verdict, Why, verify};
use super::transport::{TcpOption, sack_blocks};
use super::*;
use crate::capture::FrameFlags;

/// One's complement sum as RFC 1071 writes it, to build packets with.
fn sum(parts: &[&[u8]]) -> u16 {
    let bytes: Vec<u8> = parts.concat();
    let mut sum: u64 = bytes.chunks(2).map(|p| u64::from(p[0]) << 8 | u64::from(*p.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn set(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = 20 + payload.len() as u16;
    let mut ip = vec![0x45, 0, 0, 0, 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 192, 0, 2, 7];
    set(&mut ip, 2, total);
    let header = !sum(&[&ip]);
    set(&mut ip, 10, header);
    [ip, payload.to_vec()].concat()
}

fn v6(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut ip = vec![0x60, 0, 0, 0, 0, 0, protocol, 63];
    set(&mut ip, 4, payload.len() as u16);
    ip.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    ip.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    [ip, payload.to_vec()].concat()
}

fn pseudo(ip: &[u8], protocol: u8, length: usize) -> u16 {
    let addresses = if ip[0] >> 4 == 4 { &ip[12..20] } else { &ip[8..40] };
    sum(&[addresses, &[0, protocol], &(length as u32).to_be_bytes()])
}

fn segment(payload: &[u8]) -> Vec<u8> {
    let mut tcp = vec![0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 7, 0, 0, 0, 9, 0x80, 0x18, 1, 0, 0, 0, 0, 0];
    tcp.extend([1, 1, 8, 10, 0, 0, 0, 3, 0, 0, 0, 4]);
    tcp.extend(payload);
    tcp
}

/// The IP packet with the right sum in the field of its payload.
fn right(ip: Vec<u8>, protocol: u8, field: usize) -> Vec<u8> {
    let at = if ip[0] >> 4 == 4 { 20 } else { 40 };
    let mut ip = ip;
    set(&mut ip, at + field, 0);
    let value = !sum(&[&pseudo(&ip, protocol, ip.len() - at).to_be_bytes(), &ip[at..]]);
    set(&mut ip, at + field, value);
    ip
}

fn read(ip: &[u8]) -> Packet<'_> {
    dissect(LinkType::RAW, ip, ip.len() as u32)
}

fn transport(ip: &[u8]) -> Verdict {
    verify(&read(ip), FrameFlags::default()).transport.unwrap().verdict
}

/// Every link type, with IP behind it.
fn link_headers() -> Vec<(LinkType, Vec<u8>)> {
    let mac = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    let ether = |rest: &[u8]| [&mac[..], rest].concat();
    let mut sll2 = vec![8, 0, 0, 0, 0, 0, 0, 5, 0, 1, 4, 6];
    sll2.extend([0; 8]);
    let sll = [&[0, 4, 0, 1, 0, 6][..], &[0; 8], &[8, 0]].concat();
    vec![
        (LinkType::ETHERNET, ether(&[8, 0])),
        (LinkType::ETHERNET, ether(&[0x81, 0, 0x20, 7, 8, 0])),
        (LinkType::ETHERNET, ether(&[0x88, 0xa8, 0, 9, 0x81, 0, 0, 7, 8, 0])),
        (LinkType::ETHERNET, ether(&[0x91, 0, 0, 9, 0x81, 0, 0, 7, 0x88, 0x64, 0x11, 0, 0, 1, 0, 90, 0, 0x21])),
        (LinkType::ETHERNET, ether(&[0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64])),
        (LinkType::ETHERNET, ether(&[0, 80, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0])),
        (LinkType::NULL, vec![2, 0, 0, 0]),
        (LinkType::NULL, vec![0, 0, 0, 2]),
        (LinkType::LOOP, vec![0, 0, 0, 2]),
        (LinkType::RAW, vec![]),
        (LinkType::RAW_12, vec![]),
        (LinkType::RAW_14, vec![]),
        (LinkType::IPV4, vec![]),
        (LinkType::LINUX_SLL, sll),
        (LinkType::LINUX_SLL2, sll2),
        (LinkType::PPP, vec![0xff, 3, 0, 0x21]),
        (LinkType::PPP, vec![0x21]),
        (LinkType::PPP_HDLC, vec![0, 0x21]),
        (LinkType::PPP_ETHER, vec![0x11, 0, 0, 1, 0, 90, 0, 0x21]),
        (LinkType::C_HDLC, vec![0x0f, 0, 8, 0]),
    ]
}

#[test]
fn ip_is_found_behind_every_link_header() {
    let ip = right(v4(6, &segment(b"hello")), 6, 16);
    for (link, header) in link_headers() {
        // Ethernet pads short frames; the total length keeps the padding out.
        let frame = [header, ip.clone(), vec![0; 6]].concat();
        let packet = dissect(link, &frame, frame.len() as u32);
        let Transport::Tcp(tcp) = packet.transport else { panic!("{link:?}: {packet:?}") };
        assert_eq!((tcp.payload(), tcp.payload_bytes()), (&b"hello"[..], 5), "{link:?}");
        let checks = verify(&packet, FrameFlags::default());
        assert_eq!(checks.iter().map(|check| check.verdict).collect::<Vec<_>>(), [Verdict::Good; 2], "{link:?}");
    }
}

#[test]
fn tags_directions_and_devices_are_told() {
    let of = |at: usize| {
        let (link, header) = &link_headers()[at];
        dissect(*link, &[header.clone(), v4(6, &segment(b""))].concat(), 500).link
    };
    assert_eq!((of(1).vlan, of(1).vlan_tags), ([7, 0], 1));
    assert_eq!((of(2).vlan, of(3).vlan, of(3).pppoe), ([9, 7], [9, 7], true));
    assert_eq!(of(4).mpls_labels, 2);
    assert_eq!((of(13).direction, of(14).direction, of(14).device), (Direction::Out, Direction::Out, Some(5)));
}

#[test]
fn frames_that_are_no_ip_say_what_they_are() {
    let frame = [&[0; 12][..], &[8, 6], &[0; 28]].concat();
    let network = |link, frame: &[u8]| dissect(link, frame, frame.len() as u32).network.addresses();
    assert_eq!(dissect(LinkType::ETHERNET, &frame, 42).network, Network::Other { ethertype: 0x0806 });
    // Spanning tree over LLC.
    let frame = [&[0; 12][..], &[0, 38, 0x42, 0x42, 3], &[0; 35]].concat();
    assert!(matches!(dissect(LinkType::ETHERNET, &frame, 52).network, Network::Unknown(_)));
    assert_eq!(network(LinkType(147), b"????"), None);
}

#[test]
fn a_frame_cut_at_any_byte_is_never_called_bad() {
    let tcp = right(v4(6, &segment(b"hello world")), 6, 16);
    let mut udp = vec![0, 53, 0, 54, 0, 13, 0, 0];
    udp.extend(b"query");
    let all = [
        (tcp, 6),
        (right(v6(6, &segment(b"hello")), 6, 16), 6),
        (right(v4(17, &udp), 17, 6), 17),
        (right(v6(17, &udp), 17, 6), 17),
        (right(v6(58, &[128, 0, 0, 0, 0, 1, 0, 2, 9, 9]), 58, 2), 58),
    ];
    for (link, header) in link_headers() {
        for (ip, _) in all.iter().filter(|(ip, _)| ip[0] >> 4 == 4 || link == LinkType::RAW) {
            let frame = [header.clone(), ip.clone()].concat();
            for cut in 0..frame.len() {
                let packet = dissect(link, &frame[..cut], frame.len() as u32);
                for check in verify(&packet, FrameFlags::default()).iter() {
                    let whole_header = check.protocol == Protocol::Ipv4 && cut >= header.len() + 20;
                    let expected = if whole_header { Verdict::Good } else { Verdict::Unverifiable(Why::Cut) };
                    assert_eq!(check.verdict, expected, "{link:?} cut at {cut}");
                }
            }
        }
    }
}

#[test]
fn an_offloaded_sum_is_proved_also_where_the_payload_is_cut() {
    for (ip, at) in [(v4(6, &segment(b"hello")), 20), (v6(6, &segment(b"hello")), 40)] {
        let mut ip = ip;
        let length = ip.len() - at;
        let with_length = pseudo(&ip, 6, length);
        set(&mut ip, at + 16, with_length);
        assert_eq!(transport(&ip), Verdict::Offloaded(Offload::Pseudo));
        let cut = dissect(LinkType::RAW, &ip[..at + 20], ip.len() as u32);
        let verdict = verify(&cut, FrameFlags::default()).transport.unwrap().verdict;
        assert_eq!(verdict, Verdict::Offloaded(Offload::Pseudo));
        let without = pseudo(&ip, 6, 0);
        set(&mut ip, at + 16, without);
        assert_eq!(transport(&ip), Verdict::Offloaded(Offload::PseudoNoLength));
        set(&mut ip, at + 16, 1);
        let flagged = verify(&read(&ip), FrameFlags(1 << 9)).transport.unwrap().verdict;
        assert_eq!(flagged, Verdict::Offloaded(Offload::Flagged));
        assert!(matches!(transport(&ip), Verdict::Bad { stored: 1, .. }));
    }
}

#[test]
fn a_super_segment_without_length_is_as_long_as_its_frame() {
    let payload = vec![7; 70_000];
    let tcp = segment(&payload);
    let mut ip = v4(6, &tcp);
    set(&mut ip, 2, 0);
    let length = tcp.len();
    let field = pseudo(&ip, 6, length);
    set(&mut ip, 20 + 16, field);
    let packet = read(&ip);
    let Transport::Tcp(tcp) = packet.transport else { panic!() };
    assert_eq!(tcp.payload_bytes(), 70_000);
    assert_eq!(transport(&ip), Verdict::Offloaded(Offload::Pseudo));
}

#[test]
fn a_jumbo_payload_option_gives_the_length() {
    let tcp = segment(&vec![7; 70_000]);
    let mut hop = vec![6, 0, 0xc2, 4];
    hop.extend((8 + tcp.len() as u32).to_be_bytes());
    let mut ip = v6(0, &[hop, tcp.clone()].concat());
    set(&mut ip, 4, 0);
    let field = !sum(&[&pseudo(&ip, 6, tcp.len()).to_be_bytes(), &ip[48..]]);
    set(&mut ip, 48 + 16, field);
    assert_eq!(transport(&ip), Verdict::Good);
}

#[test]
fn a_bad_sum_says_what_it_would_have_to_be() {
    let good = right(v4(6, &segment(b"hello")), 6, 16);
    let stored = u32::from(u16::from_be_bytes([good[36], good[37]]));
    for wrong in [0x1234, 0x0000, 0xffff] {
        let mut ip = good.clone();
        set(&mut ip, 36, wrong);
        assert_eq!(transport(&ip), Verdict::Bad { stored: wrong.into(), computed: stored });
    }
}

#[test]
fn zero_and_all_ones_are_the_same_sum() {
    // Payload chosen so that the field comes out as 0: then 0xffff holds too.
    let mut ip = right(v4(6, &segment(&[0, 0])), 6, 16);
    let field = u16::from_be_bytes([ip[36], ip[37]]);
    set(&mut ip, 36, 0);
    let end = ip.len();
    set(&mut ip, end - 2, field);
    for value in [0, 0xffff] {
        set(&mut ip, 36, value);
        assert_eq!(transport(&ip), Verdict::Good, "{value:x}");
    }
}

#[test]
fn udp_without_a_sum_is_legal_over_ipv4_only() {
    let udp = [0, 53, 0, 54, 0, 9, 0, 0, 1];
    assert_eq!(transport(&v4(17, &udp)), Verdict::Absent);
    assert_eq!(transport(&v6(17, &udp)), Verdict::IllegalZero);
    let lying = [0, 53, 0, 54, 0, 99, 1, 0, 1];
    assert_eq!(transport(&v4(17, &lying)), Verdict::Unverifiable(Why::Length));
}

#[test]
fn fragments_are_unverifiable() {
    let mut first = right(v4(6, &segment(b"hello")), 6, 16);
    set(&mut first, 6, 0x2000);
    assert_eq!(transport(&first), Verdict::Unverifiable(Why::Fragment));
    let mut later = first.clone();
    set(&mut later, 6, 0x0003);
    assert_eq!(read(&later).transport, Transport::LaterFragment);
    // An atomic fragment (RFC 6946) is whole.
    let fragment = |word: u16| {
        let head = [&[6, 0][..], &word.to_be_bytes(), &[0, 0, 0, 1]].concat();
        let mut ip = v6(44, &[head, segment(b"hello")].concat());
        let field = !sum(&[&pseudo(&ip, 6, ip.len() - 48).to_be_bytes(), &ip[48..]]);
        set(&mut ip, 48 + 16, field);
        ip
    };
    assert_eq!(transport(&fragment(0)), Verdict::Good);
    assert_eq!(transport(&fragment(1)), Verdict::Unverifiable(Why::Fragment));
    assert_eq!(read(&fragment(8)).transport, Transport::LaterFragment);
}

#[test]
fn a_routing_header_gives_the_final_destination() {
    let final_destination = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    for (kind, left, expected) in [(0, 1, true), (4, 1, true), (0, 0, false)] {
        let route = [&[6, 2, kind, left, 0, 0, 0, 0][..], &final_destination].concat();
        let mut ip = v6(43, &[route, segment(b"hello")].concat());
        let destination = if expected { final_destination.to_vec() } else { ip[24..40].to_vec() };
        let length = ip.len() as u32 - 64;
        let field = !sum(&[&ip[8..24], &destination, &[0, 6], &length.to_be_bytes(), &ip[64..]]);
        set(&mut ip, 64 + 16, field);
        assert_eq!(transport(&ip), Verdict::Good, "type {kind}, {left} left");
    }
}

#[test]
fn the_other_protocols_are_verified() {
    let plain = |protocol: u8, mut bytes: Vec<u8>, at: usize| {
        let field = !sum(&[&bytes]);
        set(&mut bytes, at, field);
        v4(protocol, &bytes)
    };
    let icmp = plain(1, vec![8, 0, 0, 0, 0, 1, 0, 1, 9], 2);
    let igmp = plain(2, vec![0x16, 0, 0, 0, 224, 0, 0, 9], 2);
    let gre = plain(47, [&[0x80, 0, 8, 0, 0, 0, 0, 0][..], &v4(59, b"")].concat(), 4);
    let vrrp2 = plain(112, vec![0x21, 1, 100, 1, 0, 1, 0, 0, 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0], 6);
    let vrrp3 = right(v4(112, &[0x31, 1, 100, 1, 0, 100, 0, 0, 10, 0, 0, 9]), 112, 6);
    let mut hello = vec![2, 1, 0, 28, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    hello.extend([0x55; 4]);
    let field = !sum(&[&hello[..16], &hello[20..20]]);
    // Eight bytes of authentication are left out, four of the packet follow.
    let mut ospf = hello[..16].to_vec();
    ospf.extend(*b"password");
    ospf.extend([0x55; 4]);
    let with_body = !sum(&[&hello[..16], &[0x55; 4]]);
    set(&mut ospf, 12, with_body);
    assert_ne!(field, with_body);
    let ospf3 = right(v6(89, &[3, 1, 0, 20, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7]), 89, 12);
    let icmp6 = right(v6(58, &[135, 0, 0, 0, 0, 0, 0, 0, 1]), 58, 2);
    for ip in [icmp, igmp, gre, vrrp2, vrrp3, v4(89, &ospf), ospf3, icmp6] {
        assert_eq!(transport(&ip), Verdict::Good, "{:?}", read(&ip).transport);
        let mut bad = ip.clone();
        *bad.last_mut().unwrap() ^= 1;
        assert!(matches!(transport(&bad), Verdict::Bad { .. }), "{:?}", read(&ip).transport);
    }
    // CRC-32C of "123456789" is 0xe3069283 (RFC 3720 and every catalogue); here over a header with the field as zeros.
    let mut sctp = vec![0, 1, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0, 1, 2, 3, 4];
    let crc = casebook_checksum::crc32c::checksum(&sctp);
    assert_eq!(transport(&v4(132, &sctp)), Verdict::Absent);
    sctp[8..12].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(transport(&v4(132, &sctp)), Verdict::Good);
    sctp[15] ^= 1;
    assert!(matches!(transport(&v4(132, &sctp)), Verdict::Bad { .. }));
    assert_eq!(casebook_checksum::crc32c::checksum(b"123456789"), 0xe306_9283);
    assert_eq!(transport(&v4(47, &[0, 0, 8, 0, 1, 2])), Verdict::Absent);
}

#[test]
fn tunnels_give_their_inner_packet() {
    let inner = right(v4(6, &segment(b"hello")), 6, 16);
    for outer in [v4(4, &inner), v6(4, &inner), v4(47, &[&[0x20, 0, 8, 0, 0, 0, 0, 1][..], &inner].concat())] {
        let packet = read(&outer).inner().unwrap();
        assert!(matches!(packet.transport, Transport::Tcp(tcp) if tcp.payload() == b"hello"));
    }
    assert!(read(&inner).inner().is_none());
}

#[test]
fn tcp_options_are_read_until_they_lie() {
    let mut tcp = segment(b"");
    tcp.truncate(20);
    tcp.extend([2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 8, 99, 1, 2]);
    tcp[12] = (tcp.len() as u8 / 4) << 4;
    let ip = v4(6, &tcp);
    let Transport::Tcp(tcp) = read(&ip).transport else { panic!() };
    let options: Vec<TcpOption<'_>> = tcp.options().collect();
    assert_eq!(options[..3], [TcpOption::Mss(1460), TcpOption::WindowScale(7), TcpOption::SackPermitted]);
    let TcpOption::Sack(blocks) = options[3] else { panic!() };
    assert_eq!(sack_blocks(blocks).collect::<Vec<_>>(), [(1, 2)]);
    assert_eq!((options.len(), tcp.timestamps()), (4, None));
}

#[test]
fn headers_that_contradict_themselves_are_no_tcp() {
    for (offset, malformed) in [(4, true), (5, false), (15, true)] {
        let mut tcp = segment(b"hello");
        tcp[12] = offset << 4;
        let ip = v4(6, &tcp);
        assert_eq!(matches!(read(&ip).transport, Transport::Malformed(_)), malformed, "{offset}");
    }
    let mut ip = v4(6, &segment(b""));
    set(&mut ip, 2, 19);
    assert!(matches!(read(&ip).network, Network::Unknown(_)));
    set(&mut ip, 2, 4000);
    assert_eq!(transport(&ip), Verdict::Unverifiable(Why::Length));
}

/// Everything a check names is inside of the frame.
fn holds_promises(link: LinkType, frame: &[u8], original: u32, flags: u32) {
    let mut packet = Some(dissect(link, frame, original));
    let mut depth = 0;
    while let Some(at) = packet {
        for check in verify(&at, FrameFlags(flags)).iter() {
            assert!(check.field.is_empty() || offset(frame, check.field).is_some());
            assert!(check.covered.is_empty() || offset(frame, check.covered).is_some());
        }
        if let Transport::Tcp(tcp) = at.transport {
            assert!(tcp.options().count() <= 40 && tcp.payload().len() <= frame.len());
            let _ = (tcp.timestamps(), tcp.payload_bytes());
        }
        depth += 1;
        packet = at.inner().filter(|_| depth < 100);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_taken_apart(
        link in prop::sample::select(vec![0_u16, 1, 9, 12, 50, 51, 101, 104, 108, 113, 228, 229, 276, 999]),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        original in any::<u32>(),
        flags in any::<u32>(),
    ) {
        holds_promises(LinkType(link), &bytes, original, flags);
    }

    #[test]
    fn any_payload_behind_a_true_header_is_taken_apart(
        protocol in prop::sample::select(vec![0_u8, 1, 2, 4, 6, 17, 41, 43, 44, 47, 51, 58, 60, 89, 112, 132, 135]),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        cut in any::<prop::sample::Index>(),
        six in any::<bool>(),
    ) {
        let ip = if six { v6(protocol, &bytes) } else { v4(protocol, &bytes) };
        let cut = cut.index(ip.len() + 1);
        holds_promises(LinkType::RAW, &ip[..cut], ip.len() as u32, 0);
    }

    #[test]
    fn a_flipped_bit_is_never_good(at in any::<prop::sample::Index>(), bit in 0..8_u8, payload in proptest::collection::vec(any::<u8>(), 0..100)) {
        let mut ip = right(v4(6, &segment(&payload)), 6, 16);
        let at = 20 + at.index(ip.len() - 20);
        // The data offset changes what is a header, not the sum.
        prop_assume!(at != 32);
        ip[at] ^= 1_u8 << bit;
        prop_assert!(transport(&ip) != Verdict::Good);
    }
}
